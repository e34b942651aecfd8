//! The flags of `sign` and `login`: one table, which the reader and the help follow.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use zeroize::Zeroizing;

use crate::cli::command::Command;
use crate::cli::go_flags::{Argument, Reader, switch};

/// One flag.
pub(super) struct Definition {
    /// Without hyphens; what the rest of the signer asks for.
    pub(super) name: &'static str,
    /// What the help calls its value; a switch has none.
    pub(super) value: Option<&'static str>,
    /// Which command has it; `None` means both.
    pub(super) only: Option<Command>,
    pub(super) help: &'static str,
}

const fn both(name: &'static str, value: &'static str, help: &'static str) -> Definition {
    Definition {
        name,
        value: Some(value),
        only: None,
        help,
    }
}

const fn login(name: &'static str, value: Option<&'static str>, help: &'static str) -> Definition {
    Definition {
        name,
        value,
        only: Some(Command::Login),
        help,
    }
}

/// The flag of the token helper's file, whose name is also part of messages.
pub(super) const TOKEN_HELPER: &str = "token-helper";

/// Every flag, in the order of the help.
pub(super) const FLAGS: &[Definition] = &[
    both("role", "NAME", "Role of the auth method to log in to. Required."),
    both(
        "region",
        "REGION",
        "Region whose STS is to confirm the identity, such as cn-hangzhou. Default: ALICLOUD_REGION, \
         ALIBABA_CLOUD_REGION_ID or ALIBABA_CLOUD_REGION, or the instance's own region if its RAM role signs.",
    ),
    both(
        "server-id",
        "ID",
        "What the auth method's config has as server_id. It is signed, so that the login is worth nothing at \
         another server.",
    ),
    both(
        "sts-endpoint",
        "HOST",
        "STS host to sign for, in place of the region's own. The server must accept it.",
    ),
    both(
        "access-key",
        "ID",
        "Access key id. Default: see \"Credentials\" below.",
    ),
    both(
        "secret-key",
        "SECRET",
        "Secret of -access-key, or - to read it from standard input.",
    ),
    both(
        "security-token",
        "TOKEN",
        "Token that goes with a temporary -access-key, or - to read it from standard input, after the secret.",
    ),
    both(
        "method",
        "alicloud",
        "Has no effect; for those who are used to \"login -method=alicloud\".",
    ),
    both(
        "output",
        "FILE",
        "Write to this file in place of standard output: mode 0600, replaced as a whole. login writes the token \
         alone, as an agent's token-file method reads it.",
    ),
    login(
        "mount",
        Some("PATH"),
        "Where the auth method is enabled, with auth/ in front or without. Default: alicloud.",
    ),
    login("token-only", None, "Print the token and nothing else."),
    login(
        "format",
        Some("table|json"),
        "How to print the answer: a table (the default), or the server's answer as JSON.",
    ),
    login(
        TOKEN_HELPER,
        None,
        "Write the token to where the default token helper of the bao and vault commands keeps it: the file that \
         BAO_TOKEN_PATH names, or ~/.vault-token.",
    ),
    login(
        "address",
        Some("URL"),
        "Address of the server. Default: BAO_ADDR or VAULT_ADDR, or https://127.0.0.1:8200.",
    ),
    login(
        "namespace",
        Some("PATH"),
        "Namespace of the auth method. Default: BAO_NAMESPACE or VAULT_NAMESPACE. Also -ns.",
    ),
    login(
        "ca-cert",
        Some("FILE"),
        "PEM file with the CA certificates to trust, in place of the system's.",
    ),
    login(
        "ca-path",
        Some("DIRECTORY"),
        "Directory of such PEM files, if there is no -ca-cert.",
    ),
    login(
        "client-cert",
        Some("FILE"),
        "PEM file with a certificate to show to the server; needs -client-key.",
    ),
    login(
        "client-key",
        Some("FILE"),
        "PEM file with the key of -client-cert.",
    ),
    login(
        "tls-server-name",
        Some("NAME"),
        "Name that the server's certificate must have, if it is not the address's.",
    ),
    login(
        "tls-skip-verify",
        None,
        "Do not verify the server's certificate. An attacker in the middle can then steal the login.",
    ),
];

/// Flags that exclude each other: each says where the token goes, or how it is printed.
const OUTPUTS: [&str; 4] = ["token-only", "format", "output", TOKEN_HELPER];

/// A command line of `sign` or `login`, read.
#[derive(Default)]
pub(super) struct Flags {
    pub(super) help: bool,
    values: BTreeMap<&'static str, Zeroizing<String>>,
    on: BTreeSet<&'static str>,
}

