//! The one request to the server.

use std::error::Error as _;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use reqwest::{Client, Response, Url};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::settings::{Proxy, Settings};
use super::tls::{self, TlsError};
use crate::alicloud::Credentials;
use crate::cli::text::{hide, printable};
use crate::cloud::names::SystemNames;

/// Longest answer that is read, in bytes.
const LIMIT: usize = 1024 * 1024;

const USER_AGENT: &str = concat!("vault-plugin-alicloud/", env!("CARGO_PKG_VERSION"));

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum LoginError {
    #[error("{0} does not answer within the time limit")]
    Late(String),
    #[error("the answer of {0} is too long")]
    Long(String),
    #[error("unexpected login response from {0}: {1}")]
    Odd(String, &'static str),
    #[error("{0} sent a redirect that was not followed: {1}")]
    Redirect(String, &'static str),
    #[error("{0} refused the login with HTTP status {1}: {2}")]
    Refused(String, u16, String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{0} cannot be reached: {1}")]
    Unreachable(String, String),
}

impl LoginError {
    /// An answer of success that is none to a login.
    pub(in crate::cli) fn odd(url: &Url, reason: &'static str) -> Self {
        Self::Odd(place(url), reason)
    }
}

/// Scheme, host and port of a URL: where something went wrong, without a password that the URL may have.
fn place(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
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
    // The owner is wiped when the last reference to the bytes goes.
    let body = Bytes::from_owner(Zeroizing::new(std::mem::take(&mut *payload).into_bytes()));
    let mut url = settings.url.clone();
    let mut answer = send(&client, settings, &url, body.clone()).await?;
    if let Some(next) = redirect(settings, &url, &answer)? {
        url = next;
        answer = send(&client, settings, &url, body).await?;
    }
    let status = answer.status();
    if status.is_redirection() {
        let reason = "only one redirect, as a standby sends it, is followed";
        return Err(LoginError::Redirect(place(&url), reason));
    }
    let text = read(answer, &url).await?;
    if !status.is_success() {
        return Err(LoginError::Refused(
            place(&url),
            status.as_u16(),
            reasons(&text, credentials),
        ));
    }
    if text.is_empty() {
        return Err(LoginError::odd(&url, "it is empty"));
    }
    Ok(text)
}

fn client(settings: &Settings) -> Result<Client, LoginError> {
    let unreachable = |error| failure(error, &settings.url);
    // With rustls-no-provider reqwest insists on a configuration, also for http.
    let tls = match tls::config(&settings.tls) {
        // A machine without CA certificates can do without them there.
        Err(TlsError::System(_)) if settings.url.scheme() == "http" => tls::trusting_nobody()?,
        configured => configured?,
    };
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .dns_resolver(Arc::new(SystemNames::new()))
        .user_agent(USER_AGENT)
        .timeout(settings.timeout);
    let builder = match &settings.proxy {
        Proxy::Direct => builder.no_proxy(),
        Proxy::Environment => builder,
        Proxy::Given(proxy) => builder.proxy(reqwest::Proxy::all(proxy).map_err(unreachable)?),
    };
    builder.build().map_err(unreachable)
}

async fn send(client: &Client, settings: &Settings, url: &Url, body: Bytes) -> Result<Response, LoginError> {
    let mut request = client
        .put(url.clone())
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        // An agent may insist on it, as protection against requests that a browser was talked into.
        .header("X-Vault-Request", HeaderValue::from_static("true"))
        .body(body);
    if let Some(namespace) = &settings.namespace {
        request = request.header("X-Vault-Namespace", namespace);
    }
    request.send().await.map_err(|error| failure(error, url))
}

/// Where to send the login instead, if the answer says so and may.
fn redirect(settings: &Settings, from: &Url, answer: &Response) -> Result<Option<Url>, LoginError> {
    let statuses = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !statuses.contains(&answer.status()) {
        return Ok(None);
    }
    let refused = |reason| LoginError::Redirect(place(from), reason);
    if !settings.follow_redirect {
        return Err(refused("BAO_DISABLE_REDIRECTS or VAULT_DISABLE_REDIRECTS is set"));
    }
    let location = answer
        .headers()
        .get(LOCATION)
        .and_then(|value| value.to_str().ok());
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

/// Reads an answer piece by piece, so that a body without end costs no memory.
async fn read(mut answer: Response, url: &Url) -> Result<Zeroizing<Vec<u8>>, LoginError> {
    let expected = answer
        .content_length()
        .map_or(8 * 1024, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if expected > LIMIT {
        return Err(LoginError::Long(place(url)));
    }
    let mut body = Zeroizing::new(Vec::with_capacity(expected));
    while let Some(piece) = answer.chunk().await.map_err(|error| failure(error, url))? {
        if body.len() + piece.len() > LIMIT {
            return Err(LoginError::Long(place(url)));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
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

/// Sorts an error of reqwest, whose own text has little but the URL; the causes tell.
fn failure(error: reqwest::Error, url: &Url) -> LoginError {
    let place = place(url);
    if error.is_timeout() {
        return LoginError::Late(place);
    }
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    // The outermost one says which layer failed, and no more.
    if causes.len() > 1 {
        causes.remove(0);
    }
    let mut text = causes.join(": ");
    if text.is_empty() {
        text = error.without_url().to_string();
    }
    if text.contains("InvalidContentType") {
        text.push_str("; does the server speak http, and not https?");
    }
    LoginError::Unreachable(place, printable(&text))
}

#[cfg(test)]
mod tests;
