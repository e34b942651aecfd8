//! What the host says in the environment, and the one line that answers it.
//!
//! Pure: the environment comes in as a function, the line goes out as a string. Follows `client.go`, `server.go` and
//! `constants.go` of hashicorp/go-plugin.

use std::{ffi::OsString, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use rustls::pki_types::CertificateDer;

use super::host_certificate::{CertificateError, HostCertificate};

/// The only version of go-plugin's own protocol (`CoreProtocolVersion`).
const CORE_PROTOCOL_VERSION: u32 = 1;

/// The variable and value by which a host shows that it, and not a person, starts the program.
#[derive(Clone, Copy, Debug)]
pub struct Cookie {
    /// Name of the environment variable.
    pub key: &'static str,
    /// The value it must have, compared exactly.
    pub value: &'static str,
}

/// Everything the host said in the environment, checked.
#[derive(Clone, Debug)]
pub struct Handshake {
    pub(super) version: u32,
    pub(super) host_certificate: HostCertificate,
    pub(super) multiplex: bool,
    pub(super) socket_dir: PathBuf,
    pub(super) socket_group: Option<String>,
}

/// Why the program cannot serve the host that started it, if a host did.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// `PLUGIN_CLIENT_CERT` holds no usable certificate.
    #[error("PLUGIN_CLIENT_CERT is not a certificate in PEM form: {0}")]
    ClientCertificateInvalid(#[source] CertificateError),
    /// `PLUGIN_CLIENT_CERT` is not set, so the host did not turn AutoMTLS on.
    #[error(
        "PLUGIN_CLIENT_CERT is missing: the host must use AutoMTLS, this plugin does not serve without TLS"
    )]
    ClientCertificateMissing,
    /// The magic cookie is missing or different: a person started the program.
    #[error(
        "this program is a plugin and not meant to be run by hand; register it with the server that uses it, \
         which will start it ({key} is not set to the expected value)"
    )]
    NotAPlugin {
        /// The cookie's variable.
        key: &'static str,
    },
    /// A variable that must be text is not valid UTF-8.
    #[error("{0} is not valid UTF-8")]
    NotUnicode(&'static str),
    /// The host does not offer the protocol version that is spoken here.
    #[error(
        "the host offers plugin protocol versions {offered:?} and this plugin speaks only {ours}, which OpenBao and Vault \
         since 1.12 offer; a newer host falls back to older versions when it meets the connection of a plugin that was \
         killed: then read any existing mount of the plugin, and try again"
    )]
    UnsupportedVersion {
        /// `PLUGIN_PROTOCOL_VERSIONS` as it came.
        offered: String,
        /// The version asked for by the caller of [`Handshake::from_env`].
        ours: u32,
    },
}

impl Handshake {
    /// Reads the host's variables through `env`; `version` is the application protocol version that is spoken.
    pub fn from_env(
        cookie: Cookie,
        version: u32,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, HandshakeError> {
        if env(cookie.key).is_none_or(|value| value != cookie.value) {
            return Err(HandshakeError::NotAPlugin { key: cookie.key });
        }
        let text = |name: &'static str| match env(name).map(OsString::into_string) {
            Some(Ok(value)) if value.is_empty() => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(_)) => Err(HandshakeError::NotUnicode(name)),
            None => Ok(None),
        };

        // A set in random order (it is printed from a Go map); entries that are not numbers are ignored.
        let offered = text("PLUGIN_PROTOCOL_VERSIONS")?.unwrap_or_default();
        if !offered
            .split(',')
            .any(|entry| entry.trim().parse() == Ok(version))
        {
            return Err(HandshakeError::UnsupportedVersion {
                offered,
                ours: version,
            });
        }

        let pem = text("PLUGIN_CLIENT_CERT")?.ok_or(HandshakeError::ClientCertificateMissing)?;
        let host_certificate =
            HostCertificate::from_pem(&pem).map_err(HandshakeError::ClientCertificateInvalid)?;

