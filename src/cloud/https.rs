//! The transport of the shipped program: HTTPS only, through the proxy of the environment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method as HttpMethod, Uri};
use rustls::ClientConfig;
use zeroize::Zeroizing;

use crate::cloud::budget::CONNECT;
use crate::cloud::names::SystemNames;
use crate::cloud::net::{HttpClient, HttpSettings, MachineTls, Names, Proxies};
use crate::cloud::transport::{Answer, Failure, Method, Request, Signer, Transport};

/// Idle connections that are kept for each host, and for how long: under the keep-alive of the clouds' gateways, so that
/// a pooled connection is seldom a dead one. As many as calls that somebody waits for may use of one host at the same time
/// (`Permits`): with fewer, each burst of requests would begin with TLS handshakes.
const OWN_IDLE: Idle = Idle {
    per_host: 80,
    time: Duration::from_secs(50),
};

/// The same for requests that others signed, who choose among more than thirty hosts: not for long, and so few that all
/// together stay below the usual limit of 1,024 open files.
const FORWARDED_IDLE: Idle = Idle {
    per_host: 16,
    time: Duration::from_secs(10),
};

/// The connections of the process.
#[derive(Debug)]
pub(super) struct Https {
    tls: MachineTls,
    proxies: Arc<Proxies>,
    names: Arc<dyn Names>,
    own: Pool,
    forwarded: Pool,
}

#[derive(Debug, Clone, Copy)]
struct Idle {
    per_host: usize,
    time: Duration,
}

/// One pool of connections, and the settings of TLS that they were made with.
#[derive(Debug)]
struct Pool {
    idle: Idle,
    kept: Mutex<Option<(Arc<ClientConfig>, HttpClient)>>,
}

impl Https {
    /// Reads the environment's proxies; certificates are read by the first request.
    pub(super) fn from_env() -> Self {
        let proxies = Proxies::from_env();
        for error in proxies.errors() {
            tracing::error!(event = "proxy_unusable", %error, "calls to the cloud that would go through this proxy will fail");
        }
        Self::new(MachineTls::default(), proxies, Arc::new(SystemNames::new()))
    }

    fn new(tls: MachineTls, proxies: Proxies, names: Arc<dyn Names>) -> Self {
        Self {
            tls,
            proxies: Arc::new(proxies),
            names,
            own: Pool::new(OWN_IDLE),
            forwarded: Pool::new(FORWARDED_IDLE),
        }
    }

    /// The client of a pool, with the CA certificates as they are now, or a moment ago.
    async fn client(&self, pool: &Pool) -> Result<HttpClient, String> {
        let tls = self.tls.config().await?;
        let mut kept = pool.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = kept
            .as_ref()
            .filter(|(made_with, _)| Arc::ptr_eq(made_with, &tls))
        {
            return Ok(client.clone());
        }
        let client = HttpClient::new(HttpSettings {
            proxies: Arc::clone(&self.proxies),
            tls: Some(Arc::clone(&tls)),
            names: Arc::clone(&self.names),
            connect_timeout: CONNECT,
            idle_per_host: pool.idle.per_host,
            idle_time: pool.idle.time,
        });
        *kept = Some((tls, client.clone()));
        Ok(client)
    }
}

impl Pool {
    fn new(idle: Idle) -> Self {
        Self {
            idle,
            kept: Mutex::new(None),
        }
    }
}

#[async_trait]
impl Transport for Https {
    async fn send(&self, request: Request, signer: Signer) -> Result<Answer, Failure> {
        let pool = match signer {
            Signer::Own => &self.own,
            Signer::Other => &self.forwarded,
        };
        let endpoint = request.endpoint;
        let unusable = |cause: &str| Failure::Unusable(format!("cannot connect to {endpoint}: {cause}"));
        let client = self.client(pool).await.map_err(|cause| unusable(&cause))?;
        let mut url = Zeroizing::new(format!("https://{endpoint}/"));
        if !request.query.is_empty() {
            url.reserve_exact(request.query.len() + 1);
            url.push('?');
            url.push_str(&request.query);
        }
        let uri = Uri::try_from(url.as_str()).map_err(|_| unusable("the query cannot be used in a URL"))?;
        // The owner is zeroed when the last reference to the bytes goes.
        let mut sent = http::Request::new(Bytes::from_owner(request.body));
        *sent.method_mut() = match request.method {
            Method::Get => HttpMethod::GET,
            Method::Post => HttpMethod::POST,
        };
        *sent.uri_mut() = uri;
        *sent.headers_mut() = request.headers;
        if request.method == Method::Post && sent.body().is_empty() {
            // hyper sends no length at all then, and some gateways answer 411 to that.
            sent.headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let answer = client.send(sent, request.answer_limit).await;
        answer.map_err(|error| error.into_failure(&endpoint))
    }
}

#[cfg(test)]
mod tests;
