//! The unix socket on which the host finds us: a fresh name, restricted to the owner or to a group, removed at the end.
//!
//! Follows `serverListener_unix` in `server.go` of hashicorp/go-plugin.

use std::{
    fs, io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, chown},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use nix::sys::stat::{Mode, umask};

/// Linux keeps 108 bytes for the path, the last of which ends it.
const LONGEST_PATH: usize = 107;

/// A listening socket file; dropping it removes the file.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    /// The path as text, checked to fit into the handshake line.
    address: String,
}

/// Why there is no socket for the host to connect to.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The directory's path does not fit into the handshake line.
    #[error("the socket directory {0:?} has a name that is not plain text; set TMPDIR to another one")]
    Address(PathBuf),
    /// The socket could not be made.
    #[error(
        "cannot listen on {path:?}: {source}; set TMPDIR (or PLUGIN_UNIX_SOCKET_DIR) to a directory in which this user can \
         create files"
    )]
    Bind {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The socket could not be handed to the group that the host asked for.
    #[error("cannot give {path:?} to the group {group:?} of PLUGIN_UNIX_SOCKET_GROUP: {source}")]
    Group {
        /// The socket.
        path: PathBuf,
        /// The group as the host named it.
        group: String,
        /// What the system said.
        source: io::Error,
    },
    /// There is no such group.
    #[error(
        "PLUGIN_UNIX_SOCKET_GROUP is {0:?}, but /etc/group has no such group; a numeric group ID works as well"
    )]
    GroupUnknown(String),
    /// The system gave no random bytes for the name.
    #[error("cannot make a random name: {0}")]
    Random(getrandom::Error),
    /// The path is longer than the system allows.
    #[error(
        "the socket path {path:?} has {length} bytes and the system allows {LONGEST_PATH}; \
         set TMPDIR (or PLUGIN_UNIX_SOCKET_DIR) to a shorter directory"
    )]
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
}

impl Socket {
    /// Binds a new socket in `dir`, for the owner alone or for the members of `group` (a name or a number) as well.
    ///
    /// Sets the process's umask for a moment, so nothing else should create files meanwhile.
    pub(super) fn bind(dir: &Path, group: Option<&str>) -> Result<(Self, UnixListener), SocketError> {
        let path = unique(dir)?;
        let length = path.as_os_str().as_bytes().len();
        if length > LONGEST_PATH {
            return Err(SocketError::TooLong { path, length });
        }
        // The handshake line is one line with bars between its fields.
        let Some(address) = path
            .to_str()
            .filter(|text| !text.contains(|c: char| c == '|' || c.is_control()))
            .map(str::to_owned)
        else {
            return Err(SocketError::Address(dir.to_owned()));
        };

        let before = umask(Mode::S_IRWXG | Mode::S_IRWXO);
        let bound = UnixListener::bind(&path);
        umask(before);
        let listener = bound
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|source| SocketError::Bind {
                path: path.clone(),
                source,
            })?;

        let socket = Self { path, address };
        if let Some(group) = group {
            socket.share(group)?;
        }
        Ok((socket, listener))
    }

    /// The absolute path.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    fn share(&self, group: &str) -> Result<(), SocketError> {
        let failed = |source: io::Error| SocketError::Group {
            path: self.path.clone(),
            group: group.to_owned(),
            source,
        };
        let id = match group.parse() {
            Ok(number) => number,
            Err(_) => group_id(group)
                .map_err(failed)?
                .ok_or_else(|| SocketError::GroupUnknown(group.to_owned()))?,
        };
        chown(&self.path, None, Some(id)).map_err(failed)?;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o660)).map_err(failed)
    }
}

/// The number of a group in `/etc/group`. The C library would ask modules (NSS), which a static binary cannot load.
fn group_id(name: &str) -> io::Result<Option<u32>> {
    let text = fs::read("/etc/group")?;
    Ok(String::from_utf8_lossy(&text).lines().find_map(|line| {
        let mut fields = line.split(':');
        let found = fields.next() == Some(name);
        fields.nth(1)?.parse().ok().filter(|_| found)
    }))
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.address, %error, "the socket file could not be removed");
        }
    }
}

/// `plugin` and random digits, as go-plugin names them; a file left behind by a killed process is never in the way.
fn unique(dir: &Path) -> Result<PathBuf, SocketError> {
    let number = getrandom::u64().map_err(SocketError::Random)?;
    let path = dir.join(format!("plugin{number:016x}"));
    std::path::absolute(&path).map_err(|source| SocketError::Bind { path, source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::MetadataExt as _, net::UnixStream};

    use super::*;

    fn mode(socket: &Socket) -> u32 {
        fs::metadata(&socket.path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_socket_is_the_owners_alone_and_goes_away() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, listener) = Socket::bind(dir.path(), None).unwrap();
        assert_eq!(mode(&socket), 0o700);
        assert!(
            socket
                .path
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("plugin")
        );
        UnixStream::connect(socket.address()).unwrap();
        drop(socket);
        drop(listener);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_group_gets_the_socket_by_number_and_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let gid = nix::unistd::getgid();
        let name = nix::unistd::Group::from_gid(gid).unwrap().unwrap().name;
        for group in [gid.to_string(), name] {
            let (socket, _listener) = Socket::bind(dir.path(), Some(&group)).unwrap();
            assert_eq!(mode(&socket), 0o660);
            assert_eq!(fs::metadata(&socket.path).unwrap().gid(), gid.as_raw());
        }
    }

    #[test]
    fn an_unknown_group_is_named_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = Socket::bind(dir.path(), Some("no such group")).unwrap_err();
        assert!(
            matches!(&error, SocketError::GroupUnknown(group) if group == "no such group"),
            "{error}"
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn directories_that_cannot_do_are_explained() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(90));
        let error = Socket::bind(&deep, None).unwrap_err();
        assert!(error.to_string().contains("the system allows 107"), "{error}");

        let barred = dir.path().join("a|b");
        assert!(matches!(
            Socket::bind(&barred, None),
            Err(SocketError::Address(_))
        ));

        let missing = dir.path().join("missing");
        assert!(matches!(
            Socket::bind(&missing, None),
            Err(SocketError::Bind { .. })
        ));
    }
}
