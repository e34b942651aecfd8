//! `install`: the program copies itself into a server's plugin directory and shows how to register the copy. An init
//! container of the image, which has neither a shell nor `cp`, does it so.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::arguments::VERSION;
use crate::cli::checksum::checksum;
use crate::cli::go_flags::{Argument, Reader, switch};
use crate::cloud::random::nonce;

const HELP: &str = "Usage: vault-plugin-alicloud install [flags] DIR

Copies this program into a server's plugin directory, readable and executable for everybody, and prints its SHA-256 and the
commands that register it and move mounts to it:

  vault-plugin-alicloud install /etc/openbao/plugins

A file that is already there and has the same content is kept; one with another content is never replaced, because a server
may have it registered.

Flags:

  -name=FILE
      Name of the copy. Default: vault-plugin-alicloud_ and the version.
  -json
      Print JSON.

Exit codes: 0 success, 1 failure, 2 a command line that cannot be read.";

/// Why nothing was installed.
#[derive(Debug, thiserror::Error)]
enum InstallError {
    #[error("{0}\nSee vault-plugin-alicloud install --help.")]
    Usage(String),
    #[error("{} is not a directory: create it first, and name it in the server's plugin_directory", .0.display())]
    NoDirectory(PathBuf),
    #[error(
        "{} is there with another content and may be registered; give this build a name of its own with -name", .0.display()
    )]
    Taken(PathBuf),
    #[error("this program's own file cannot be read: {0}")]
    Own(io::Error),
    #[error("cannot write {}: {error}; is the directory writable for this user?", path.display())]
    Write { path: PathBuf, error: io::Error },
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    folder: PathBuf,
    name: Option<String>,
    json: bool,
    help: bool,
}

/// A copy that is in its place.
#[derive(Debug, Serialize)]
struct Installed {
    path: PathBuf,
    command: String,
    version: &'static str,
    sha256: String,
    commands: Commands,
}

/// What to type, for each command line.
#[derive(Debug, Serialize)]
struct Commands {
    vault: Vec<String>,
    bao: Vec<String>,
}

/// Runs the command with the arguments that follow its name.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let outcome = parse(arguments).and_then(|wanted| execute(&wanted));
    let (mut stream, text, code): (Box<dyn io::Write>, _, _) = match outcome {
        Ok(text) => (Box::new(io::stdout()), text, 0),
        Err(error) => {
            let code = if matches!(error, InstallError::Usage(_)) {
                2
            } else {
                1
            };
            (
                Box::new(io::stderr()),
                format!("vault-plugin-alicloud install: {error}"),
                code,
            )
        }
    };
    // Nobody is left to tell when this fails.
    writeln!(stream, "{text}").map_or(ExitCode::FAILURE, |()| ExitCode::from(code))
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Wanted, InstallError> {
    let usage = |text: &str| Err(InstallError::Usage(text.to_owned()));
    let mut wanted = Wanted::default();
    let arguments = arguments
        .into_iter()
        .map(|argument| argument.to_string_lossy().into_owned());
    let mut reader = Reader::new(arguments);
    while let Some(argument) = reader.read() {
        match argument {
            Argument::Word(word) if wanted.folder.as_os_str().is_empty() => wanted.folder = word.into(),
            Argument::Word(_) => return usage("one directory only"),
            Argument::Flag(flag) => match flag.name.as_str() {
                "json" => match switch(flag.value.as_deref()) {
                    Some(on) => wanted.json = on,
                    None => return usage("-json is on or off"),
                },
                "help" | "h" => wanted.help = true,
                "name" => match reader.value(flag) {
                    Some(name) if !name.is_empty() && !name.contains('/') && !name.starts_with('.') => {
                        wanted.name = Some(name);
                    }
                    _ => return usage("-name must be a file name"),
                },
                name => return usage(&format!("unknown flag -{name}")),
            },
        }
    }
    if wanted.folder.as_os_str().is_empty() && !wanted.help {
        return usage("name the plugin directory");
    }
    Ok(wanted)
}

fn execute(wanted: &Wanted) -> Result<String, InstallError> {
    if wanted.help {
        return Ok(HELP.to_owned());
    }
    let own = std::env::current_exe().map_err(InstallError::Own)?;
    let installed = install(&own, wanted)?;
    Ok(if wanted.json {
        serde_json::to_string_pretty(&installed).unwrap_or_default()
    } else {
        installed.text()
    })
}

