//! The one request to the server.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Request};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use url::Url;
use zeroize::Zeroizing;

use super::settings::{Proxy, Settings};
use super::tls::{self, TlsError};
use crate::alicloud::Credentials;
use crate::cli::text::{hide, printable};
use crate::cloud::Answer;
use crate::cloud::net::{HttpClient, HttpSettings, Proxies, ProxyError, SendError};

/// Longest answer that is read, in bytes.
const LIMIT: usize = 1024 * 1024;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum LoginError {
    #[error("{0} does not answer within the time limit")]
    Late(String),
    #[error("the answer of {0} is too long")]
    Long(String),
    #[error("unexpected login response from {0}: {1}")]
    Odd(String, &'static str),
    #[error("{0} cannot be reached: the connection broke before the answer was complete")]
    Interrupted(String),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error("{0} sent a redirect that was not followed: {1}")]
    Redirect(String, &'static str),
    #[error("{0} refused the login with HTTP status {1}: {2}")]
    Refused(String, u16, String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The text says what, too.
    #[error("{0}")]
    Unreachable(String),
}

impl LoginError {
    /// An answer of success that is none to a login.
    pub(in crate::cli) fn odd(url: &Url, reason: &'static str) -> Self {
        Self::Odd(place(url), reason)
    }
}

/// Scheme, host and port of a URL: where something went wrong, without a password that the URL may have.
fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Sends the login and returns the answer's body if the server granted it.
///
/// It is sent once, and once more where a standby points to the active node: the standby has not used the signature. Any
/// other second try could only be refused by STS.
pub(in crate::cli) async fn login(
    settings: &Settings,
    mut payload: Zeroizing<String>,
    credentials: &Credentials,
) -> Result<Zeroizing<Vec<u8>>, LoginError> {
    let client = client(settings)?;
    let deadline = Instant::now() + settings.timeout;
    // The owner is wiped when the last reference to the bytes goes.
    let body = Bytes::from_owner(Zeroizing::new(std::mem::take(&mut *payload).into_bytes()));
    let mut url = settings.url.clone();
    let mut answer = send(&client, settings, &url, body.clone(), deadline).await?;
    if let Some(next) = redirect(settings, &url, &answer)? {
        url = next;
        answer = send(&client, settings, &url, body, deadline).await?;
    }
    match answer.status {
        200..=299 if answer.body.is_empty() => Err(LoginError::odd(&url, "it is empty")),
        200..=299 => Ok(answer.body),
        300..=399 => {
            let reason = "only one redirect, as a standby sends it, is followed";
            Err(LoginError::Redirect(place(&url), reason))
        }
        status => Err(LoginError::Refused(
            place(&url),
            status,
            reasons(&answer.body, credentials),
        )),
    }
}

fn client(settings: &Settings) -> Result<HttpClient, LoginError> {
    let tls = match tls::config(&settings.tls) {
        // A machine without CA certificates can do without them there.
        Err(TlsError::System(_)) if settings.url.scheme() == "http" => None,
        configured => Some(Arc::new(configured?)),
    };
    let proxies = match &settings.proxy {
        Proxy::Environment => Proxies::from_env(),
        Proxy::Given { from, value } => Proxies::one(from, value)?,
    };
    Ok(HttpClient::new(HttpSettings {
        tls,
        proxies: Arc::new(proxies),
        ..HttpSettings::plain(settings.timeout)
    }))
}

async fn send(
    client: &HttpClient,
    settings: &Settings,
    url: &Url,
    body: Bytes,
    deadline: Instant,
) -> Result<Answer, LoginError> {
    let mut request = Request::put(url.as_str())
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        // An agent may insist on it, as protection against requests that a browser was talked into.
        .header("X-Vault-Request", HeaderValue::from_static("true"));
    if let Some(namespace) = &settings.namespace {
        request = request.header("X-Vault-Namespace", namespace);
    }
    let place = || place(url);
    let request = request.body(body).map_err(|_| {
        LoginError::Unreachable(format!("the address {} cannot be used in a request", place()))
    })?;
    match timeout_at(deadline, client.send(request, LIMIT)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(SendError::Connect(error))) => {
            let text = format!("{} cannot be reached{error}", place());
            Err(LoginError::Unreachable(printable(&text)))
        }
        Ok(Err(SendError::Interrupted)) => Err(LoginError::Interrupted(place())),
        Ok(Err(SendError::TooLong)) => Err(LoginError::Long(place())),
        Err(_) => Err(LoginError::Late(place())),
    }
}

/// Where to send the login instead, if the answer says so and may.
fn redirect(settings: &Settings, from: &Url, answer: &Answer) -> Result<Option<Url>, LoginError> {
    if !matches!(answer.status, 301 | 302 | 307 | 308) {
        return Ok(None);
    }
    let refused = |reason| LoginError::Redirect(place(from), reason);
    if !settings.follow_redirect {
        return Err(refused("BAO_DISABLE_REDIRECTS or VAULT_DISABLE_REDIRECTS is set"));
    }
    let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let target = location.and_then(|location| from.join(location).ok());
    let target = target.ok_or_else(|| refused("the Location header is missing or invalid"))?;
    match (from.scheme(), target.scheme()) {
        ("http", "http" | "https") | ("https", "https") => {}
        _ => return Err(refused("it redirects from https to http")),
    }
    // A standby names the same path. Another one is a login page or the like, which must not get the signature.
    if target.path() != from.path() {
        return Err(refused("it redirects to another path"));
    }
    Ok(Some(target))
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<String>,
}

/// What a refusal says. It may quote what STS said of the request, so the signer's own secrets are taken out.
fn reasons(body: &[u8], credentials: &Credentials) -> String {
    let errors = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.errors);
    let text = match errors {
        Ok(errors) if !errors.is_empty() => errors.join("; "),
        Ok(_) => String::new(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let token = credentials.security_token.as_ref();
    let secrets = [Some(&credentials.access_key_secret), token];
    let text = secrets
        .into_iter()
        .flatten()
        .fold(text, |text, secret| hide(text, secret.expose_secret()));
    let text = printable(&text);
    if text.is_empty() {
        "no reason given".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests;
