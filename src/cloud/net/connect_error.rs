//! Why there is no connection, in words.

use std::error::Error;
use std::fmt;
use std::io;

use rustls::{CertificateError, InvalidMessage};

use super::proxy::{Proxy, ProxyError};
use super::trust::{WeakKey, is_webpki};
use crate::cloud::redact;

/// Why there is no connection. `Display` begins with ` through the proxy …`, where there is one, and goes on with a colon and
/// the cause: what could not be done stands in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnectError {
    /// The address of the proxy.
    through: Option<String>,
    cause: String,
    /// See [`Self::is_lasting`].
    lasting: bool,
}

impl ConnectError {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Self {
            through: None,
            cause: cause.into(),
            lasting: false,
        }
    }

    /// The setting of a proxy that is not one.
    pub(super) fn no_proxy(error: &ProxyError) -> Self {
        Self::new(error.to_string()).lasting()
    }

    pub(super) fn lasting(self) -> Self {
        Self {
            lasting: true,
            ..self
        }
    }

    /// The same on the way through a proxy.
    pub(super) fn through(self, proxy: &Proxy) -> Self {
        Self {
            through: Some(proxy.to_string()),
            ..self
        }
    }

    /// The same, where the proxy itself is what could not be reached.
    pub(super) fn of_proxy_itself(self) -> Self {
        Self {
            cause: format!("no connection to the proxy: {}", self.cause),
            ..self
        }
    }

    /// An error of TCP, or below.
    pub(super) fn of_io(error: &io::Error) -> Self {
        let known = match error.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused",
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
                "the connection was closed before it was established"
            }
            io::ErrorKind::TimedOut => "connecting timed out",
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "no route to the host",
            // What is left are the system's own words, such as "Too many open files".
            _ => return Self::new(redact::message(&error.to_string(), None)),
        };
        Self::new(known)
    }

    /// The same in the talk with a proxy.
    pub(super) fn of_proxy_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::new("the proxy closed the connection")
            }
            _ => Self::of_io(error).of_proxy_itself(),
        }
    }

    /// An error of the handshake of TLS.
    pub(super) fn of_tls(error: &io::Error) -> Self {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(tls) => Self::new(told(tls)),
            None => Self::of_io(error),
        }
    }

    /// Whether only a change of settings can fix it, so that another try is a waste of time.
    pub(crate) fn is_lasting(&self) -> bool {
        self.lasting
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(proxy) = &self.through {
            write!(f, " through the proxy {proxy}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl Error for ConnectError {}

/// The error of this type that another error comes from.
pub(super) fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn told(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => of_certificate(error),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the answer is not TLS; does this port speak http, and not https?".to_owned()
        }
        rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateHandshakeMessage { .. } => {
            "the server sent an invalid TLS message".to_owned()
        }
        rustls::Error::PeerIncompatible(_) => {
            "the server offers no version or cipher of TLS that is accepted (TLS 1.2 and 1.3)".to_owned()
        }
        rustls::Error::AlertReceived(alert) => {
            format!(
                "the server refused the TLS handshake (alert {})",
                u8::from(*alert)
            )
        }
        rustls::Error::NoCertificatesPresented => "the server presented no certificate".to_owned(),
        _ => "the TLS handshake failed".to_owned(),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    let text = match error {
        CertificateError::Expired => "has expired",
        CertificateError::ExpiredContext { not_after, .. } => {
            return format!(
                "the server's certificate has expired (it was valid until {})",
                date(not_after.as_secs())
            );
        }
        CertificateError::NotValidYet => "is not valid yet; is the clock of this machine right?",
        CertificateError::NotValidYetContext { not_before, .. } => {
            return format!(
                "the server's certificate is not valid yet (it is valid from {}); is the clock of this machine right?",
                date(not_before.as_secs())
            );
        }
        CertificateError::NotValidForName => "is for another name",
        CertificateError::NotValidForNameContext { presented, .. } => return other_name(presented),
        CertificateError::UnknownIssuer => {
            "is signed by an unknown CA; add the CA's certificate to the CA bundle or set SSL_CERT_FILE"
        }
        CertificateError::Revoked => "is revoked",
        CertificateError::BadSignature => "has a wrong signature, or does not match its private key",
        CertificateError::BadEncoding => "cannot be read",
        CertificateError::UnhandledCriticalExtension => "has a critical extension that is not known",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not for servers: its extended key usage lacks serverAuth"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed in a way that is not accepted, such as with SHA-1"
        }
        CertificateError::Other(other) if other.0.is::<WeakKey>() => {
            "or its CA's certificate has a key that is too short: RSA keys must have at least 2048 bits"
        }
        error if is_webpki(error, "CaUsedAsEndEntity") => {
            "is a CA certificate (as `openssl req -x509` creates); issue one with CA:FALSE, or trust this very certificate: \
             add it to the CA bundle"
        }
        error if is_webpki(error, "UnsupportedCertVersion") => {
            "is of X.509 version 1; issue one of version 3, with a subjectAltName"
        }
        _ => "is not valid",
    };
    format!("the server's certificate {text}")
}

fn other_name(presented: &[String]) -> String {
    if presented.is_empty() {
        return "the server's certificate is for another name: it has no subjectAltName, and its common name does not count"
            .to_owned();
    }
    let names: Vec<_> = presented.iter().map(|name| written(name)).collect();
    redact::message(
        &format!(
            "the server's certificate is for another name: it has {}",
            names.join(", ")
        ),
        None,
    )
}

/// A name as a library shows it, `DnsName("a.example")`, or itself.
fn written(shown: &str) -> &str {
    shown
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .map_or(shown, |name| name.trim_matches('"'))
}

fn date(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok())
        .map_or_else(|| "an unknown time".to_owned(), crate::cloud::timestamp)
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::UnixTime;

    use super::*;

    #[test]
    fn certificates_are_told_in_words() {
        let day = |day: u64| UnixTime::since_unix_epoch(std::time::Duration::from_secs(day * 86_400));
        for (error, part) in [
            (CertificateError::Expired, "has expired"),
            (
                CertificateError::ExpiredContext {
                    time: day(2),
                    not_after: day(1),
                },
                "has expired (it was valid until 1970-01-02T00:00:00Z)",
            ),
            (
                CertificateError::NotValidYetContext {
                    time: day(1),
                    not_before: day(2),
                },
                "is not valid yet (it is valid from 1970-01-03T00:00:00Z)",
            ),
            (CertificateError::NotValidForName, "another name"),
            (CertificateError::UnknownIssuer, "unknown CA"),
            (CertificateError::BadSignature, "wrong signature"),
            (
                CertificateError::Other(rustls::OtherError(std::sync::Arc::new(WeakKey))),
                "at least 2048 bits",
            ),
        ] {
            let inner = rustls::Error::InvalidCertificate(error);
            let error = io::Error::new(io::ErrorKind::InvalidData, inner);
            let text = ConnectError::of_tls(&error).to_string();
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn the_system_is_told_in_words() {
        for (kind, text) in [
            (io::ErrorKind::ConnectionRefused, ": connection refused"),
            (io::ErrorKind::TimedOut, ": connecting timed out"),
            (io::ErrorKind::NetworkUnreachable, ": no route to the host"),
        ] {
            assert_eq!(ConnectError::of_io(&io::Error::from(kind)).to_string(), text);
        }
        for (kind, text) in [
            (
                io::ErrorKind::ConnectionReset,
                ": the proxy closed the connection",
            ),
            (io::ErrorKind::BrokenPipe, ": the proxy closed the connection"),
            (
                io::ErrorKind::TimedOut,
                ": no connection to the proxy: connecting timed out",
            ),
        ] {
            assert_eq!(
                ConnectError::of_proxy_io(&io::Error::from(kind)).to_string(),
                text
            );
        }
        let files = ConnectError::of_io(&io::Error::from_raw_os_error(24)).to_string();
        assert!(files.contains("open files"), "{files}");
    }
}
