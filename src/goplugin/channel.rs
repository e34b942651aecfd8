//! A gRPC channel to one of the host's services: one HTTP/2 connection, made anew when it breaks.
//!
//! The calls over it are small and many, so there is nothing between the caller and the connection's own task: tonic's
//! channel passes each call through two more, and costs memory for each mount.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use h2::client::SendRequest;
use http::{Request, Response, Uri};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;
use tonic::body::Body;
use tower::Service;

use super::gathered::Gathered;
use super::received::Received;

/// What the host may send before it waits for us: the largest answers are lists of keys.
const WINDOW: u32 = 2 << 20;

/// What requests over a channel are addressed to. HTTP/2 wants a name, and the host looks at none.
pub fn origin() -> Uri {
    Uri::from_static("http://localhost")
}

/// Why a call has no answer.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Makes a connection and begins HTTP/2 on it.
type Connect = dyn Fn() -> BoxFuture<'static, Result<SendRequest<Bytes>, Failure>> + Send + Sync;

/// Clones share the connection. A broken one is made again for the next call; a call that was sent is not repeated.
#[derive(Clone)]
pub struct Channel {
    shared: Arc<Shared>,
}

struct Shared {
    connect: Box<Connect>,
    /// Locked while a connection is made, so that there is one at a time.
    connection: Mutex<Option<SendRequest<Bytes>>>,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").finish_non_exhaustive()
    }
}

impl Channel {
    /// Connects, by what is also called when a connection is made again.
    pub(crate) async fn new<C, S>(connect: impl Fn() -> C + Send + Sync + 'static) -> Result<Self, Failure>
    where
        C: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let connect: Box<Connect> = Box::new(move || {
            let connecting = connect();
            Box::pin(async move { Ok(handshake(connecting.await?).await?) })
        });
        let connection = Mutex::new(Some(connect().await?));
        Ok(Self {
            shared: Arc::new(Shared { connect, connection }),
        })
    }
}

impl Shared {
    /// The connection when it can take another call, or a new one if it is gone.
    async fn ready(&self) -> Result<SendRequest<Bytes>, Failure> {
        let mut connection = self.connection.lock().await;
        if let Some(known) = connection.take()
            && let Ok(ready) = known.ready().await
        {
            return Ok(connection.insert(ready).clone());
        }
        let new = (self.connect)().await?.ready().await?;
        Ok(connection.insert(new).clone())
    }
}

/// Begins HTTP/2. The connection has a task of its own, which ends with the last handle to it.
async fn handshake<S>(stream: S) -> Result<SendRequest<Bytes>, h2::Error>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (requests, connection) = h2::client::Builder::new()
        .enable_push(false)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        .handshake(Gathered::client(stream))
        .await?;
    // An async block would reserve space for the connection twice: before it is awaited, and while it is.
    tokio::spawn(connection.map(|ended| {
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection to the host broke");
        }
    }));
    Ok(requests)
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Received>;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    /// Sends one message: none of the host's methods takes a stream.
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let message = body.collect().await?.to_bytes();
            let mut requests = shared.ready().await?;
            let (answer, mut stream) = requests.send_request(Request::from_parts(head, ()), false)?;
            // What the host's windows have no room for waits there: it is in memory anyway.
            stream.send_data(message, true)?;
            Ok(answer.await?.map(Received))
        })
    }
}