/// A command line that cannot be read. Values are not quoted: they may be secrets in the wrong place.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum UsageError {
    #[error("-{0} and -{1} cannot be used together")]
    Both(&'static str, &'static str),
    #[error("-{0} must be {1}")]
    Choice(&'static str, String),
    #[error("-{0} needs a value")]
    NoValue(&'static str),
    #[error("an argument is not valid Unicode")]
    NotUnicode,
    #[error("-{0} is required")]
    Required(&'static str),
    #[error("-{0} is on or off: write -{0}, -{0}=true or -{0}=false")]
    Switch(&'static str),
    #[error("there is no flag -{0}")]
    Unknown(String),
    #[error("-{0} requires -{1}")]
    Without(&'static str, &'static str),
    #[error("unexpected argument; flags are written as -name=value")]
    Word,
}

impl Flags {
    /// Reads the arguments that follow the command.
    pub(super) fn parse(
        command: Command,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, UsageError> {
        let arguments: Vec<String> = arguments
            .into_iter()
            .map(|argument| argument.into_string().map_err(|_| UsageError::NotUnicode))
            .collect::<Result<_, _>>()?;
        let mut reader = Reader::new(arguments.into_iter());
        let mut flags = Self::default();
        while let Some(argument) = reader.read() {
            let flag = match argument {
                Argument::Flag(flag) => flag,
                Argument::Word(word) if word == "help" => {
                    flags.help = true;
                    continue;
                }
                Argument::Word(_) => return Err(UsageError::Word),
            };
            let name = match flag.name.as_str() {
                "help" | "h" => {
                    flags.help = true;
                    continue;
                }
                "ns" => "namespace",
                name => name,
            };
            let known = |definition: &&Definition| {
                definition.name == name && definition.only.is_none_or(|only| only == command)
            };
            let Some(definition) = FLAGS.iter().find(known) else {
                return Err(UsageError::Unknown(name.to_owned()));
            };
            let name = definition.name;
            if definition.value.is_some() {
                let value = reader.value(flag).ok_or(UsageError::NoValue(name))?;
                // As in Go, the last one counts. A blank one takes an earlier one back.
                flags.values.insert(name, Zeroizing::new(value));
            } else if switch(flag.value.as_deref()).ok_or(UsageError::Switch(name))? {
                flags.on.insert(name);
            } else {
                flags.on.remove(name);
            }
        }
        if !flags.help {
            flags.check()?;
        }
        Ok(flags)
    }

    /// The value of a flag; a blank one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.values.get(name)?;
        (!value.is_empty()).then(|| value.as_str())
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.on.contains(name)
    }

    /// The value of a flag that [`Self::parse`] found to be there.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, UsageError> {
        self.get(name).ok_or(UsageError::Required(name))
    }

    fn check(&self) -> Result<(), UsageError> {
        self.required("role")?;
        self.one_of("method", &["alicloud"])?;
        self.one_of("format", &["table", "json"])?;
        for (one, other) in [
            ("access-key", "secret-key"),
            ("secret-key", "access-key"),
            ("security-token", "access-key"),
        ] {
            if self.get(one).is_some() && self.get(other).is_none() {
                return Err(UsageError::Without(one, other));
            }
        }
        let mut given = OUTPUTS
            .iter()
            .filter(|name| self.get(name).is_some() || self.is_on(name));
        match (given.next(), given.next()) {
            (Some(one), Some(other)) => Err(UsageError::Both(one, other)),
            _ => Ok(()),
        }
    }

    fn one_of(&self, name: &'static str, allowed: &[&str]) -> Result<(), UsageError> {
        match self.get(name) {
            Some(value) if !allowed.contains(&value) => Err(UsageError::Choice(name, allowed.join(" or "))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(command: Command, line: &str) -> Result<Flags, UsageError> {
        Flags::parse(command, line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn every_spelling_of_go_is_read() {
        let flags = parse(
            Command::Login,
            "--role r -region=cn-hangzhou -ns=team/a -token-only=true -mount= -role=last",
        )
        .unwrap();
        assert_eq!(flags.get("role"), Some("last"));
        assert_eq!(flags.get("region"), Some("cn-hangzhou"));
        assert_eq!(flags.get("namespace"), Some("team/a"));
        assert_eq!(flags.get("mount"), None);
        assert!(flags.is_on("token-only") && !flags.is_on("tls-skip-verify"));
        assert!(parse(Command::Sign, "--help").unwrap().help);
        assert!(parse(Command::Login, "help").unwrap().help);
    }

    #[test]
    fn what_is_wrong_is_named_without_its_value() {
        use Command::{Login, Sign};
        for (command, line, expected) in [
            (Sign, "", "-role is required"),
            (Sign, "-role=", "-role is required"),
            (Sign, "-role", "-role needs a value"),
            (Sign, "-role=r -secret_key=hidden", "there is no flag -secret_key"),
            (Sign, "-role=r -mount=m", "there is no flag -mount"),
            (
                Sign,
                "-role=r hidden",
                "unexpected argument; flags are written as -name=value",
            ),
            (Sign, "-role=r -method=aws", "-method must be alicloud"),
            (Sign, "-role=r -access-key=k", "-access-key requires -secret-key"),
            (
                Sign,
                "-role=r -secret-key=hidden",
                "-secret-key requires -access-key",
            ),
            (
                Sign,
                "-role=r -security-token=hidden",
                "-security-token requires -access-key",
            ),
            (
                Login,
                "-role=r -token-only=hidden",
                "-token-only is on or off: write -token-only, -token-only=true or -token-only=false",
            ),
            (Login, "-role=r -format=yaml", "-format must be table or json"),
            (
                Login,
                "-role=r -token-only -output=f",
                "-token-only and -output cannot be used together",
            ),
        ] {
            let error = parse(command, line).err().unwrap().to_string();
            assert_eq!(error, expected, "{line}");
        }
    }
}
