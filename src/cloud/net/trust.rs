//! Which certificates are trusted.

use std::collections::HashSet;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use sha2::{Digest as _, Sha256};

/// `1.2.840.113549.1.1.1`, the algorithm of an RSA key, in DER.
const RSA: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// The key of 2048 bits is 294 bytes with its algorithm, one of 1024 bits 162.
const SHORT_KEY: usize = 256;

/// Why there can be no TLS.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum TrustError {
    /// None of the certificates can be trusted.
    #[error("there is no CA certificate")]
    NoCertificates,
    /// The library refuses the settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// A key of an RSA certificate that is too short. The library says only that a signature is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the key is too short")]
pub(super) struct WeakKey;

/// Trusts what these CA certificates have signed, and these certificates themselves: a server may show one of them as its
/// own, also if it is a CA certificate. Name and dates always count.
///
/// # Errors
/// None of them can be read.
pub(crate) fn verifier(
    certificates: Vec<CertificateDer<'static>>,
) -> Result<Arc<dyn ServerCertVerifier>, TrustError> {
    let themselves = certificates.iter().map(fingerprint).collect();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(TrustError::NoCertificates);
    }
    let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| TrustError::Setup(error.to_string()))?;
    Ok(Arc::new(Trusting { chain, themselves }))
}

/// A client's settings with this verifier, but for a certificate of its own.
///
/// # Errors
/// The library refuses them.
pub(crate) fn client_builder(
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TrustError> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TrustError::Setup(error.to_string()))?
        .dangerous() // what rustls calls a custom verifier
        .with_custom_certificate_verifier(verifier))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

#[derive(Debug)]
struct Trusting {
    chain: Arc<WebPkiServerVerifier>,
    themselves: HashSet<[u8; 32]>,
}

impl Trusting {
    /// Whether a certificate is refused for nothing but that it is one of a CA. The dates are checked before that.
    fn is_trusted_itself(&self, certificate: &CertificateDer<'_>, error: &Error) -> bool {
        matches!(error, Error::InvalidCertificate(error) if is_webpki(error, "CaUsedAsEndEntity"))
            && self.themselves.contains(&fingerprint(certificate))
    }
}

/// Whether it is this error of webpki, whose type is private to that library.
pub(super) fn is_webpki(error: &CertificateError, name: &str) -> bool {
    matches!(error, CertificateError::Other(other) if format!("{other:?}").contains(name))
}

/// Says so where a short key is why a signature counts as wrong.
pub(crate) fn naming_weak_keys(error: Error, shown: &[&CertificateDer<'_>]) -> Error {
    let is_signature = matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        )
    );
    match is_signature && shown.iter().any(|certificate| is_weak(certificate)) {
        true => Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(WeakKey)))),
        false => error,
    }
}

fn is_weak(certificate: &CertificateDer<'_>) -> bool {
    ParsedCertificate::try_from(certificate).is_ok_and(|parsed| {
        let key = parsed.subject_public_key_info();
        key.len() < SHORT_KEY && key.windows(RSA.len()).any(|window| window == RSA)
    })
}

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let checked = self
            .chain
            .verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
        match checked {
            Err(error) if self.is_trusted_itself(end_entity, &error) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            Err(error) => {
                let shown: Vec<_> = [end_entity].into_iter().chain(intermediates).collect();
                Err(naming_weak_keys(error, &shown))
            }
            checked => checked,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = self.chain.verify_tls12_signature(message, certificate, signature);
        checked.map_err(|error| naming_weak_keys(error, &[certificate]))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = self.chain.verify_tls13_signature(message, certificate, signature);
        checked.map_err(|error| naming_weak_keys(error, &[certificate]))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
