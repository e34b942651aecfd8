//! Where the server is and how to reach it: flags, then the environment as the CLIs read it.

use std::time::Duration;

use http::HeaderValue;
use rustls::pki_types::ServerName;
use url::Url;

use crate::alicloud::credentials::Environment;
use crate::cli::flags::Flags;
use crate::cli::go_flags::switch;
use crate::cloud::encode::encode;
use crate::framework::{DurationError, parse_duration};

/// The CLIs' default, both of the address and of the timeout.
const ADDRESS: &str = "https://127.0.0.1:8200";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Everything about the server.
#[derive(Debug)]
pub(in crate::cli) struct Settings {
    /// Of the login.
    pub(in crate::cli) url: Url,
    pub(in crate::cli) namespace: Option<HeaderValue>,
    pub(in crate::cli) tls: TlsSettings,
    pub(in crate::cli) proxy: Proxy,
    pub(in crate::cli) timeout: Duration,
    pub(in crate::cli) follow_redirect: bool,
}

/// What TLS needs, not yet loaded.
#[derive(Debug, Default)]
pub(in crate::cli) struct TlsSettings {
    pub(in crate::cli) roots: Roots,
    /// Files of certificate and key.
    pub(in crate::cli) client: Option<(String, String)>,
    pub(in crate::cli) server_name: Option<ServerName<'static>>,
    pub(in crate::cli) skip_verify: bool,
}

/// Whom to trust.
#[derive(Debug, Default)]
pub(in crate::cli) enum Roots {
    #[default]
    System,
    File(String),
    Pem(String),
    Folder(String),
}

/// The way to the server.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Proxy {
    /// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` decide.
    Environment,
    /// This one, for every address.
    Given {
        /// The name of the setting.
        from: String,
        value: String,
    },
}

/// A setting that cannot be used. Each names where it came from.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum SettingError {
    #[error("{0} must be a URL that starts with http:// or https://")]
    Address(String),
    #[error(
        "-client-cert and -client-key (or BAO_CLIENT_CERT and BAO_CLIENT_KEY) are set both or not at all"
    )]
    ClientPair,
    #[error("{0}: {1}")]
    Duration(String, DurationError),
    #[error("-mount must be a path such as alicloud or auth/alicloud")]
    Mount,
    #[error("{0} must not have control characters")]
    Namespace(String),
    #[error("{0} must be a host name or an address")]
    ServerName(String),
    #[error("{0} must be true or false")]
    Switch(String),
}

/// A value, and how an error names where it came from.
type Found = (String, String);

/// Looks a setting up.
struct Lookup<'a> {
    flags: &'a Flags,
    environment: &'a dyn Environment,
}

impl Lookup<'_> {
    fn flag_or_variable(&self, flag: &str, variable: &str) -> Option<Found> {
        match self.flags.get(flag) {
            Some(value) => Some((value.to_owned(), format!("-{flag}"))),
            None => self.variable(variable),
        }
    }

    fn variable(&self, variable: &str) -> Option<Found> {
        named_variable(self.environment, variable)
    }

    fn text(&self, flag: &str, variable: &str) -> Option<String> {
        self.flag_or_variable(flag, variable).map(|(value, _)| value)
    }

    fn is_on(&self, variable: &str) -> Result<bool, SettingError> {
        match self.variable(variable) {
            Some((value, from)) => switch(Some(&value)).ok_or(SettingError::Switch(from)),
            None => Ok(false),
        }
    }
}

/// `BAO_<variable>`, or else `VAULT_<variable>`, with its full name; a blank one counts as absent. The rule is OpenBao's:
/// a blank BAO_ variable hides its VAULT_ twin. Vault's CLI reads the VAULT_ names alone, so it is obeyed too wherever no
/// BAO_ name is set.
pub(in crate::cli) fn named_variable(environment: &dyn Environment, variable: &str) -> Option<Found> {
    let (value, name) = ["BAO_", "VAULT_"].iter().find_map(|prefix| {
        let name = format!("{prefix}{variable}");
        environment.var(&name).map(|value| (value, name))
    })?;
    (!value.is_empty()).then_some((value, name))
}

