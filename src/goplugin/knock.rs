//! Brokered streams in the multiplexed form: the plugin "knocks" for an id, the host acknowledges, and the next stream
//! that the plugin opens belongs to that id.
//!
//! Follows `grpc_broker.go` and `internal/grpcmux` of hashicorp/go-plugin.

use std::{
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use tonic::Status;

use super::{
    generated::{ConnInfo, conn_info::Knock},
    mux::{MuxStream, Session},
};

/// Time for one stream, all knocks together.
const KNOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause before the next knock: the host may register an id a moment after it has named it to us.
const PAUSE: Duration = Duration::from_millis(50);

/// Where knocks are sent: the reply direction of the broker stream.
pub(super) type Outgoing = mpsc::Sender<Result<ConnInfo, Status>>;

/// Opens streams to the host's brokered services.
#[derive(Debug, Default)]
pub(super) struct Knocker {
    /// Held from a knock until its stream is taken: the host gives the next stream to the id knocked last.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    outgoing: Option<Outgoing>,
    session: Option<Session>,
    /// The one knock under way.
    knock: Option<(u32, oneshot::Sender<String>)>,
}

impl Knocker {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // Every change is a single assignment, so a poisoned state is a whole one.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn use_outgoing(&self, outgoing: Outgoing) {
        self.with(|state| state.outgoing = Some(outgoing));
    }

    pub(super) fn use_session(&self, session: Session) {
        self.with(|state| state.session = Some(session));
    }

    /// Takes the host's answer to a knock; an empty text is a yes.
    pub(super) fn acknowledged(&self, id: u32, error: String) {
        let knock = self.with(|state| state.knock.take_if(|(knocked, _)| *knocked == id));
        match knock {
            // Whoever knocked may have given up.
            Some((_, answer)) => drop(answer.send(error)),
            None => tracing::debug!(id, "the host acknowledged a knock that nobody waits for"),
        }
    }

    /// Opens a stream for `id` and lets `secure` finish it while no other may knock.
    pub(super) async fn open<T>(
        &self,
        id: u32,
        secure: impl AsyncFnOnce(MuxStream) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut refusal = None;
        let attempts = async {
            loop {
                // One knock at a time, but others may try between two of ours.
                let turn = self.turn.lock().await;
                match self.knock(id).await? {
                    Ok(session) => return secure(session.open().await?).await,
                    Err(reason) => refusal = Some(reason),
                }
                drop(turn);
                sleep(PAUSE).await;
            }
        };
        let outcome = timeout(KNOCK_TIMEOUT, attempts).await;
        outcome.unwrap_or_else(|_| {
            let reason = refusal.unwrap_or_else(|| format!("the host did not answer for service {id}"));
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{reason} (for {KNOCK_TIMEOUT:?})"),
            ))
        })
    }

    /// One knock: a session to open the stream in, or the reason why another knock may do better.
    async fn knock(&self, id: u32) -> io::Result<Result<Session, String>> {
        let (answer, answered) = oneshot::channel();
        let (outgoing, session) = self.with(|state| {
            state.knock = Some((id, answer));
            (state.outgoing.clone(), state.session.clone())
        });
        let (Some(outgoing), Some(session)) = (outgoing, session) else {
            return Ok(Err("the host has not opened the broker stream".to_owned()));
        };
        let knock = Knock {
            knock: true,
            ack: false,
            error: String::new(),
        };
        let message = ConnInfo {
            service_id: id,
            knock: Some(knock),
            ..ConnInfo::default()
        };
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the broker stream to the host is gone");
        outgoing.send(Ok(message)).await.map_err(|_| gone())?;
        let refusal = answered.await.map_err(|_| gone())?;
        Ok(if refusal.is_empty() {
            Ok(session)
        } else {
            Err(format!("the host refused the knock for service {id}: {refusal}"))
        })
    }
}
