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
        // A call can be answered before its message is read. What the host has sent of it by then is late, not wrong, but h2
        // counts such frames over the life of a connection, and at 1,024 closes it with all its calls: anybody's large
        // bodies would do. Only the host, whose certificate is known, can send any.
        .max_local_error_reset_streams(None)
        .handshake(stream);
    let served = async {
        tokio::select! {
            begun = handshake => calls(begun?, services, stop.clone()).await,
            () = stop.cancelled() => Ok(()),
        }
    };
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection of the host broke");
    }
}

async fn calls(
    mut connection: Connection<MainStream, Bytes>,
    services: Services,
    stop: CancellationToken,
) -> Result<(), h2::Error> {
    let mut stopped = false;
    loop {
        let call = tokio::select! {
            call = connection.accept() => call,
            () = stop.cancelled(), if !stopped => {
                stopped = true;
                // What has come and waits is still taken up; then there are no more calls.
                connection.graceful_shutdown();
                continue;
            }
        };
        let Some(call) = call else { return Ok(()) };
        let (request, respond) = call?;
        tokio::spawn(answer(services.clone(), request, respond));
    }
}

/// Answers one call, unless the host no longer wants an answer: then the work for it is dropped.
async fn answer(services: Services, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let request = request.map(|body| Body::new(Received(body)));
    let response = tokio::select! {
        // Looked at first: a message that breaks off because the host gave the call up is no failure.
        biased;
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
        response = services.call(request) => response,
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

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use h2::client::SendRequest;
    use http_body_util::{BodyExt as _, Full};
    use tokio::io::DuplexStream;
    use tokio::task::JoinHandle;
    use tonic::server::NamedService;
    use tower::service_fn;

    use super::*;
    use crate::goplugin::lifetime::Connections;
    use crate::goplugin::services::Answer;

    /// A service that does what the method's name says.
    #[derive(Clone)]
    struct Methods<F>(F);

    impl<F> NamedService for Methods<F> {
        const NAME: &'static str = "test";
    }

    impl<F> tower::Service<Request<Body>> for Methods<F>
    where
        F: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
        F::Future: Send + 'static,
    {
        type Response = F::Response;
        type Error = F::Error;
        type Future = Answer;

        fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), F::Error>> {
            self.0.poll_ready(cx)
        }

        fn call(&mut self, request: Request<Body>) -> Answer {
            Box::pin(self.0.call(request))
        }
    }

    struct Host {
        requests: SendRequest<Bytes>,
        stop: CancellationToken,
        served: JoinHandle<()>,
        /// Told when the work of a call that hangs is dropped.
        dropped: mpsc::UnboundedReceiver<()>,
    }

    impl Host {
        async fn new() -> Self {
            let (ours, theirs) = tokio::io::duplex(64 << 10);
            let (streams, received) = mpsc::channel(1);
            let stop = CancellationToken::new();
            let (tell, dropped) = mpsc::unbounded_channel();
            let methods = Methods(service_fn(move |request: Request<Body>| {
                let tell = tell.clone();
                async move { method(request, tell).await }
            }));
            let served = tokio::spawn(serve(Services::default().with(methods), received, stop.clone()));
            let open = Connections::new().open();
            assert!(streams.send(MainStream::new(theirs, open)).await.is_ok());
            let (requests, connection) = h2::client::handshake::<DuplexStream>(ours).await.unwrap();
            tokio::spawn(connection);
            Self {
                requests,
                stop,
                served,
                dropped,
            }
        }

        async fn call(&self, method: &str, message: &'static [u8]) -> Result<(u16, Vec<u8>), h2::Error> {
            let mut requests = self.requests.clone().ready().await?;
            let request = Request::post(format!("http://host/test/{method}"))
                .body(())
                .unwrap();
            let (answer, mut stream) = requests.send_request(request, false)?;
            stream.send_data(Bytes::from_static(message), true)?;
            let answer = answer.await?;
            let status = answer.status().as_u16();
            let body = Received(answer.into_body()).collect().await?;
            Ok((status, body.to_bytes().to_vec()))
        }
    }

    /// Says when it is dropped.
    struct Watched(mpsc::UnboundedSender<()>);

    impl Drop for Watched {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    async fn method(
        request: Request<Body>,
        tell: mpsc::UnboundedSender<()>,
    ) -> Result<Response<Body>, Infallible> {
        match request.uri().path() {
            "/test/panic" => panic!("it does"),
            "/test/hang" => {
                let _watched = Watched(tell);
                pending().await
            }
            "/test/slow" => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(Response::new(Body::new(
                    Full::from("late").map_err(|never| match never {}),
                )))
            }
            _ => {
                let read = request.into_body().collect().await.unwrap().to_bytes();
                Ok(Response::new(Body::new(
                    Full::from(read).map_err(|never| match never {}),
                )))
            }
        }
    }

    #[tokio::test]
    async fn a_call_is_answered_and_one_that_panics_costs_no_other() {
        let host = Host::new().await;
        let (echoed, lost) = tokio::join!(host.call("echo", b"hello"), host.call("panic", b""));
        assert_eq!(echoed.unwrap(), (200, b"hello".to_vec()));
        assert!(lost.unwrap_err().is_reset());
        assert_eq!(host.call("echo", b"again").await.unwrap().1, b"again");
    }

    #[tokio::test]
    async fn the_work_of_a_call_that_the_host_gives_up_is_dropped() {
        let mut host = Host::new().await;
        let mut requests = host.requests.clone().ready().await.unwrap();
        let request = Request::post("http://host/test/hang").body(()).unwrap();
        let (answer, mut stream) = requests.send_request(request, true).unwrap();
        // It has been taken up when a later one is answered.
        host.call("echo", b"").await.unwrap();
        stream.send_reset(Reason::CANCEL);
        drop(answer);
        host.dropped.recv().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_meets_the_end_on_its_way_is_answered() {
        let host = Host::new().await;
        host.call("echo", b"").await.unwrap();
        let stop = async { host.stop.cancel() };
        let (slow, other, ()) = tokio::join!(host.call("slow", b""), host.call("echo", b"late"), stop);
        assert_eq!(
            (slow.unwrap().1, other.unwrap().1),
            (b"late".to_vec(), b"late".to_vec())
        );
        host.served.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_the_end_is_answered() {
        let host = Host::new().await;
        let slow = host.call("slow", b"");
        let stop = async {
            host.call("echo", b"").await.unwrap();
            host.stop.cancel();
        };
        let (answered, ()) = tokio::join!(slow, stop);
        assert_eq!(answered.unwrap().1, b"late");
        host.served.await.unwrap();
    }
}
