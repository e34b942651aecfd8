//! The metadata service of an ECS instance, at its fixed address.
//!
//! Plain HTTP by the nature of the service, so it has a connection of its own: no proxy, no redirect, no roots. Nothing
//! that a caller supplies selects the host.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::alicloud::http::{failure, read};
use crate::alicloud::transport::{Answer, Failure};

const BASE: &str = "http://100.100.100.200/latest";

/// Longest answer that is read, in bytes.
const LIMIT: usize = 16 * 1024;

/// Connecting, and then each silence while reading, may last this long, as in the official clients.
const PATIENCE: Duration = Duration::from_secs(1);

/// The whole exchange may last this long.
const TOTAL: Duration = Duration::from_secs(3);

/// What the service is asked.
pub(super) enum Ask<'a> {
    /// For a token of the hardened mode, good for six hours.
    Token,
    /// For a document under `meta-data/`, with the token unless in the old mode.
    Document {
        path: &'a str,
        token: Option<&'a SecretString>,
    },
}

/// The seam for tests.
#[async_trait]
pub(super) trait Metadata: fmt::Debug + Send + Sync {
    async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Failure>;
}

/// The service itself.
#[derive(Debug, Default)]
pub(super) struct Service {
    client: OnceLock<reqwest::Client>,
}

impl Service {
    fn client(&self) -> Result<&reqwest::Client, Failure> {
        match self.client.get() {
            Some(client) => Ok(client),
            None => build().map(|client| self.client.get_or_init(|| client)),
        }
    }
}

fn build() -> Result<reqwest::Client, Failure> {
    // Never used, but reqwest insists on a configuration; without roots it trusts nobody.
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Connect(error.to_string()))?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(PATIENCE)
        .read_timeout(PATIENCE)
        .pool_max_idle_per_host(0)
        .build()
        .map_err(failure)
}

#[async_trait]
impl Metadata for Service {
    async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Failure> {
        let request = match ask {
            Ask::Token => self
                .client()?
                .put(format!("{BASE}/api/token"))
                .header("X-aliyun-ecs-metadata-token-ttl-seconds", "21600"),
            Ask::Document { path, token } => {
                let request = self.client()?.get(format!("{BASE}/meta-data/{path}"));
                match token.and_then(|token| HeaderValue::from_str(token.expose_secret()).ok()) {
                    Some(mut token) => {
                        token.set_sensitive(true);
                        request.header("X-aliyun-ecs-metadata-token", token)
                    }
                    None => request,
                }
            }
        };
        let exchange = async { read(request.send().await.map_err(failure)?, LIMIT).await };
        timeout(TOTAL, exchange)
            .await
            .unwrap_or(Err(Failure::Interrupted))
    }
}
