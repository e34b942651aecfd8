//! The two verifiers that accept exactly one certificate, for both TLS roles.
//!
//! rustls' own verifiers (webpki) cannot do this: the host's certificate is a CA and its own leaf, which they refuse
//! as `CaUsedAsEndEntity`. Equality with the certificate that was handed over in the environment is also stricter
//! than Go's check, which builds a chain to a pool holding only that certificate. The left-out steps are chain
//! building, names, usages and dates; what is kept is the signature over the handshake, without which showing a public
//! certificate would prove nothing.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

use super::host_certificate::HostCertificate;

/// Accepts the host's certificate and no other.
#[derive(Debug)]
pub(super) struct Pinned {
    host: HostCertificate,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    pub(super) fn new(host: HostCertificate, provider: Arc<CryptoProvider>) -> Self {
        Self { host, provider }
    }

    /// Certificates after the first are ignored: nothing could follow from them.
    fn check(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        if self.host.is(shown) {
            Ok(())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }
}

/// What both traits ask for in the same words: the signature over the handshake.
macro_rules! verify_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signature, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signature, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider
                .signature_verification_algorithms
                .supported_schemes()
        }
    };
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    verify_signatures!();
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    verify_signatures!();
}
