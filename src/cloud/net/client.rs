//! Sends requests over kept connections, and reads answers.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use zeroize::Zeroizing;

use super::connect_error::ConnectError;
use super::connector::{Connector, Target};
use super::names::Names;
use super::proxy::{Login, Protocol, Proxies};
use crate::cloud::names::SystemNames;
use crate::cloud::transport::{Answer, Failure};

/// What the program calls itself.
pub(super) const AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// How a client connects, and what it keeps.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    pub(crate) proxies: Arc<Proxies>,
    /// Without, only `http` can be had.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) names: Arc<dyn Names>,
    /// For name, TCP, proxy and TLS together.
    pub(crate) connect_timeout: Duration,
    /// Idle connections that are kept for each host.
    pub(crate) idle_per_host: usize,
    /// For how long they are.
    pub(crate) idle_time: Duration,
}

impl HttpSettings {
    /// Without proxy and TLS, over one connection for each request.
    pub(crate) fn plain(connect_timeout: Duration) -> Self {
        Self {
            proxies: Arc::new(Proxies::none()),
            tls: None,
            names: Arc::new(SystemNames::new()),
            connect_timeout,
            idle_per_host: 0,
            idle_time: Duration::ZERO,
        }
    }
}

/// An HTTP/1.1 client: no redirects, no cookies, and no second try of a request that was sent. Cheap to clone.
#[derive(Clone)]
pub(crate) struct HttpClient {
    client: Client<Connector, Full<Bytes>>,
    connector: Connector,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// Nothing was sent.
    Connect(ConnectError),
    /// The request was sent, at least in part, and the connection broke.
    Interrupted,
    /// The answer is longer than was allowed.
    TooLong,
}

impl SendError {
    /// The same for a call, with what could not be connected to.
    pub(crate) fn into_failure(self, host: &impl fmt::Display) -> Failure {
        match self {
            Self::Connect(error) if error.is_lasting() => {
                Failure::Unusable(format!("cannot connect to {host}{error}"))
            }
            Self::Connect(error) => Failure::Connect(format!("cannot connect to {host}{error}")),
            Self::Interrupted => Failure::Interrupted,
            Self::TooLong => Failure::TooLong,
        }
    }
}

impl HttpClient {
    pub(crate) fn new(settings: HttpSettings) -> Self {
        let connector = Connector {
            proxies: settings.proxies,
            tls: settings.tls,
            names: settings.names,
            timeout: settings.connect_timeout,
            user_agent: AGENT,
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.idle_time)
            .pool_max_idle_per_host(settings.idle_per_host)
            .build(connector.clone());
        Self { client, connector }
    }

    /// Sends a request to an absolute URI and reads the answer, up to so many bytes of its body. The caller bounds the
    /// time by dropping the future.
    ///
    /// # Errors
    /// There is no answer, or it is too long.
    pub(crate) async fn send(&self, mut request: Request<Bytes>, limit: usize) -> Result<Answer, SendError> {
        request
            .headers_mut()
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(AGENT));
        move_login(&mut request);
        if let Some(login) = self.proxy_login(&request).map_err(SendError::Connect)? {
            request.headers_mut().insert(PROXY_AUTHORIZATION, login);
        }
        let sent = self.client.request(request.map(Full::new)).await;
        answer_of(sent.map_err(|error| sorted(&error))?, limit).await
    }

    /// User and password for a proxy that takes the request itself.
    fn proxy_login(&self, request: &Request<Bytes>) -> Result<Option<HeaderValue>, ConnectError> {
        let target = Target::of(request.uri()).filter(|target| !target.https);
        let Some(target) = target else {
            return Ok(None);
        };
        let proxy = self.connector.route(&target)?;
        let proxy = proxy.filter(|proxy| proxy.protocol != Protocol::Socks5);
        Ok(proxy.and_then(|proxy| Some(proxy.login.as_ref()?.basic())))
    }
}

/// Moves user and password of the URL into the header that they are meant for.
pub(super) fn move_login(request: &mut Request<Bytes>) {
    let mut parts = request.uri().clone().into_parts();
    let authority = parts.authority.take();
    let Some((login, place)) = authority.as_ref().and_then(|all| all.as_str().rsplit_once('@')) else {
        return;
    };
    parts.authority = place.parse().ok();
    let (Ok(login), Ok(uri)) = (Login::parse(login), Uri::from_parts(parts)) else {
        return;
    };
    *request.uri_mut() = uri;
    let header = request.headers_mut().entry(AUTHORIZATION);
    header.or_insert_with(|| login.basic());
}

fn sorted(error: &hyper_util::client::legacy::Error) -> SendError {
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<ConnectError>());
    match cause {
        Some(cause) => SendError::Connect(cause.clone()),
        None if error.is_connect() => SendError::Connect(ConnectError::new("no connection")),
        None => SendError::Interrupted,
    }
}

/// Reads an answer with up to so many bytes of its body.
pub(super) async fn answer_of(
    answer: Response<impl Body<Data = Bytes> + Unpin>,
    limit: usize,
) -> Result<Answer, SendError> {
    let (head, body) = answer.into_parts();
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: read(body, limit).await?,
    })
}

/// Reads a body piece by piece, so that one without end costs no memory.
async fn read(
    mut body: impl Body<Data = Bytes> + Unpin,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, SendError> {
    let told = body
        .size_hint()
        .exact()
        .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if told.is_some_and(|length| length > limit) {
        return Err(SendError::TooLong);
    }
    let mut read = Zeroizing::new(Vec::with_capacity(told.unwrap_or(8 * 1024)));
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| SendError::Interrupted)?.into_data() else {
            continue;
        };
        if read.len() + piece.len() > limit {
            return Err(SendError::TooLong);
        }
        read.extend_from_slice(&piece);
    }
    Ok(read)
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpClient").field(&self.connector).finish()
    }
}
