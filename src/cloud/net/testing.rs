//! What tests need of the network: addresses for names, and certificates.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::connect_error::ConnectError;
use super::names::Names;
use crate::cloud::names::{LookupError, SystemNames};

/// A table before the system's names.
#[derive(Debug, Default)]
pub(crate) struct TestNames(pub(crate) HashMap<String, SocketAddr>);

#[async_trait]
impl Names for TestNames {
    async fn find(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, LookupError> {
        match self.0.get(host) {
            Some(address) => Ok(vec![*address]),
            None => SystemNames::new().find(host, port).await,
        }
    }
}

/// TLS that trusts these certificates and no others.
pub(crate) fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A server's certificate and key.
pub(super) struct Shown(
    pub(super) CertificateDer<'static>,
    pub(super) PrivateKeyDer<'static>,
);

/// A certificate that is signed with its own key.
pub(super) fn self_signed(params: &CertificateParams) -> Shown {
    let key = KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    Shown(
        made.der().clone(),
        PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    )
}

/// What comes of a handshake with `sts.test`.
pub(super) async fn handshake(client: Arc<ClientConfig>, shown: &Shown) -> Result<(), String> {
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![shown.0.clone()], shown.1.clone_key())
        .unwrap();
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from("sts.test").unwrap();
    let (connected, _) = tokio::join!(
        TlsConnector::from(client).connect(name, ours),
        TlsAcceptor::from(Arc::new(server)).accept(theirs),
    );
    match connected {
        Ok(_) => Ok(()),
        Err(error) => Err(ConnectError::of_tls(&error).to_string()),
    }
}
