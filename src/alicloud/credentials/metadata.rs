//! The metadata service of an ECS instance, at its fixed address.
//!
//! Plain HTTP by the nature of the service, so it has a connection of its own. Nothing that a caller supplies selects the
//! host.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::cloud::credentials::local_http;
use crate::cloud::https::{failure, read};
use crate::cloud::{Answer, Failure};

const BASE: &str = "http://100.100.100.200/latest";

/// Longest answer that is read, in bytes.
const LIMIT: usize = 16 * 1024;

/// Connecting, and then the answer, may last this long, as in the official clients.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A token is there at once or not at all: where the service is more than one hop away, as in some containers, it lets
/// the answer get lost.
const TOKEN_TIMEOUT: Duration = Duration::from_millis(400);

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

/// The service, or a fake of it in tests.
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
    local_http::builder()
        .map_err(Failure::Connect)?
        .connect_timeout(TIMEOUT)
        .read_timeout(TIMEOUT)
        .build()
        .map_err(failure)
}

#[async_trait]
impl Metadata for Service {
    async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Failure> {
        let (request, limit) = match ask {
            Ask::Token => {
                let request = self
                    .client()?
                    .put(format!("{BASE}/api/token"))
                    .header("X-aliyun-ecs-metadata-token-ttl-seconds", "21600");
                (request, TOKEN_TIMEOUT)
            }
            Ask::Document { path, token } => {
                let request = self.client()?.get(format!("{BASE}/meta-data/{path}"));
                let token = token.and_then(|token| HeaderValue::from_str(token.expose_secret()).ok());
                let request = match token {
                    Some(mut token) => {
                        token.set_sensitive(true);
                        request.header("X-aliyun-ecs-metadata-token", token)
                    }
                    None => request,
                };
                (request, TIMEOUT)
            }
        };
        let exchange = async { read(request.send().await.map_err(failure)?, LIMIT).await };
        timeout(limit, exchange)
            .await
            .unwrap_or(Err(Failure::Interrupted))
    }
}
