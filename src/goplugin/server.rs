//! From the host's environment to the end of the process: everything put together.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;

use super::{
    accept::Acceptor,
    broker::Broker,
    controller::Controller,
    handshake::Handshake,
    http2,
    lifetime::{self, Connections, Reason, Signals},
    mux::Sockets,
    services::Services,
    socket::{Socket, SocketError},
    stdio::Stdio,
    tls::{Tls, TlsError},
};

/// Time for running calls at the end; the host kills the process two seconds after it asked for the end.
const GRACE: Duration = Duration::from_secs(1);
/// Time for the last bytes of multiplexed sockets after that.
const FLUSH: Duration = Duration::from_millis(300);
/// The name under which go-plugin asks for the plugin's health.
const HEALTH_SERVICE: &str = "plugin";

/// Why the plugin could not serve, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The handshake line could not be written.
    #[error("cannot write the handshake line to stdout: {0}")]
    Announce(#[source] io::Error),
    /// The gRPC server failed.
    #[error("the gRPC server stopped: {0}")]
    Server(Box<dyn std::error::Error + Send + Sync>),
    /// Signals could not be caught.
    #[error("cannot catch signals: {0}")]
    Signals(#[source] io::Error),
    /// There is no socket to listen on.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// TLS could not be prepared.
    #[error("cannot prepare TLS: {0}")]
    Tls(Box<dyn std::error::Error + Send + Sync>),
}

/// Serves the host until it leaves or asks for the end; then `Ok`, and the process should exit.
///
/// `services` gets the way back to the host and gives the plugin's own services; go-plugin's are added to them. The
/// handshake line goes to stdout when the socket is listening, and nothing else may ever be written there.
pub async fn serve(
    handshake: Handshake,
    services: impl FnOnce(Broker) -> Services,
) -> Result<(), ServeError> {
    let parent = lifetime::parent();
    let signals = Signals::catch().map_err(ServeError::Signals)?;

    let tls = Tls::new(handshake.host_certificate.clone())?;
    let broker = Broker::new(&tls, handshake.multiplex).map_err(|error| ServeError::Tls(Box::new(error)))?;
    let (socket, listener) = Socket::bind(&handshake.socket_dir, handshake.socket_group.as_deref())?;
    let listener = tokio::net::UnixListener::from_std(listener).map_err(|source| SocketError::Bind {
        path: socket.address().into(),
        source,
    })?;

    let (requested, stop) = (CancellationToken::new(), CancellationToken::new());
    let connections = Connections::new();
    let sockets = Sockets::new();
    let (acceptor, streams) = Acceptor::new(
        &tls,
        connections.clone(),
        handshake.multiplex.then(|| broker.clone()),
        sockets.handle(),
    );
    let accepting = tokio::spawn(acceptor.run(listener, stop.clone()));
    let (health, health_service) = tonic_health::server::health_reporter();
    health
        .set_service_status(HEALTH_SERVICE, ServingStatus::Serving)
        .await;
    let services = services(broker.clone())
        .with(broker.server(stop.clone()))
        .with(Controller::server(requested.clone()))
        .with(Stdio::server(stop.clone()))
        .with(health_service.max_decoding_message_size(64 << 10));
    let mut serving = tokio::spawn(http2::serve(services, streams, stop.clone()));

    announce(&handshake.line(socket.address(), &tls.certificate)).map_err(ServeError::Announce)?;

    let end = lifetime::end(
        &connections,
        signals,
        parent,
        lifetime::parent,
        requested.cancelled(),
    );
    let reason = tokio::select! {
        reason = end => reason,
        ended = &mut serving => {
            // Nobody has asked it to.
            return Err(ServeError::Server(match ended {
                Ok(()) => "it ended by itself".into(),
                Err(error) => error.into(),
            }));
        }
    };
    match reason {
        Reason::Requested => tracing::debug!("the host asked for the end"),
        Reason::Disconnected => tracing::debug!("the host closed its connection and did not come back"),
        Reason::NeverConnected => {
            tracing::warn!(event = "server_never_connected", "no host connected in time")
        }
        Reason::Orphaned => tracing::warn!(
            event = "server_gone",
            "the process that started this plugin is gone"
        ),
        Reason::Signalled => tracing::info!("a signal asked for the end and no host is connected"),
    }

    stop.cancel();
    drop(socket);
    // Nothing is left to tell anybody: an error or a call that outlives its time ends with the process.
    let _ = accepting.await;
    if timeout(GRACE, &mut serving).await.is_err() {
        tracing::debug!("calls were still running at the end");
        serving.abort();
    }
    // The last answers, the one to the request for the end among them.
    if timeout(FLUSH, sockets.close()).await.is_err() {
        tracing::debug!("a multiplexed socket was still open at the end");
    }
    Ok(())
}

/// The first and only output on stdout, in one write.
fn announce(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}

impl From<TlsError> for ServeError {
    fn from(error: TlsError) -> Self {
        Self::Tls(Box::new(error))
    }
}