impl Settings {
    /// Reads and checks all of them; no file is opened yet.
    pub(in crate::cli) fn read(flags: &Flags, environment: &dyn Environment) -> Result<Self, SettingError> {
        let lookup = Lookup { flags, environment };
        let url = login_url(&lookup)?;
        let timeout = match lookup.variable("CLIENT_TIMEOUT") {
            Some((value, from)) => {
                parse_duration(&value).map_err(|error| SettingError::Duration(from, error))?
            }
            None => Duration::ZERO,
        };
        Ok(Self {
            namespace: namespace(&lookup)?,
            tls: TlsSettings::read(&lookup)?,
            proxy: proxy(&lookup),
            // As in the CLIs, zero means the default.
            timeout: if timeout.is_zero() {
                DEFAULT_TIMEOUT
            } else {
                timeout
            },
            follow_redirect: !lookup.is_on("DISABLE_REDIRECTS")?,
            url,
        })
    }
}

impl TlsSettings {
    fn read(lookup: &Lookup<'_>) -> Result<Self, SettingError> {
        let file = lookup.text("ca-cert", "CACERT").map(Roots::File);
        let pem = || lookup.variable("CACERT_BYTES").map(|(pem, _)| Roots::Pem(pem));
        let folder = || lookup.text("ca-path", "CAPATH").map(Roots::Folder);
        let client = match (
            lookup.text("client-cert", "CLIENT_CERT"),
            lookup.text("client-key", "CLIENT_KEY"),
        ) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(SettingError::ClientPair),
        };
        let server_name = match lookup.flag_or_variable("tls-server-name", "TLS_SERVER_NAME") {
            Some((name, from)) => {
                Some(ServerName::try_from(name).map_err(|_| SettingError::ServerName(from))?)
            }
            None => None,
        };
        Ok(Self {
            roots: file.or_else(pem).or_else(folder).unwrap_or_default(),
            client,
            server_name,
            skip_verify: lookup.flags.is_on("tls-skip-verify") || lookup.is_on("SKIP_VERIFY")?,
        })
    }
}

