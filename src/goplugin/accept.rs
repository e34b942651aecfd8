//! From a connecting socket to a stream on which the host has proved who it is.
//!
//! Each handshake has its own task and its own time limit, and only so many may be under way: a peer that connects
//! and stays silent keeps nobody else out.

use std::{sync::Arc, time::Duration};

use tokio::{
    net::UnixListener,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    broker::Broker,
    lifetime::Connections,
    mux::{OpenSockets, Session},
    stream::{Io, MainStream},
    tls::Tls,
    unix_stream::UnixStream,
};

/// Time for one TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes under way at once.
const HALF_OPEN: usize = 64;
/// Multiplexed sockets at once; a host has one.
const SESSIONS: usize = 8;
/// Pause after the system could not give us a connection, mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// What it takes to make a socket a main stream.
#[derive(Clone)]
pub(super) struct Acceptor {
    tls: TlsAcceptor,
    half_open: Arc<Semaphore>,
    connections: Connections,
    ready: mpsc::Sender<MainStream>,
    /// Set in the multiplexed form: there the broker opens its streams in the host's socket.
    multiplexed: Option<Broker>,
    sockets: OpenSockets,
}

impl Acceptor {
    /// Finished streams come out of the receiver.
    pub(super) fn new(
        tls: &Tls,
        connections: Connections,
        multiplexed: Option<Broker>,
        sockets: OpenSockets,
    ) -> (Self, mpsc::Receiver<MainStream>) {
        let (ready, streams) = mpsc::channel(HALF_OPEN);
        let tls = TlsAcceptor::from(Arc::clone(&tls.server));
        let half_open = Arc::new(Semaphore::new(HALF_OPEN));
        (
            Self {
                tls,
                half_open,
                connections,
                ready,
                multiplexed,
                sockets,
            },
            streams,
        )
    }

    /// Accepts until `stop`; handshakes that are under way then are dropped.
    pub(super) async fn run(self, listener: UnixListener, stop: CancellationToken) {
        tokio::select! {
            () = self.accept(listener) => {}
            () = stop.cancelled() => {}
        }
    }

    async fn accept(&self, listener: UnixListener) {
        let slots = match self.multiplexed {
            Some(_) => Arc::new(Semaphore::new(SESSIONS)),
            None => Arc::clone(&self.half_open),
        };
        let mut tasks = JoinSet::new();
        // The semaphores are never closed.
        while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
            while tasks.try_join_next().is_some() {}
            let accepted = listener.accept().await;
            let socket = match accepted.and_then(|(socket, _)| UnixStream::new(socket)) {
                Ok(socket) => socket,
                Err(error) => {
                    tracing::warn!(event = "accept_failed", %error, "cannot accept a connection");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let this = self.clone();
            match &self.multiplexed {
                None => tasks.spawn(async move {
                    this.secure(socket, slot).await;
                }),
                Some(broker) => {
                    let broker = broker.clone();
                    tasks.spawn(async move { this.session(socket, broker, slot).await })
                }
            };
        }
    }

    /// Serves the streams of one multiplexed socket. It becomes the one that the broker uses when the host has proved
    /// itself on one of its streams.
    async fn session(self, socket: UnixStream, broker: Broker, _slot: OwnedSemaphorePermit) {
        let (session, mut streams) = Session::start(socket, self.sockets.clone());
        let mut tasks = JoinSet::new();
        while let Some(stream) = streams.recv().await {
            while tasks.try_join_next().is_some() {}
            let Ok(slot) = Arc::clone(&self.half_open).acquire_owned().await else {
                return;
            };
            let (this, broker, session) = (self.clone(), broker.clone(), session.clone());
            tasks.spawn(async move {
                if this.secure(stream, slot).await {
                    broker.use_session(session);
                }
            });
        }
    }

    /// Runs the TLS handshake and hands the stream on; says whether it did.
    async fn secure(&self, io: impl Io + 'static, _slot: OwnedSemaphorePermit) -> bool {
        match timeout(HANDSHAKE, self.tls.accept(io)).await {
            Ok(Ok(stream)) => {
                let stream = MainStream::new(stream, self.connections.open());
                // Not sent only when the server is gone, and the process with it.
                self.ready.send(stream).await.is_ok()
            }
            Ok(Err(error)) => {
                tracing::warn!(event = "tls_failed", %error, "a connection was refused: TLS failed");
                false
            }
            Err(_) => {
                tracing::warn!(
                    event = "tls_timeout",
                    "a connection was closed: no TLS handshake within {HANDSHAKE:?}"
                );
                false
            }
        }
    }
}
