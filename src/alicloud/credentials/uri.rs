//! A credentials URI: a service, mostly on the same machine, that gives temporary credentials to whoever asks.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Request};
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;

use super::Source;
use super::provider_env::ProviderEnv;
use crate::alicloud::wire::WireCredentials;
use crate::cloud::clock::Clock;
use crate::cloud::credentials::{Credentials, Provider, ProviderError};
use crate::cloud::names::SystemNames;
use crate::cloud::net::{HttpClient, HttpSettings, LocalClient, MachineTls, Names, Proxies, is_local};
use crate::cloud::{Answer, Failure};

const NAME: &str = "credentials uri";

const VARIABLE: &str = "ALIBABA_CLOUD_CREDENTIALS_URI";

/// Longest answer that is read, in bytes.
const LIMIT: usize = 16 * 1024;

/// Connecting may last this long.
const CONNECT: Duration = Duration::from_secs(3);

/// The whole exchange may last this long.
const TOTAL: Duration = Duration::from_secs(5);

/// How often the service is asked while its last answer is good.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Asks the address in `ALIBABA_CLOUD_CREDENTIALS_URI`.
///
/// Credentials travel in the answer, so plain HTTP is for addresses of this machine and of private networks, directly;
/// HTTPS is for all, through the proxy of the environment where the address is not a local one. Redirects are not
/// followed. The address is in no error text, for it may hold a token.
pub struct UriProvider {
    env: ProviderEnv,
    clock: Arc<dyn Clock>,
    tls: MachineTls,
    proxies: OnceLock<Arc<Proxies>>,
    names: Arc<dyn Names>,
    local: LocalClient,
}

/// `Code` is there in some services, and says `Success` then.
#[derive(Deserialize)]
struct UriAnswer {
    #[serde(rename = "Code", default)]
    code: Option<String>,
    #[serde(flatten)]
    credentials: WireCredentials,
}

impl UriProvider {
    pub(super) fn new(env: ProviderEnv, clock: Arc<dyn Clock>) -> Self {
        let names: Arc<dyn Names> = Arc::new(SystemNames::new());
        Self {
            env,
            clock,
            tls: MachineTls::default(),
            proxies: OnceLock::new(),
            local: LocalClient::new(Arc::clone(&names), CONNECT),
            names,
        }
    }

    async fn ask(&self, url: &Url) -> Result<Answer, Failure> {
        let https = match url.scheme() {
            "https" => Some(self.https(url).await?),
            _ => None,
        };
        let host = url.host_str().unwrap_or_default();
        let request = Request::get(url.as_str())
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .body(Bytes::new())
            .map_err(|_| Failure::Connect("the address cannot be used in a request".to_owned()))?;
        let send = async {
            match &https {
                Some(client) => client.send(request, LIMIT).await,
                None => self.local.send(request, LIMIT).await,
            }
        };
        match timeout(TOTAL, send).await {
            Ok(answer) => answer.map_err(|error| error.into_failure(&host)),
            Err(_) => Err(Failure::Interrupted),
        }
    }

    async fn https(&self, url: &Url) -> Result<HttpClient, Failure> {
        let mut settings = HttpSettings::plain(CONNECT);
        settings.names = Arc::clone(&self.names);
        settings.tls = Some(self.tls.config().await.map_err(Failure::Connect)?);
        if !literal(url).is_some_and(is_local) {
            settings.proxies = Arc::clone(self.proxies.get_or_init(|| Arc::new(Proxies::from_env())));
        }
        Ok(HttpClient::new(settings))
    }
}

/// An address that may be asked.
fn checked(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is not an address such as http://127.0.0.1:8080/path")?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if literal(&url).is_none_or(is_local) => Ok(url),
        "http" => Err("plain http goes to local addresses only: use https"),
        _ => Err("its scheme is neither http nor https"),
    }
}

/// The host, where it is an address and not a name.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

#[async_trait]
impl Provider for UriProvider {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        let Some(text) = self.env.var(VARIABLE) else {
            return Ok(None);
        };
        let wrong = |text: &dyn fmt::Display| ProviderError::new(NAME, format!("{VARIABLE}: {text}"));
        let url = checked(&text).map_err(|rule| wrong(&rule))?;
        let answer = self.ask(&url).await.map_err(|failure| match failure {
            Failure::Connect(cause) | Failure::Unusable(cause) => wrong(&cause),
            Failure::Interrupted => wrong(&"the service did not answer in time"),
            Failure::TooLong => wrong(&"the answer is too long"),
        })?;
        if answer.status != 200 {
            return Err(wrong(&format_args!(
                "the service answered with http status {}",
                answer.status
            )));
        }
        // The texts of serde_json quote the document, which may hold a key: they are dropped.
        let found: UriAnswer = serde_json::from_slice(&answer.body)
            .map_err(|_| wrong(&"the answer is not JSON of credentials"))?;
        if found.code.is_some_and(|code| code != "Success") {
            return Err(wrong(&"the response reports a failure"));
        }
        let (credentials, _) = found
            .credentials
            .usable(Source::Uri, self.clock.now())
            .map_err(|text| wrong(&text))?;
        Ok(Some(credentials))
    }

    fn look_every(&self) -> Option<Duration> {
        Some(LOOK_EVERY)
    }
}

#[cfg(test)]
mod tests;
