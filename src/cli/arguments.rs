//! The command line of the plugin, and what it says to a person.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use crate::cli::checksum::checksum;
use crate::cli::command::Command;
use crate::cli::go_flags::{Argument, Reader};
use crate::framework::{BackendKind, words};

/// The version, with the leading `v` that the catalogs of Vault and OpenBao want.
pub const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invocation {
    /// Explain the program.
    Help,
    /// Serve a host.
    Plugin,
    /// Copy the program into a plugin directory.
    Install,
    /// Sign a login, for the first argument says so; the signer reads the others.
    Command(Command),
    /// Print the version.
    Version,
}

words! {
    /// Which secrets engine the plugin is, by the word of `-engine`.
    pub enum SecretsEngine {
        /// RAM users and STS sessions of Alibaba Cloud.
        AliCloud = "alicloud",
        /// IAM users of AWS.
        Aws = "aws",
    }
}

/// The command line, read.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    /// What is to be done.
    pub invocation: Invocation,
    /// What a mount is whose host does not say: only while a plugin is registered without a type.
    pub fallback_kind: BackendKind,
    /// What a mount of kind `secret` is.
    pub engine: SecretsEngine,
    /// How many arguments have no meaning.
    pub unknown: usize,
}

/// A command line that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ArgumentError {
    /// `-engine` with another value.
    #[error("-engine must be alicloud or aws, not {0:?}")]
    Engine(String),
    /// `-type` with another value.
    #[error("-type must be secret or auth, not {0:?}")]
    Type(String),
}

/// Flags of the Go plugins (`api.PluginAPIClientMeta`), which told them how to reach the server's API. Registrations
/// made for those plugins keep working; the flags have no use with protocol version 5.
const IGNORED: [&str; 5] = [
    "ca-cert",
    "ca-path",
    "client-cert",
    "client-key",
    "tls-server-name",
];
const IGNORED_SWITCHES: [&str; 1] = ["tls-skip-verify"];

impl Arguments {
    /// Reads the command line in the syntax of Go's `flag` package: one or two hyphens, `=value` or a following one.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, ArgumentError> {
        let mut arguments = arguments
            .into_iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .peekable();
        let program = arguments.next().unwrap_or_default();
        let mut parsed = Self {
            invocation: Invocation::Plugin,
            fallback_kind: kind_from_name(&program),
            engine: SecretsEngine::AliCloud,
            unknown: 0,
        };
        if arguments.peek().is_some_and(|word| word == "install") {
            parsed.invocation = Invocation::Install;
            return Ok(parsed);
        }
        if let Some(command) = arguments.peek().and_then(|word| Command::named(word)) {
            parsed.invocation = Invocation::Command(command);
            return Ok(parsed);
        }
        let mut reader = Reader::new(arguments);
        while let Some(argument) = reader.read() {
            let flag = match argument {
                Argument::Flag(flag) => flag,
                Argument::Word(word) if word == "help" => {
                    parsed.invocation = Invocation::Help;
                    continue;
                }
                Argument::Word(_) => {
                    parsed.unknown += 1;
                    continue;
                }
            };
            match flag.name.as_str() {
                "help" | "h" => parsed.invocation = Invocation::Help,
                "version" | "V" => parsed.invocation = Invocation::Version,
                "type" => {
                    parsed.fallback_kind = match reader.value(flag).unwrap_or_default().as_str() {
                        "auth" => BackendKind::Auth,
                        "secret" => BackendKind::Secrets,
                        other => return Err(ArgumentError::Type(other.to_owned())),
                    }
                }
                "engine" => {
                    let word = reader.value(flag).unwrap_or_default();
                    parsed.engine = word.parse().map_err(|_: String| ArgumentError::Engine(word))?;
                }
                name if IGNORED.contains(&name) => {
                    reader.value(flag);
                }
                name if IGNORED_SWITCHES.contains(&name) => {}
                _ => parsed.unknown += 1,
            }
        }
        Ok(parsed)
    }
}

/// A file called after an auth plugin is one; anything else is a secrets engine.
fn kind_from_name(program: &str) -> BackendKind {
    let file = Path::new(program)
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    if file.contains("auth") {
        BackendKind::Auth
    } else {
        BackendKind::Secrets
    }
}

