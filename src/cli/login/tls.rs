//! TLS towards the server, as the CLIs' variables want it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::settings::{Roots, TlsSettings};
use crate::cloud::net::{TrustError, client_builder, machine_verifier, naming_weak_keys, verifier};

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum TlsError {
    #[error("the client certificate cannot be used: {0}")]
    Client(Error),
    #[error("{0} cannot be read as PEM: {1}")]
    File(String, String),
    #[error("{0} has no CA certificate")]
    NoRoots(String),
    #[error("{0}, or use -ca-cert")]
    System(String),
    #[error(transparent)]
    Trust(TrustError),
}

/// Loads the files and makes the configuration.
pub(in crate::cli) fn config(settings: &TlsSettings) -> Result<ClientConfig, TlsError> {
    let verifier = Verifier {
        chain: match settings.skip_verify {
            true => None,
            false => Some(chain_verifier(&settings.roots)?),
        },
        name: settings.server_name.clone(),
        provider: aws_lc_rs::default_provider(),
    };
    let builder = client_builder(Arc::new(verifier)).map_err(TlsError::Trust)?;
    let Some((certificate, key)) = &settings.client else {
        return Ok(builder.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
    builder
        .with_client_auth_cert(certificates(certificate)?, key)
        .map_err(TlsError::Client)
}

fn chain_verifier(roots: &Roots) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let (found, from) = match roots {
        Roots::System => return machine_verifier().map_err(TlsError::System),
        Roots::File(file) => (certificates(file)?, file.as_str()),
        Roots::Pem(text) => (parse(text.as_bytes(), "BAO_CACERT_BYTES")?, "BAO_CACERT_BYTES"),
        Roots::Folder(folder) => (all_certificates(folder)?, folder.as_str()),
    };
    verifier(found).map_err(|error| match error {
        TrustError::NoCertificates => TlsError::NoRoots(from.to_owned()),
        error @ TrustError::Setup(_) => TlsError::Trust(error),
    })
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = fs::read(file).map_err(|error| unreadable(file, &error))?;
    parse(&text, file)
}

/// The certificates of a folder's files; those without any are passed over.
fn all_certificates(folder: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut all = Vec::new();
    let entries = fs::read_dir(Path::new(folder)).map_err(|error| unreadable(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.is_file() {
            all.extend(certificates(&path.to_string_lossy())?);
        }
    }
    Ok(all)
}

fn parse(text: &[u8], from: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(from, &error))
}

fn unreadable(from: &str, error: &dyn std::fmt::Display) -> TlsError {
    TlsError::File(from.to_owned(), error.to_string())
}

/// Checks the chain, with another name than the address's if there is one (`BAO_TLS_SERVER_NAME`). Without a chain it
/// accepts every certificate whose key is there: what `BAO_SKIP_VERIFY` asks for.
#[derive(Debug)]
struct Verifier {
    provider: CryptoProvider,
    chain: Option<Arc<dyn ServerCertVerifier>>,
    name: Option<ServerName<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        let name = self.name.as_ref().unwrap_or(name);
        chain.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
            .map_err(|error| naming_weak_keys(error, &[certificate]))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
            .map_err(|error| naming_weak_keys(error, &[certificate]))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