        let directory = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Ok(Self {
            version,
            host_certificate,
            multiplex: env("PLUGIN_MULTIPLEX_GRPC").is_some_and(|value| !value.is_empty()),
            socket_dir: directory("PLUGIN_UNIX_SOCKET_DIR")
                .or_else(|| directory("TMPDIR"))
                .unwrap_or_else(|| PathBuf::from("/tmp")),
            socket_group: text("PLUGIN_UNIX_SOCKET_GROUP")?,
        })
    }

    /// The line for stdout: `CORE|APP|NETWORK|ADDRESS|PROTOCOL|CERT`, and `|true` only for a host that asked for
    /// broker multiplexing (an older one would take a seventh field for a part of the certificate).
    pub(super) fn line(&self, socket: &str, certificate: &CertificateDer<'_>) -> String {
        let certificate = STANDARD_NO_PAD.encode(certificate);
        let multiplex = if self.multiplex { "|true" } else { "" };
        format!(
            "{CORE_PROTOCOL_VERSION}|{}|unix|{socket}|grpc|{certificate}{multiplex}\n",
            self.version
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goplugin::host_certificate::tests::host_pem;

    const COOKIE: Cookie = Cookie {
        key: "TEST_PLUGIN",
        value: "biscuit",
    };

    fn parse(pairs: &[(&str, &str)]) -> Result<Handshake, HandshakeError> {
        Handshake::from_env(COOKIE, 5, |name| {
            pairs
                .iter()
                .rev()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        })
    }

    fn with(extra: &[(&str, &str)]) -> Result<Handshake, HandshakeError> {
        let pem = host_pem();
        let mut pairs = vec![
            ("TEST_PLUGIN", "biscuit"),
            ("PLUGIN_PROTOCOL_VERSIONS", "5"),
            ("PLUGIN_CLIENT_CERT", &pem),
        ];
        pairs.extend(extra);
        parse(&pairs)
    }

    #[test]
    fn a_missing_or_wrong_cookie_means_not_a_plugin() {
        for pairs in [
            &[][..],
            &[("TEST_PLUGIN", "")],
            &[("TEST_PLUGIN", "Biscuit")],
            &[("OTHER", "biscuit")],
        ] {
            assert!(
                matches!(
                    parse(pairs),
                    Err(HandshakeError::NotAPlugin { key: "TEST_PLUGIN" })
                ),
                "{pairs:?}"
            );
        }
    }

    #[test]
    fn versions_are_a_set() {
        for good in ["5", "4,5", "5,3", "x, 5 ,,6", "3,4,5"] {
            assert!(with(&[("PLUGIN_PROTOCOL_VERSIONS", good)]).is_ok(), "{good}");
        }
        for bad in ["", "3,4", "55", "5.0", "-5", "six"] {
            let error = with(&[("PLUGIN_PROTOCOL_VERSIONS", bad)]).unwrap_err();
            assert!(
                matches!(&error, HandshakeError::UnsupportedVersion { offered, ours: 5 } if offered == bad),
                "{bad}: {error}"
            );
        }
    }

    #[test]
    fn the_hosts_certificate_is_demanded() {
        let absent = with(&[("PLUGIN_CLIENT_CERT", "")]).unwrap_err();
        assert!(matches!(absent, HandshakeError::ClientCertificateMissing));
        let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for pem in ["x", "-----BEGIN CERTIFICATE-----\nAA", bad, key] {
            let error = with(&[("PLUGIN_CLIENT_CERT", pem)]).unwrap_err();
            assert!(
                matches!(error, HandshakeError::ClientCertificateInvalid(_)),
                "{pem}: {error}"
            );
        }
        // Only the first of several certificates counts.
        let two = format!("{}{bad}", host_pem());
        assert!(with(&[("PLUGIN_CLIENT_CERT", &two)]).is_ok());
    }

    #[test]
    fn the_socket_goes_where_the_host_says() {
        let cases = [
            (&[][..], "/tmp"),
            (&[("TMPDIR", "")], "/tmp"),
            (&[("TMPDIR", "/t")], "/t"),
            (
                &[("TMPDIR", "/t"), ("PLUGIN_UNIX_SOCKET_DIR", "/run/p")],
                "/run/p",
            ),
        ];
        for (extra, dir) in cases {
            assert_eq!(with(extra).unwrap().socket_dir, PathBuf::from(dir), "{extra:?}");
        }
        assert_eq!(with(&[]).unwrap().socket_group, None);
        let group = with(&[("PLUGIN_UNIX_SOCKET_GROUP", "1000")])
            .unwrap()
            .socket_group;
        assert_eq!(group.as_deref(), Some("1000"));
    }

    #[test]
    fn the_line_has_a_seventh_field_only_when_asked() {
        let certificate = CertificateDer::from(vec![0xff, 0xfe, 0xfd, 0xfc]);
        assert_eq!(
            with(&[]).unwrap().line("/tmp/p", &certificate),
            "1|5|unix|/tmp/p|grpc|//79/A\n"
        );
        for value in ["true", "1", "false"] {
            let asked = with(&[("PLUGIN_MULTIPLEX_GRPC", value)]).unwrap();
            assert_eq!(
                asked.line("/p", &certificate),
                "1|5|unix|/p|grpc|//79/A|true\n",
                "{value}"
            );
        }
        assert!(!with(&[("PLUGIN_MULTIPLEX_GRPC", "")]).unwrap().multiplex);
    }
}