fn install(own: &Path, wanted: &Wanted) -> Result<Installed, InstallError> {
    if !wanted.folder.is_dir() {
        return Err(InstallError::NoDirectory(wanted.folder.clone()));
    }
    let command = wanted
        .name
        .clone()
        .unwrap_or_else(|| format!("vault-plugin-alicloud_{VERSION}"));
    let path = wanted.folder.join(&command);
    let write_error = |error| InstallError::Write {
        path: path.clone(),
        error,
    };
    let sha256 = checksum(own).map_err(InstallError::Own)?;
    match checksum(&path) {
        Ok(found) if found == sha256 => allow_all(&path).map_err(write_error)?,
        Ok(_) => return Err(InstallError::Taken(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => copy(own, &path).map_err(write_error)?,
        Err(error) => return Err(write_error(error)),
    }
    Ok(Installed {
        commands: Commands {
            vault: commands("vault", &command, &sha256),
            bao: commands("bao", &command, &sha256),
        },
        path,
        command,
        version: VERSION,
        sha256,
    })
}

/// Through a file beside it, so that nobody sees half a copy.
fn copy(own: &Path, path: &Path) -> io::Result<()> {
    let beside = path.with_file_name(format!(".install-{}", nonce().map_err(io::Error::other)?));
    let outcome = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        io::copy(&mut File::open(own)?, &mut file)?;
        file.sync_all()?;
        drop(file);
        allow_all(&beside)?;
        fs::rename(&beside, path)
    })();
    // It may not even be there.
    let _ = fs::remove_file(&beside);
    outcome
}

/// The server's user, whom this one does not know, must be able to run it.
fn allow_all(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.permissions().mode() & 0o7777 == 0o755 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// Register, tune and reload, in this order, for each of the two kinds.
fn commands(cli: &str, command: &str, sha256: &str) -> Vec<String> {
    [
        ("secret", "secrets", "alicloud/"),
        ("auth", "auth", "auth/alicloud/"),
    ]
    .into_iter()
    .flat_map(|(kind, group, mount)| {
        [
            format!(
                "{cli} plugin register -sha256={sha256} -command={command} -version={VERSION} {kind} alicloud"
            ),
            format!("{cli} {group} tune -plugin-version={VERSION} alicloud/"),
            format!("{cli} write sys/plugins/reload/backend scope=global mounts={mount}"),
        ]
    })
    .collect()
}

impl Installed {
    fn text(&self) -> String {
        let mut text = format!("{}\nSHA-256 {}\n", self.path.display(), self.sha256);
        for (product, commands) in [("Vault", &self.commands.vault), ("OpenBao", &self.commands.bao)] {
            let _ = write!(
                text,
                "\n{product}: register it, then move each mount to it (alicloud/ is the mount; a new one is enabled with \
                 -plugin-version={VERSION}):\n"
            );
            for command in commands {
                let _ = writeln!(text, "  {command}");
            }
        }
        text.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(line: &str) -> Result<Wanted, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_names_one_directory() {
        let found = wanted("-json --name=p /d").unwrap();
        assert_eq!(
            (found.folder, found.name, found.json),
            ("/d".into(), Some("p".to_owned()), true)
        );
        for (line, part) in [
            ("", "name the plugin directory"),
            ("/a /b", "one directory only"),
            ("-name=../p /a", "must be a file name"),
            ("-force /a", "unknown flag -force"),
        ] {
            assert!(wanted(line).unwrap_err().contains(part), "{line}");
        }
    }

    #[test]
    fn a_copy_is_made_once_and_another_build_never_replaces_it() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        fs::write(&own, "a plugin").unwrap();
        let target = folder.path().join("plugins");
        let wanted = Wanted {
            folder: target.clone(),
            ..Wanted::default()
        };
        assert!(matches!(
            install(&own, &wanted),
            Err(InstallError::NoDirectory(_))
        ));
        fs::create_dir(&target).unwrap();
        let first = install(&own, &wanted).unwrap();
        assert_eq!(
            first.path,
            target.join(format!("vault-plugin-alicloud_{VERSION}"))
        );
        assert_eq!(fs::read_to_string(&first.path).unwrap(), "a plugin");
        assert_eq!(fs::read_dir(&target).unwrap().count(), 1);
        // An init container runs again, and somebody has taken the right to run it away.
        fs::set_permissions(&first.path, fs::Permissions::from_mode(0o600)).unwrap();
        install(&own, &wanted).unwrap();
        assert_eq!(
            fs::metadata(&first.path).unwrap().permissions().mode() & 0o7777,
            0o755
        );

        fs::write(&own, "another plugin").unwrap();
        assert!(matches!(install(&own, &wanted), Err(InstallError::Taken(_))));
        assert_eq!(fs::read_to_string(&first.path).unwrap(), "a plugin");
    }

    #[test]
    fn what_is_printed_can_be_typed() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        fs::write(&own, "").unwrap();
        let wanted = Wanted {
            folder: folder.path().to_owned(),
            ..Wanted::default()
        };
        let text = install(&own, &wanted).unwrap().text();
        let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for line in [
            format!(
                "  bao plugin register -sha256={sum} -command=vault-plugin-alicloud_{VERSION} -version={VERSION} auth alicloud"
            ),
            format!("  vault secrets tune -plugin-version={VERSION} alicloud/"),
            "  bao write sys/plugins/reload/backend scope=global mounts=auth/alicloud/".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
    }
}
