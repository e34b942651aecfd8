//! The transport of the shipped program: reqwest over rustls, HTTPS only.
//!
//! Proxy (`HTTPS_PROXY`, `NO_PROXY`) and roots (`SSL_CERT_FILE`, `SSL_CERT_DIR`, else the system's) come from the
//! environment. The TLS configuration is handed over complete, for with `rustls-no-provider` reqwest panics when no
//! process-wide provider is installed.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::Verifier;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::cloud::budget::CONNECT;
use crate::cloud::ca_bundle::CaBundle;
use crate::cloud::connect_error::cause;
use crate::cloud::endpoint::Endpoint;
use crate::cloud::names::SystemNames;
use crate::cloud::transport::{Answer, Failure, Method, Request, Signer, Transport};

/// Idle connections that are kept for each host, and for how long: under the keep-alive of the clouds' gateways, so that
/// a pooled connection is seldom a dead one.
const OWN_IDLE: Idle = Idle {
    per_host: 32,
    time: Duration::from_secs(50),
};

/// The same for requests that others signed, who choose among many hosts: few and not for long, so that all together stay
/// far below the usual limit of 1,024 open files.
const FORWARDED_IDLE: Idle = Idle {
    per_host: 4,
    time: Duration::from_secs(10),
};

/// How often a look at the CA bundle is due.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What the program calls itself to the cloud.
pub(crate) const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// The connections of the process.
#[derive(Debug)]
pub(super) struct Https {
    own: Pool,
    forwarded: Pool,
    /// Which proxy the environment names for a host, as reqwest reads it. For error texts.
    proxies: OnceLock<Matcher>,
}

#[derive(Debug, Clone, Copy)]
struct Idle {
    per_host: usize,
    time: Duration,
}

/// One pool of connections.
#[derive(Debug)]
struct Pool {
    idle: Idle,
    /// Made by the first request: loading the roots fails on a machine without any, and that must fail a call (with a
    /// text saying so), not the start. A failure is not kept, so installing a CA bundle mends it without a restart.
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    client: reqwest::Client,
    bundle: CaBundle,
    look_at: Instant,
}

impl Https {
    pub(super) fn new() -> Self {
        Self {
            own: Pool::new(OWN_IDLE),
            forwarded: Pool::new(FORWARDED_IDLE),
            proxies: OnceLock::new(),
        }
    }

    /// An error before anything was sent, with the host and the proxy before it.
    fn not_connected(&self, endpoint: &Endpoint, cause: &str) -> Failure {
        let proxy = format!("https://{endpoint}/")
            .parse()
            .ok()
            .and_then(|url| self.proxies.get_or_init(Matcher::from_env).intercept(&url));
        // The proxy's password is not part of its address here.
        let proxy = proxy.as_ref().and_then(|proxy| proxy.uri().authority());
        let through = proxy.map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
        Failure::Connect(format!("cannot connect to {endpoint}{through}: {cause}"))
    }
}

impl Pool {
    fn new(idle: Idle) -> Self {
        Self {
            idle,
            kept: Mutex::new(None),
        }
    }

    /// The client with the CA certificates as they are now, or a moment ago. A new bundle that cannot be read does not
    /// replace a good one.
    fn client(&self) -> Result<reqwest::Client, String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(kept) = kept.as_ref().filter(|kept| now < kept.look_at) {
            return Ok(kept.client.clone());
        }
        let bundle = CaBundle::now();
        let look_at = now + LOOK_EVERY;
        if let Some(kept) = kept.as_mut().filter(|kept| kept.bundle == bundle) {
            kept.look_at = look_at;
            return Ok(kept.client.clone());
        }
        match (self.build(), kept.as_mut()) {
            (Ok(client), _) => {
                *kept = Some(Kept {
                    client: client.clone(),
                    bundle,
                    look_at,
                });
                Ok(client)
            }
            (Err(error), Some(kept)) => {
                tracing::warn!(
                    event = "ca_bundle_unusable",
                    error,
                    "the CA bundle has changed but cannot be loaded; keeping the previous one"
                );
                kept.look_at = look_at;
                Ok(kept.client.clone())
            }
            (Err(error), None) => Err(error),
        }
    }

    fn build(&self) -> Result<reqwest::Client, String> {
        self.settings(tls()?).build().map_err(cause)
    }

    fn settings(&self, tls: ClientConfig) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .dns_resolver(Arc::new(SystemNames::new()))
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(self.idle.time)
            .pool_max_idle_per_host(self.idle.per_host)
            .tcp_nodelay(true)
    }
}

/// TLS as the machine's CA certificates have it.
pub(crate) fn tls() -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new(Arc::clone(&provider))
        .map_err(|error| format!("no CA certificates: {error}; install a CA bundle or set SSL_CERT_FILE"))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous() // the name of rustls for "with an own verifier"; this one checks the full chain
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

#[async_trait]
impl Transport for Https {
    async fn send(&self, request: Request, signer: Signer) -> Result<Answer, Failure> {
        let pool = match signer {
            Signer::Own => &self.own,
            Signer::Other => &self.forwarded,
        };
        let endpoint = request.endpoint;
        let client = pool
            .client()
            .map_err(|cause| self.not_connected(&endpoint, &cause))?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut url = Zeroizing::new(format!("https://{endpoint}/"));
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
        let sent = client
            .request(method, url.as_str())
            .headers(headers)
            .body(body)
            .send();
        let response = sent.await.map_err(|error| match failure(error) {
            Failure::Connect(cause) => self.not_connected(&endpoint, &cause),
            other => other,
        })?;
        read(response, request.answer_limit).await
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
        Failure::Connect(cause(error))
    } else {
        Failure::Interrupted
    }
}

#[cfg(test)]
mod tests;
