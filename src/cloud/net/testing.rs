//! What tests need of the network: addresses for names, and certificates.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

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
