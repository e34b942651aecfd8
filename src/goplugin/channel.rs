//! A gRPC channel to one of the host's services: one HTTP/2 connection, made anew when it breaks.
//!
//! The calls over it are small and many, so there is nothing between the caller and the connection's own task: tonic's
//! channel passes each call through two more, and costs memory for each mount.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use h2::client::SendRequest;
use http::uri::{self, Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderValue, Method, Request, header};
use http_body_util::BodyExt as _;
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;
use tonic::{Code, Status};

use super::gathered::Gathered;
use super::message;
use super::received::Received;

/// What the host may send before it waits for us: the largest answers are lists of keys.
const WINDOW: u32 = 2 << 20;

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

impl Channel {
    /// Calls a method of the host, `/service/method`: none takes or gives more than one message. The answer has no limit but the
    /// host's. The status is the host's, or tells why there is no answer.
    pub fn call<M: Message, A: Message + Default>(
        &self,
        method: &'static str,
        message: &M,
    ) -> impl Future<Output = Result<A, Status>> + Send + use<M, A> {
        self.send(method, message::framed(message))
            .map(|answer| answer.and_then(message::read))
    }

    fn send(&self, method: &'static str, message: Bytes) -> BoxFuture<'static, Result<Bytes, Status>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let mut requests = shared.ready().await.map_err(Status::from_error)?;
            let (answer, mut stream) = requests.send_request(request(method), false).map_err(broken)?;
            // What the host's windows have no room for waits there: it is in memory anyway.
            stream.send_data(message, true).map_err(broken)?;
            let (head, body) = answer.await.map_err(broken)?.into_parts();
            // A refusal may come without a message, in the headers.
            if let Some(status) = Status::from_header_map(&head.headers)
                && status.code() != Code::Ok
            {
                return Err(status);
            }
            let body = Received(body).collect().await.map_err(broken)?;
            match body.trailers().and_then(Status::from_header_map) {
                Some(status) if status.code() == Code::Ok => Ok(body.to_bytes()),
                Some(refused) => Err(refused),
                None => Err(Status::internal(format!(
                    "the host's answer ({}) does not say how the call ended",
                    head.status
                ))),
            }
        })
    }
}

/// The head of a call.
fn request(method: &'static str) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    let mut uri = uri::Parts::default();
    uri.scheme = Some(Scheme::HTTP);
    // HTTP/2 wants a name, and the host looks at none.
    uri.authority = Some(Authority::from_static("localhost"));
    uri.path_and_query = Some(PathAndQuery::from_static(method));
    *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, message::GRPC);
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    request
}

fn broken(error: h2::Error) -> Status {
    Status::unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use h2::Reason;
    use h2::server::SendResponse;
    use http::{HeaderMap, Response};
    use tokio::io::DuplexStream;

    use super::*;
    use crate::goplugin::generated::ConnInfo;

    /// A channel to a host whose methods do what their names say.
    async fn channel() -> Channel {
        let connect = || async {
            let (ours, theirs) = tokio::io::duplex(64 << 10);
            tokio::spawn(host(theirs));
            Ok(ours)
        };
        Channel::new(connect)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    async fn host(stream: DuplexStream) {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, respond))) = connection.accept().await {
            tokio::spawn(answer(request, respond));
        }
    }

    async fn answer(request: Request<h2::RecvStream>, mut respond: SendResponse<Bytes>) {
        let (head, body) = request.into_parts();
        assert_eq!(head.method, Method::POST);
        assert_eq!(head.headers["content-type"], "application/grpc");
        assert_eq!(head.headers["te"], "trailers");
        let message = Received(body).collect().await.unwrap().to_bytes();
        let status = |code: &'static str| {
            HeaderMap::from_iter([
                (
                    header::HeaderName::from_static("grpc-status"),
                    HeaderValue::from_static(code),
                ),
                (
                    header::HeaderName::from_static("grpc-message"),
                    HeaderValue::from_static("no%20way"),
                ),
            ])
        };
        let mut begun = Response::new(());
        match head.uri.path() {
            "/test/echo" => {
                let mut stream = respond.send_response(begun, false).unwrap();
                // In two pieces.
                let (first, second) = message.split_at(message.len() / 2);
                stream.send_data(Bytes::copy_from_slice(first), false).unwrap();
                stream.send_data(Bytes::copy_from_slice(second), false).unwrap();
                stream.send_trailers(status("0")).unwrap();
            }
            "/test/refuse" => {
                let mut stream = respond.send_response(begun, false).unwrap();
                stream.send_trailers(status("5")).unwrap();
            }
            "/test/refuse_at_once" => {
                *begun.headers_mut() = status("12");
                respond.send_response(begun, true).unwrap();
            }
            "/test/break_off" => {
                let mut stream = respond.send_response(begun, false).unwrap();
                stream.send_data(message, true).unwrap();
            }
            "/test/no_status" => {
                let mut stream = respond.send_response(begun, false).unwrap();
                stream.send_data(message, false).unwrap();
                stream.send_trailers(HeaderMap::new()).unwrap();
            }
            _ => respond.send_reset(Reason::INTERNAL_ERROR),
        }
    }

    async fn call(channel: &Channel, method: &'static str) -> Result<ConnInfo, Status> {
        channel
            .call(
                method,
                &ConnInfo {
                    address: "a".repeat(1000),
                    ..ConnInfo::default()
                },
            )
            .await
    }

    #[tokio::test]
    async fn an_answer_may_come_in_pieces() {
        let answer = call(&channel().await, "/test/echo").await.unwrap();
        assert_eq!(answer.address.len(), 1000);
    }

    #[tokio::test]
    async fn the_hosts_refusals_come_through_and_the_channel_stays() {
        let channel = channel().await;
        for (method, code, message) in [
            ("/test/refuse", Code::NotFound, "no way"),
            ("/test/refuse_at_once", Code::Unimplemented, "no way"),
            (
                "/test/break_off",
                Code::Internal,
                "does not say how the call ended",
            ),
            (
                "/test/no_status",
                Code::Internal,
                "does not say how the call ended",
            ),
            ("/test/reset", Code::Unavailable, "internal error"),
        ] {
            let refused = call(&channel, method).await.unwrap_err();
            assert!(refused.message().contains(message), "{method}: {refused}");
            assert_eq!(refused.code(), code, "{method}: {refused}");
        }
        call(&channel, "/test/echo").await.unwrap();
    }
}
