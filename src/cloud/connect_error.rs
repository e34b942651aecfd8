//! Why there is no connection, in words.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use crate::cloud::names::LookupError;
use crate::cloud::redact;

/// What is the matter with a certificate that a CA made for another purpose than a server's own.
const CA_AS_SERVER: &str = "the server's certificate is a CA certificate (as `openssl req -x509` creates); issue one with \
                            CA:FALSE";

/// The cause of a connection error: refused, not resolved, timed out, the proxy's answer, or the certificate. The
/// texts of the libraries are the last resort: they name their own types.
pub(super) fn cause(error: reqwest::Error) -> String {
    let timed_out = error.is_timeout();
    let error = error.without_url();
    let mut texts = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(text) = known(error) {
            return text;
        }
        texts.push(error.to_string());
        next = error.source();
    }
    if timed_out {
        return "connecting timed out".to_owned();
    }
    if texts.is_empty() {
        return "no connection".to_owned();
    }
    redact::message(&texts.join(": "), None)
}

fn known(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // What it wraps is not among its sources.
        return match error.get_ref() {
            Some(inner) => known(inner),
            None => of_io(error.kind()).map(str::to_owned),
        };
    }
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(tls));
    }
    if let Some(lookup) = error.downcast_ref::<LookupError>() {
        return Some(lookup.to_string());
    }
    // The types of these are private: their texts are all that there is.
    Some(
        match error.to_string().as_str() {
            "tunnel error: proxy authorization required" => {
                "the proxy answered 407: it requires a user name and password"
            }
            "tunnel error: unsuccessful" => "the proxy refused to connect to this host",
            "tunnel error: unexpected end of file" => "the proxy closed the connection",
            _ => return None,
        }
        .to_owned(),
    )
}

fn of_io(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            "the connection was closed before it was established"
        }
        io::ErrorKind::TimedOut => "connecting timed out",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "no route to the host",
        _ => return None,
    })
}

fn of_tls(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return redact::message(&format!("TLS failed: {error}"), None);
    };
    match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; is the clock of this machine right?".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another name".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "the server's certificate is signed by an unknown CA; add it to the CA bundle or set SSL_CERT_FILE"
                .to_owned()
        }
        CertificateError::Revoked => "the server's certificate is revoked".to_owned(),
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => CA_AS_SERVER.to_owned(),
        _ => "the server's certificate is not valid".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_told_in_words() {
        for (error, part) in [
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidForName, "another name"),
            (CertificateError::UnknownIssuer, "unknown CA"),
            (CertificateError::BadSignature, "is not valid"),
        ] {
            let inner = rustls::Error::InvalidCertificate(error);
            let text = known(&io::Error::new(io::ErrorKind::InvalidData, inner)).unwrap();
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn the_system_is_told_in_words() {
        for kind in [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::TimedOut,
            io::ErrorKind::NetworkUnreachable,
        ] {
            assert!(known(&io::Error::from(kind)).is_some(), "{kind}");
        }
    }
}
