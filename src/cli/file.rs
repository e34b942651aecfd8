//! Files that only their owner can read, replaced as a whole.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::cli::error::Error;
use crate::cloud::random::nonce;

/// Writes the text to a new file beside the path, with mode 0600, and moves it there: a reader sees the old text or the
/// new one. A link is replaced, not followed, so that nobody who can plant one chooses what is overwritten.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    // A rename would put a file in the place of a pipe, a device or a terminal.
    if fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return Err(Error::NotAFile(path.to_owned()));
    }
    let beside = beside(path)?;
    let outcome = fill(&beside, text).and_then(|()| fs::rename(&beside, path));
    outcome.map_err(|error| {
        // It may not even be there.
        let _ = fs::remove_file(&beside);
        Error::Write {
            path: path.to_owned(),
            error,
        }
    })
}

fn beside(path: &Path) -> Result<PathBuf, Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", nonce().map_err(Error::Nonce)?));
    Ok(path.with_file_name(name))
}

fn fill(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, "old and longer").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_a_folder_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (other, link) = (folder.path().join("other"), folder.path().join("link"));
        fs::write(&other, "other").unwrap();
        symlink(&other, &link).unwrap();
        write(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "other");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());

        let refusals = [
            (folder.path().to_owned(), "is no regular file"),
            (folder.path().join("no/such/folder"), "cannot write"),
        ];
        for (path, part) in refusals {
            let error = write(&path, "new").unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
