//! The certificate that the host handed over. It is trusted by equality, so nothing in it but its bytes matters.
//!
//! Its period of validity is not checked: go-plugin makes certificates that last for decades, and a clock that steps
//! would only break the connection.

use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::server::ParsedCertificate;

/// The host's certificate.
#[derive(Clone, Debug)]
pub(super) struct HostCertificate(CertificateDer<'static>);

/// What is wrong with the certificate that the host handed over.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The bytes are not an X.509 certificate.
    #[error("the content is not an X.509 certificate")]
    Malformed,
    /// There is no complete PEM block of type `CERTIFICATE`.
    #[error("no complete block between BEGIN CERTIFICATE and END CERTIFICATE")]
    Pem,
}

impl HostCertificate {
    /// Takes the first certificate of a PEM text.
    pub(super) fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| CertificateError::Pem)?;
        // Found here, the mistake has a better text than when the first handshake fails.
        ParsedCertificate::try_from(&der).map_err(|_| CertificateError::Malformed)?;
        Ok(Self(der))
    }

    /// The bytes, for `tests/fuzz`.
    #[cfg(fuzzing)]
    pub(super) fn der(&self) -> &CertificateDer<'static> {
        &self.0
    }

    /// Whether `other` is this very certificate.
    pub(super) fn is(&self, other: &CertificateDer<'_>) -> bool {
        self.0.as_ref() == other.as_ref()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PKCS_ECDSA_P521_SHA512, date_time_ymd};

    use super::*;

    /// A certificate as hosts make it (go-plugin `mtls.go`): P-521, a CA, valid past 2050.
    pub(in crate::goplugin) fn host_identity() -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2020, 2, 29);
        params.not_after = date_time_ymd(2056, 12, 31);
        (params.self_signed(&key).unwrap(), key)
    }

    pub(in crate::goplugin) fn host_pem() -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let der = STANDARD.encode(host_identity().0.der());
        format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
    }

    #[test]
    fn only_the_same_bytes_are_the_hosts_certificate() {
        let (host, other) = (host_pem(), host_pem());
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let pinned = HostCertificate::from_pem(&host).unwrap();
        assert!(pinned.is(&certificate(&host)));
        assert!(!pinned.is(&certificate(&other)));
    }
}
