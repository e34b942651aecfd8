//! One socket that carries many streams: the form asked for with `PLUGIN_MULTIPLEX_GRPC`, which containers need.
//!
//! The framing is hashicorp/yamux; the host is its client, we are its server. TLS and HTTP/2 run inside each stream.
//! Follows `internal/grpcmux` of hashicorp/go-plugin.

use std::{convert::Infallible, future::poll_fn, io, task::Poll};

use tokio::sync::{mpsc, oneshot};
use tokio_util::{
    compat::{Compat, FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _},
    sync::CancellationToken,
};
use yamux::{Config, Connection, Mode};

use super::unix_stream::UnixStream;

/// A stream within the socket.
pub(super) type MuxStream = Compat<yamux::Stream>;

/// Streams that the host opened and nobody took yet.
const BACKLOG: usize = 16;

type Reply = oneshot::Sender<io::Result<MuxStream>>;

/// The sockets of a process, so that they can be closed in good order: what was written to their streams is only on its
/// way when the sockets are flushed.
#[derive(Debug)]
pub(super) struct Sockets {
    closing: CancellationToken,
    /// Every socket holds a sender as long as it is open.
    open: mpsc::Sender<Infallible>,
    closed: mpsc::Receiver<Infallible>,
}

/// What a socket gets of [`Sockets`].
#[derive(Clone, Debug)]
pub(super) struct OpenSockets {
    closing: CancellationToken,
    #[expect(dead_code, reason = "held, not used")]
    open: mpsc::Sender<Infallible>,
}

impl Sockets {
    pub(super) fn new() -> Self {
        let (open, closed) = mpsc::channel(1);
        Self {
            closing: CancellationToken::new(),
            open,
            closed,
        }
    }

    pub(super) fn handle(&self) -> OpenSockets {
        OpenSockets {
            closing: self.closing.clone(),
            open: self.open.clone(),
        }
    }

    /// Flushes and closes all of them.
    pub(super) async fn close(mut self) {
        self.closing.cancel();
        drop(self.open);
        // Nothing is ever sent: this ends when the last sender is gone.
        self.closed.recv().await;
    }
}

/// A handle to open streams towards the host.
#[derive(Clone, Debug)]
pub(super) struct Session {
    opens: mpsc::Sender<Reply>,
}

impl Session {
    /// Takes over the socket. The streams that the host opens come out of the receiver, which ends with the session.
    pub(super) fn start(socket: UnixStream, sockets: OpenSockets) -> (Self, mpsc::Receiver<MuxStream>) {
        let (opens, requests) = mpsc::channel(1);
        let (inbound, streams) = mpsc::channel(BACKLOG);
        let connection = Connection::new(socket.compat(), Config::default(), Mode::Server);
        tokio::spawn(drive(connection, requests, inbound, sockets));
        (Self { opens }, streams)
    }

    /// Opens a stream; the host sees it with its first bytes.
    pub(super) async fn open(&self) -> io::Result<MuxStream> {
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the multiplexed connection is gone");
        let (reply, stream) = oneshot::channel();
        self.opens.send(reply).await.map_err(|_| gone())?;
        stream.await.map_err(|_| gone())?
    }
}

/// A yamux connection makes progress only while it is asked for inbound streams, so one task asks all the time.
async fn drive(
    mut connection: Connection<Compat<UnixStream>>,
    mut opens: mpsc::Receiver<Reply>,
    inbound: mpsc::Sender<MuxStream>,
    sockets: OpenSockets,
) {
    let mut asked: Option<Reply> = None;
    let end = poll_fn(|cx| {
        loop {
            if asked.is_none()
                && let Poll::Ready(Some(reply)) = opens.poll_recv(cx)
            {
                asked = Some(reply);
            }
            if asked.is_some()
                && let Poll::Ready(opened) = connection.poll_new_outbound(cx)
                && let Some(reply) = asked.take()
            {
                // Whoever asked may have given up; the stream is then dropped, which resets it.
                let _ = reply.send(opened.map(|stream| stream.compat()).map_err(io::Error::other));
                continue;
            }
            match connection.poll_next_inbound(cx) {
                Poll::Ready(Some(Ok(stream))) => {
                    if inbound.try_send(stream.compat()).is_err() {
                        tracing::warn!(
                            event = "stream_refused",
                            "too many streams are waiting, one is refused"
                        );
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    });
    let end = tokio::select! {
        end = end => end,
        () = sockets.closing.cancelled() => poll_fn(|cx| connection.poll_close(cx)).await,
    };
    match end {
        Ok(()) => tracing::debug!("the multiplexed connection was closed"),
        Err(error) => tracing::debug!(%error, "the multiplexed connection broke"),
    }
}
