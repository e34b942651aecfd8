//! The metadata service of an ECS instance, at its fixed address.
//!
//! Plain HTTP by the nature of the service, never through a proxy. Nothing that a caller supplies selects the host.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::cloud::names::SystemNames;
use crate::cloud::net::LocalClient;
use crate::cloud::{Answer, Failure};

const HOST: &str = "100.100.100.200";

/// Longest answer that is read, in bytes.
const LIMIT: usize = 16 * 1024;

/// A question may last this long, as in the official clients.
pub(super) const QUESTION: Duration = Duration::from_secs(1);

/// For a token where nobody waits: it is there at once or not at all. Where the service is more than one hop away, as in
/// some containers, it lets the answer get lost.
pub(super) const SHORT_TOKEN_TIMEOUT: Duration = Duration::from_millis(400);

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
    /// Asks one question, and waits so long for the answer; after that it counts as [`Failure::Interrupted`].
    async fn ask(&self, ask: Ask<'_>, wait: Duration) -> Result<Answer, Failure>;
}

/// The service itself.
#[derive(Debug, Default)]
pub(super) struct Service {
    client: OnceLock<LocalClient>,
}

#[async_trait]
impl Metadata for Service {
    async fn ask(&self, ask: Ask<'_>, wait: Duration) -> Result<Answer, Failure> {
        let request = match ask {
            Ask::Token => Request::put(format!("http://{HOST}/latest/api/token"))
                .header("X-aliyun-ecs-metadata-token-ttl-seconds", "21600"),
            Ask::Document { path, token } => {
                let request = Request::get(format!("http://{HOST}/latest/meta-data/{path}"));
                let token = token.and_then(|token| HeaderValue::from_str(token.expose_secret()).ok());
                match token {
                    Some(mut token) => {
                        token.set_sensitive(true);
                        request.header("X-aliyun-ecs-metadata-token", token)
                    }
                    None => request,
                }
            }
        };
        let request = request.body(Bytes::new());
        let request = request.map_err(|_| Failure::Connect("the path cannot be used in a URL".to_owned()))?;
        let client = self
            .client
            .get_or_init(|| LocalClient::new(Arc::new(SystemNames::new()), QUESTION));
        match timeout(wait, client.send(request, LIMIT)).await {
            Ok(answer) => answer.map_err(|error| error.into_failure(&HOST)),
            Err(_) => Err(Failure::Interrupted),
        }
    }
}