/// What the program is and how to register it, with its own checksum filled in.
pub fn help() -> String {
    let (file, sum) = match own_checksum() {
        Ok((file, sum)) => (file, sum),
        Err(_) => (
            "vault-plugin-alicloud".to_owned(),
            "<SHA-256 of this file>".to_owned(),
        ),
    };
    format!(
        "vault-plugin-alicloud {VERSION}: AliCloud secrets engine and auth method for HashiCorp Vault and OpenBao.

This is a plugin: the server starts it. Put it into the server's plugin_directory, then register and enable it
(write bao in place of vault for OpenBao):

  vault plugin register -version={VERSION} -sha256={sum} \\
      -command={file} secret alicloud
  vault secrets enable -plugin-version={VERSION} alicloud

  vault plugin register -version={VERSION} -sha256={sum} \\
      -command={file} auth alicloud
  vault auth enable -plugin-version={VERSION} alicloud

It can put itself there, under a name that has its version, and print the commands for a mount that exists:

  vault-plugin-alicloud install --help

The same file is an engine for AWS, which makes IAM users, where it is registered with -engine=aws:

  vault plugin register -version={VERSION} -sha256={sum} \\
      -command={file} -args=-engine=aws secret aws-users
  vault secrets enable -path=aws -plugin-version={VERSION} aws-users

For clients without AliCloud support, this program can sign and log in to the auth method:

  vault-plugin-alicloud sign --help
  vault-plugin-alicloud login --help

Flags: --version, --help."
    )
}

fn own_checksum() -> io::Result<(String, String)> {
    let path = env::current_exe()?;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    Ok((name, checksum(&path)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, ArgumentError> {
        Arguments::parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn a_host_that_says_no_type_is_told_by_flag_or_file_name() {
        for (line, kind) in [
            ("/p/vault-plugin-alicloud", BackendKind::Secrets),
            ("/p/vault-plugin-auth-alicloud", BackendKind::Auth),
            ("/auth/vault-plugin-alicloud", BackendKind::Secrets),
            ("p -type=auth", BackendKind::Auth),
            ("p --type auth", BackendKind::Auth),
            ("auth-p -type secret", BackendKind::Secrets),
        ] {
            assert_eq!(parse(line).unwrap().fallback_kind, kind, "{line}");
        }
        assert!(parse("p -type=database").is_err());
    }

    #[test]
    fn the_secrets_engine_is_chosen_by_a_flag() {
        for (line, engine) in [
            ("p", SecretsEngine::AliCloud),
            ("p -engine=alicloud", SecretsEngine::AliCloud),
            ("p --engine aws", SecretsEngine::Aws),
            ("p -type=secret -engine=aws", SecretsEngine::Aws),
        ] {
            assert_eq!(parse(line).unwrap().engine, engine, "{line}");
        }
        for line in ["p -engine=gcp", "p -engine=AWS", "p -engine=", "p -engine"] {
            let error = parse(line).unwrap_err().to_string();
            assert!(
                error.starts_with("-engine must be alicloud or aws, not "),
                "{error}"
            );
        }
    }

    #[test]
    fn flags_of_the_go_plugins_are_tolerated() {
        let line = "p -ca-cert=x --ca-path y -tls-skip-verify -client-key k --tls-server-name=n";
        assert_eq!(parse(line).unwrap().unknown, 0);
        assert_eq!(parse("p -ca-cert x --what=1 more").unwrap().unknown, 2);
    }

    #[test]
    fn the_signer_is_asked_for_by_the_first_argument_only() {
        for (line, invocation) in [
            ("p sign -role=r", Invocation::Command(Command::Sign)),
            ("p login --help", Invocation::Command(Command::Login)),
            ("p install /plugins", Invocation::Install),
            ("p -type=auth login", Invocation::Plugin),
            ("sign", Invocation::Plugin),
        ] {
            assert_eq!(parse(line).unwrap().invocation, invocation, "{line}");
        }
    }

    #[test]
    fn people_can_ask() {
        for (line, invocation) in [
            ("p", Invocation::Plugin),
            ("p --help", Invocation::Help),
            ("p -h", Invocation::Help),
            ("p help", Invocation::Help),
            ("p --version", Invocation::Version),
            ("p -version", Invocation::Version),
        ] {
            assert_eq!(parse(line).unwrap().invocation, invocation, "{line}");
        }
        let help = help();
        for part in [VERSION, "install --help", "sign --help", "login --help"] {
            assert!(help.contains(part), "{part}");
        }
    }
}