fn login_url(lookup: &Lookup<'_>) -> Result<Url, SettingError> {
    let found = lookup.flag_or_variable("address", "ADDR");
    let (address, from) = found.unwrap_or_else(|| (ADDRESS.to_owned(), String::new()));
    let parsed = Url::parse(address.trim()).ok();
    let Some(mut url) = parsed.filter(|url| matches!(url.scheme(), "http" | "https")) else {
        return Err(SettingError::Address(from));
    };
    let mount = mount_path(lookup.flags.get("mount").unwrap_or("alicloud"))?;
    // A server behind a path of a gateway keeps it, as in the CLIs.
    let path = format!("{}/v1/auth/{mount}/login", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// A mount's path as `auth list` shows it, or as a policy names it, made fit for a URL.
fn mount_path(mount: &str) -> Result<String, SettingError> {
    let mount = mount.trim_matches('/');
    let mount = mount.strip_prefix("auth/").unwrap_or(mount);
    let segments: Vec<_> = mount.split('/').collect();
    if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return Err(SettingError::Mount);
    }
    Ok(segments.into_iter().map(encode).collect::<Vec<_>>().join("/"))
}

fn namespace(lookup: &Lookup<'_>) -> Result<Option<HeaderValue>, SettingError> {
    let Some((namespace, from)) = lookup.flag_or_variable("namespace", "NAMESPACE") else {
        return Ok(None);
    };
    let value = HeaderValue::from_str(&namespace);
    value.map(Some).map_err(|_| SettingError::Namespace(from))
}

fn proxy(lookup: &Lookup<'_>) -> Proxy {
    let given = lookup
        .variable("PROXY_ADDR")
        .or_else(|| lookup.variable("HTTP_PROXY"));
    match given {
        Some((value, from)) => Proxy::Given { from, value },
        None => Proxy::Environment,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::command::Command;

    fn read(line: &str, variables: &'static [(&str, &str)]) -> Result<Settings, String> {
        let line = format!("-role=r {line}");
        let flags = Flags::parse(Command::Login, line.split_whitespace().map(OsString::from)).unwrap();
        let environment = |name: &str| {
            variables
                .iter()
                .find(|(found, _)| *found == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Settings::read(&flags, &environment).map_err(|error| error.to_string())
    }

    #[test]
    fn a_flag_goes_before_bao_and_bao_before_vault() {
        const BOTH: &[(&str, &str)] = &[
            ("BAO_ADDR", "https://bao:8200/"),
            ("VAULT_ADDR", "https://vault:8200"),
            ("BAO_NAMESPACE", ""),
            ("VAULT_NAMESPACE", "hidden"),
            ("VAULT_CACERT", "ca.pem"),
            ("VAULT_CLIENT_TIMEOUT", "5m"),
            ("VAULT_SKIP_VERIFY", "1"),
        ];
        let settings = read("", BOTH).unwrap();
        assert_eq!(settings.url.as_str(), "https://bao:8200/v1/auth/alicloud/login");
        assert_eq!(settings.namespace, None);
        assert!(matches!(&settings.tls.roots, Roots::File(file) if file == "ca.pem"));
        assert!(settings.tls.skip_verify && settings.follow_redirect);
        assert_eq!(settings.timeout, Duration::from_secs(300));

        let settings = read("-address=http://flag:1 -namespace=team/ -ca-cert=other.pem", BOTH).unwrap();
        assert_eq!(settings.url.as_str(), "http://flag:1/v1/auth/alicloud/login");
        assert_eq!(settings.namespace.unwrap(), "team/");
        assert!(matches!(&settings.tls.roots, Roots::File(file) if file == "other.pem"));

        let settings = read("", &[("VAULT_ADDR", "https://vault:8200")]).unwrap();
        assert_eq!(settings.url.host_str(), Some("vault"));
        assert_eq!(settings.timeout, DEFAULT_TIMEOUT);
        assert_eq!(
            read("", &[]).unwrap().url.as_str(),
            "https://127.0.0.1:8200/v1/auth/alicloud/login"
        );
    }

    #[test]
    fn a_mount_is_written_with_auth_in_front_or_without() {
        for (line, path) in [
            ("-mount=alicloud", "/v1/auth/alicloud/login"),
            ("-mount=auth/alicloud", "/v1/auth/alicloud/login"),
            ("-mount=/auth/team/a/", "/v1/auth/team/a/login"),
            (
                "-mount=a?b#c%2f -address=https://h/gate/",
                "/gate/v1/auth/a%3Fb%23c%252f/login",
            ),
        ] {
            assert_eq!(read(line, &[]).unwrap().url.path(), path, "{line}");
        }
        for line in ["-mount=a/../b", "-mount=a//b", "-mount=/"] {
            assert!(
                read(line, &[]).unwrap_err().starts_with("-mount must be"),
                "{line}"
            );
        }
    }

    #[test]
    fn a_wrong_setting_is_named_by_its_source() {
        for (line, variables, part) in [
            ("-address=localhost:8200", &[][..], "-address must be a URL"),
            (
                "",
                &[("VAULT_ADDR", "127.0.0.1:8200")],
                "VAULT_ADDR must be a URL",
            ),
            (
                "",
                &[("BAO_ADDR", "unix:///run/bao.sock")],
                "BAO_ADDR must be a URL",
            ),
            (
                "",
                &[("BAO_SKIP_VERIFY", "yes")],
                "BAO_SKIP_VERIFY must be true or false",
            ),
            (
                "",
                &[("VAULT_CLIENT_TIMEOUT", "soon")],
                "VAULT_CLIENT_TIMEOUT: expected",
            ),
            (
                "",
                &[("VAULT_CLIENT_CERT", "c.pem")],
                "-client-cert and -client-key",
            ),
            ("-tls-server-name=a/b", &[], "-tls-server-name must be"),
            ("", &[("BAO_NAMESPACE", "a\nb")], "BAO_NAMESPACE must not"),
        ] {
            let error = read(line, variables).unwrap_err();
            assert!(error.starts_with(part), "{error}");
        }
    }

    #[test]
    fn a_proxy_of_the_clis_variables_goes_before_the_environments() {
        assert_eq!(read("", &[]).unwrap().proxy, Proxy::Environment);
        let given = read(
            "",
            &[
                ("VAULT_HTTP_PROXY", "http://one"),
                ("VAULT_PROXY_ADDR", "http://two"),
            ],
        );
        let expected = Proxy::Given {
            from: "VAULT_PROXY_ADDR".to_owned(),
            value: "http://two".to_owned(),
        };
        assert_eq!(given.unwrap().proxy, expected);
    }
}
