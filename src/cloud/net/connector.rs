//! Opens connections: name, TCP, proxy, TLS, each with its own error.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, vec};

use http::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tower::Service;

use super::connect_error::{ConnectError, cause};
use super::names::Names;
use super::proxy::{Protocol, Proxies, Proxy, host_port};
use super::{socks, tunnel};

/// Opens connections to the hosts of URIs.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) proxies: Arc<Proxies>,
    /// Without, there is no TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) names: Arc<dyn Names>,
    /// For one connection with everything that belongs to it.
    pub(super) timeout: Duration,
    pub(super) user_agent: &'static str,
}

/// Where a request goes.
pub(super) struct Target<'a> {
    pub(super) https: bool,
    /// Without brackets.
    pub(super) host: &'a str,
    pub(super) port: u16,
}

impl<'a> Target<'a> {
    pub(super) fn of(uri: &'a Uri) -> Option<Self> {
        let https = uri.scheme_str() == Some("https");
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        Some(Self { https, host, port })
    }

    fn place(&self) -> String {
        host_port(self.host, self.port)
    }
}

impl Connector {
    /// The proxy on the way.
    pub(super) fn route(&self, target: &Target<'_>) -> Result<Option<&Proxy>, ConnectError> {
        let route = self.proxies.route(target.https, target.host, target.port);
        route.map_err(ConnectError::no_proxy)
    }

    async fn connect(&self, uri: &Uri) -> Result<Stream, ConnectError> {
        let target = Target::of(uri).ok_or_else(|| ConnectError::new("the address has no host"))?;
        let deadline = Instant::now() + self.timeout;
        let Some(proxy) = self.route(&target)? else {
            let stream = self.tcp(target.host, target.port, deadline).await?;
            return match target.https {
                true => self.tls(Box::new(stream), target.host, deadline).await,
                false => Ok(Stream::plain(Box::new(stream))),
            };
        };
        let through = |error: ConnectError| error.through(proxy);
        let stream = self.to_proxy(proxy, deadline).await;
        let mut stream = stream.map_err(|error| through(error.of_proxy_itself()))?;
        if !target.https && proxy.protocol != Protocol::Socks5 {
            // An HTTP proxy takes the request itself.
            stream.forwards = true;
            return Ok(stream);
        }
        let open = async {
            match proxy.protocol {
                Protocol::Socks5 => {
                    socks::open(&mut stream, target.host, target.port, proxy.login.as_ref()).await
                }
                Protocol::Http | Protocol::Https => {
                    let login = proxy.login.as_ref().map(|login| login.basic());
                    tunnel::open(&mut stream, &target.place(), self.user_agent, login.as_ref()).await
                }
            }
        };
        within(deadline, "the proxy did not answer in time", open)
            .await
            .map_err(through)?;
        match target.https {
            true => self
                .tls(Box::new(stream), target.host, deadline)
                .await
                .map_err(through),
            false => Ok(stream),
        }
    }

    async fn to_proxy(&self, proxy: &Proxy, deadline: Instant) -> Result<Stream, ConnectError> {
        let stream = self.tcp(&proxy.host, proxy.port, deadline).await?;
        match proxy.protocol {
            Protocol::Https => self.tls(Box::new(stream), &proxy.host, deadline).await,
            Protocol::Http | Protocol::Socks5 => Ok(Stream::plain(Box::new(stream))),
        }
    }

    async fn tcp(&self, host: &str, port: u16, deadline: Instant) -> Result<TcpStream, ConnectError> {
        let addresses = look_up(&*self.names, host, port, deadline).await?;
        // Tries the addresses of both families, a moment apart.
        let mut http = HttpConnector::new_with_resolver(Found(addresses));
        http.set_nodelay(true);
        http.set_connect_timeout(Some(deadline.duration_since(Instant::now())));
        // The ports are with the addresses, and the name is looked up already.
        let uri = Uri::from_static("http://found.invalid/");
        let connect = async {
            http.call(uri).await.map_err(|error| match cause(&error) {
                Some(error) => ConnectError::of_io(error),
                None => ConnectError::new("no connection"),
            })
        };
        Ok(within(deadline, "connecting timed out", connect)
            .await?
            .into_inner())
    }

    async fn tls(
        &self,
        stream: Box<dyn Duplex>,
        host: &str,
        deadline: Instant,
    ) -> Result<Stream, ConnectError> {
        let config = self.tls.as_ref();
        let config = config.ok_or_else(|| ConnectError::new("TLS is not configured for this connection"))?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| ConnectError::new("the host is not a valid TLS server name"))?;
        let handshake = async {
            let connector = TlsConnector::from(Arc::clone(config));
            let connected = connector.connect(name, stream).await;
            connected.map_err(|error| ConnectError::of_tls(&error))
        };
        let stream = within(deadline, "the TLS handshake timed out", handshake).await?;
        Ok(Stream::plain(Box::new(stream)))
    }
}

/// The addresses of a host, with this port.
pub(super) async fn look_up(
    names: &dyn Names,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, ConnectError> {
    let find = async {
        let found = names.find(host, port).await;
        found.map_err(|error| ConnectError::new(error.to_string()))
    };
    within(deadline, "resolving the name timed out", find).await
}

async fn within<T>(
    deadline: Instant,
    late: &'static str,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    timeout_at(deadline, work)
        .await
        .unwrap_or_else(|_| Err(ConnectError::new(late)))
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(&uri).await.map(TokioIo::new) })
    }
}

/// Addresses that were found already.
#[derive(Clone)]
struct Found(Vec<SocketAddr>);

impl Service<Name> for Found {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.clone().into_iter()))
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection of any kind.
pub(super) struct Stream {
    inner: Box<dyn Duplex>,
    /// Whether a proxy at the other end takes whole URLs.
    forwards: bool,
}

impl Stream {
    fn plain(inner: Box<dyn Duplex>) -> Self {
        Self {
            inner,
            forwards: false,
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.forwards)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
