//! The gRPC server's HTTP/2: its connections, and one task for each call.
//!
//! There is nothing between a connection and the services: tonic's server passes each call through hyper, a router and
//! layers for what no host uses.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, Response};
use http_body::Body as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tower::Service as _;

use super::received::Received;
use super::services::Services;
use super::stream::MainStream;

/// Why an answer was not sent as a whole.
#[derive(Debug, thiserror::Error)]
enum Unsent {
    /// The host or the connection is gone.
    #[error(transparent)]
    Connection(#[from] h2::Error),
    /// The service could not go on.
    #[error("the service broke off: {0}")]
    Body(Status),
}

/// How much of one call's message the host may send before it is read, in bytes.
const STREAM_WINDOW: u32 = 64 << 10;
/// The same for all calls of a connection together: calls whose messages are not read yet must not hold up the others.
const CONNECTION_WINDOW: u32 = 4 << 20;
/// The most that the headers of a call may have, in bytes.
const HEADERS: u32 = 16 << 10;

/// Serves the streams that come until `stop`, and then until the last call is answered.
pub(super) async fn serve(
    services: Services,
    mut streams: mpsc::Receiver<MainStream>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        tokio::select! {
            stream = streams.recv() => {
                let Some(stream) = stream else { break };
                connections.spawn(connection(stream, services.clone(), stop.clone()));
            }
            () = stop.cancelled() => break,
        }
    }
    while connections.join_next().await.is_some() {}
}

/// Serves one connection until its peer closes it, or until the calls that came before `stop` are answered.
async fn connection(stream: MainStream, services: Services, stop: CancellationToken) {
    let handshake = Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADERS)
        .handshake(stream);
    let served = async { calls(handshake.await?, services, stop).await };
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection of the host broke");
    }
}

async fn calls(
    mut connection: Connection<MainStream, Bytes>,
    services: Services,
    stop: CancellationToken,
) -> Result<(), h2::Error> {
    loop {
        let call = tokio::select! {
            call = connection.accept() => call,
            () = stop.cancelled() => break,
        };
        let Some(call) = call else { return Ok(()) };
        let (request, respond) = call?;
        tokio::spawn(answer(services.clone(), request, respond));
    }
    connection.graceful_shutdown();
    poll_fn(|cx| connection.poll_closed(cx)).await
}

/// Answers one call, unless the host no longer wants an answer: then the work for it is dropped.
async fn answer(mut services: Services, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let request = request.map(|body| Body::new(Received(body)));
    let response = tokio::select! {
        response = services.call(request) => response,
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
    };
    let Ok(response) = response.map_err(|never: Infallible| match never {});
    if let Err(error) = send(response, respond).await {
        tracing::debug!(%error, "an answer could not be sent");
    }
}

async fn send(response: Response<Body>, mut respond: SendResponse<Bytes>) -> Result<(), Unsent> {
    let (head, body) = response.into_parts();
    let ends = body.is_end_stream();
    let mut stream = respond.send_response(Response::from_parts(head, ()), ends)?;
    if ends {
        return Ok(());
    }
    let mut body = pin!(body);
    loop {
        let frame = tokio::select! {
            frame = poll_fn(|cx| body.as_mut().poll_frame(cx)) => frame,
            _ = poll_fn(|cx| stream.poll_reset(cx)) => return Ok(()),
        };
        match frame {
            // The end of a stream without trailers.
            None => return Ok(stream.send_data(Bytes::new(), true)?),
            Some(Ok(frame)) => match frame.into_data() {
                // What the host's windows have no room for waits there: it is in memory anyway.
                Ok(data) => stream.send_data(data, body.is_end_stream())?,
                Err(frame) => return Ok(stream.send_trailers(frame.into_trailers().unwrap_or_default())?),
            },
            Some(Err(status)) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Err(Unsent::Body(status));
            }
        }
        if body.is_end_stream() {
            return Ok(());
        }
    }
}
