//! The transport of the shipped program: reqwest over rustls, HTTPS only.
//!
//! Proxy (`HTTPS_PROXY`, `NO_PROXY`) and roots (`SSL_CERT_FILE`, `SSL_CERT_DIR`, else the system's) come from the
//! environment. The TLS configuration is handed over complete, for with `rustls-no-provider` reqwest panics when no
//! process-wide provider is installed.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::Verifier;
use zeroize::Zeroizing;

use crate::cloud::budget::CONNECT;
use crate::cloud::redact;
use crate::cloud::transport::{Answer, Failure, Method, Request, Transport};

/// Under the keep-alive of the cloud's gateways, so that a pooled connection is seldom a dead one.
const IDLE: Duration = Duration::from_secs(50);

/// What the program calls itself to the cloud.
pub(crate) const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// One pool of connections for the process.
#[derive(Debug)]
pub(super) struct Https {
    idle_per_host: usize,
    /// Made by the first request: loading the roots fails on a machine without any, and that must fail a call (with a
    /// text saying so), not the start. A failure is not kept, so installing a CA bundle mends it without a restart.
    client: OnceLock<reqwest::Client>,
}

impl Https {
    pub(super) fn new(idle_per_host: usize) -> Self {
        Self {
            idle_per_host,
            client: OnceLock::new(),
        }
    }

    fn client(&self) -> Result<&reqwest::Client, Failure> {
        match self.client.get() {
            Some(client) => Ok(client),
            // Two first callers may both build one; the second is dropped unused.
            None => self.build().map(|client| self.client.get_or_init(|| client)),
        }
    }

    fn build(&self) -> Result<reqwest::Client, Failure> {
        self.settings(tls()?)
            .build()
            .map_err(|error| Failure::Connect(causes(error)))
    }

    fn settings(&self, tls: ClientConfig) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(self.idle_per_host)
            .tcp_nodelay(true)
    }
}

/// TLS as the machine's CA certificates have it.
pub(crate) fn tls() -> Result<ClientConfig, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new(Arc::clone(&provider)).map_err(|error| {
        Failure::Connect(format!(
            "no CA certificates: {error}; install a CA bundle or set SSL_CERT_FILE"
        ))
    })?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Connect(error.to_string()))?
        .dangerous() // the name of rustls for "with an own verifier"; this one checks the full chain
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

#[async_trait]
impl Transport for Https {
    async fn send(&self, request: Request) -> Result<Answer, Failure> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut url = Zeroizing::new(format!("https://{}/", request.endpoint));
        if !request.query.is_empty() {
            url.reserve_exact(request.query.len() + 1);
            url.push('?');
            url.push_str(&request.query);
        }
        let mut headers = request.headers;
        if request.method == Method::Post && request.body.is_empty() {
            // hyper sends no length at all then, and some gateways answer 411 to that.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        // The owner is zeroed when the last reference to the bytes goes.
        let body = Bytes::from_owner(request.body);
        let sent = self
            .client()?
            .request(method, url.as_str())
            .headers(headers)
            .body(body)
            .send();
        read(sent.await.map_err(failure)?, request.answer_limit).await
    }
}

/// Reads an answer piece by piece, so that a body without end costs no memory.
pub(crate) async fn read(mut response: reqwest::Response, limit: usize) -> Result<Answer, Failure> {
    let expected = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or(8 * 1024);
    if expected > limit {
        return Err(Failure::TooLong);
    }
    let mut body = Zeroizing::new(Vec::with_capacity(expected));
    while let Some(piece) = response.chunk().await.map_err(|_| Failure::Interrupted)? {
        if body.len() + piece.len() > limit {
            return Err(Failure::TooLong);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer {
        status: response.status().as_u16(),
        headers: std::mem::take(response.headers_mut()),
        body,
    })
}

/// Sorts an error of reqwest. Its own text is dropped when the request was sent, for it tells nothing more.
pub(crate) fn failure(error: reqwest::Error) -> Failure {
    if error.is_connect() || error.is_builder() {
        Failure::Connect(causes(error))
    } else {
        Failure::Interrupted
    }
}

/// The causes under reqwest's own text, which has the URL and nothing else.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let separator = if text.is_empty() { "" } else { ": " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{error}");
        cause = error.source();
    }
    redact::message(if text.is_empty() { "no connection" } else { &text }, None)
}

#[cfg(test)]
mod tests;
