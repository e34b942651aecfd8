//! A credentials URI: a service, mostly on the same machine, that gives temporary credentials to whoever asks.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderValue;
use http::header::ACCEPT;
use reqwest::Url;
use serde::Deserialize;
use tokio::time::timeout;

use super::Source;
use super::provider_env::ProviderEnv;
use crate::alicloud::wire::WireCredentials;
use crate::cloud::clock::Clock;
use crate::cloud::credentials::local_http::{self, LocalNames, bare, is_local};
use crate::cloud::credentials::{Credentials, Provider, ProviderError};
use crate::cloud::https::{USER_AGENT, failure, read, tls};
use crate::cloud::names::SystemNames;
use crate::cloud::{Answer, Failure};

const NAME: &str = "credentials uri";

const VARIABLE: &str = "ALIBABA_CLOUD_CREDENTIALS_URI";

/// Longest answer that is read, in bytes.
const LIMIT: usize = 16 * 1024;

/// Connecting, and then each silence while reading, may last this long.
const TIMEOUT: Duration = Duration::from_secs(3);

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
    client: OnceLock<reqwest::Client>,
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
        Self {
            env,
            clock,
            client: OnceLock::new(),
        }
    }

    async fn ask(&self, url: Url) -> Result<Answer, Failure> {
        let client = match self.client.get() {
            Some(client) => client,
            None => {
                let client = client(&url)?;
                self.client.get_or_init(|| client)
            }
        };
        let sent = client
            .get(url)
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .send();
        let exchange = async { read(sent.await.map_err(failure)?, LIMIT).await };
        timeout(TOTAL, exchange)
            .await
            .unwrap_or(Err(Failure::Interrupted))
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

fn client(url: &Url) -> Result<reqwest::Client, Failure> {
    let builder = if url.scheme() == "http" {
        local_http::builder()
            .map_err(Failure::Connect)?
            .dns_resolver(Arc::new(LocalNames(SystemNames::new())))
    } else if literal(url).is_some_and(is_local) || url.host_str() == Some("localhost") {
        bare(tls().map_err(Failure::Connect)?).https_only(true).no_proxy()
    } else {
        bare(tls().map_err(Failure::Connect)?).https_only(true)
    };
    builder
        .user_agent(USER_AGENT)
        .connect_timeout(TIMEOUT)
        .read_timeout(TIMEOUT)
        .build()
        .map_err(failure)
}

#[async_trait]
impl Provider for UriProvider {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        let Some(text) = self.env.var(VARIABLE) else {
            return Ok(None);
        };
        let wrong = |text: &dyn fmt::Display| ProviderError::new(NAME, format!("{VARIABLE}: {text}"));
        let url = checked(&text).map_err(|rule| wrong(&rule))?;
        let answer = self.ask(url).await.map_err(|failure| match failure {
            Failure::Connect(cause) => wrong(&format_args!("the service cannot be reached: {cause}")),
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
