//! Which account an access key belongs to, as STS tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::alicloud::Kind;
use crate::alicloud::sts::Sts;
use crate::cloud::Deadline;
use crate::framework::Context;

/// How long STS may take to tell. No request waits that long.
const LOOKUP: Duration = Duration::from_secs(10);

/// How long a request waits for STS to tell, unless the last lookup failed: then none waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long STS is not asked again after it did not answer.
const PAUSE: Duration = Duration::from_secs(20);

/// Keys that are remembered. Temporary keys change every hour or so.
const REMEMBERED: usize = 64;

/// What this process was told. An access key id belongs to one account for ever.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    keys: Arc<Keys>,
}

#[derive(Debug, Default)]
struct Keys(Mutex<HashMap<String, State>>);

#[derive(Debug, Clone)]
enum State {
    Known(String),
    /// It is asked for. The channel is closed when there is an answer, which is put here before.
    Asked {
        ended: watch::Receiver<()>,
        after_failure: bool,
    },
    FailedUntil(Instant),
}

impl Accounts {
    /// The account of a key, whose view of STS this is. `None` where STS does not tell soon: then users are made without
    /// their account, as by earlier versions.
    ///
    /// The lookup goes on when nobody waits for it any more, so that STS which does not answer delays a few requests by
    /// some seconds, and no more after that.
    pub(super) async fn of(&self, context: &Context, sts: &Sts, access_key_id: &str) -> Option<String> {
        let mut ended = match self.known_or_asked(sts, access_key_id) {
            State::Known(account) => return Some(account),
            State::Asked {
                ended,
                after_failure: false,
            } => ended,
            State::Asked { .. } | State::FailedUntil(_) => return None,
        };
        // Its end is an error: the channel is closed.
        let answered = context.within(PATIENCE).unless_cancelled(ended.changed()).await;
        match self.keys.lock().get(access_key_id) {
            Some(State::Known(account)) => Some(account.clone()),
            _ => {
                tracing::debug!(in_time = answered.is_ok(), "STS does not tell the account");
                None
            }
        }
    }

    /// What is known of a key. STS is asked where nothing is, or where it is time to ask again.
    fn known_or_asked(&self, sts: &Sts, access_key_id: &str) -> State {
        let mut keys = self.keys.lock();
        let after_failure = match keys.get(access_key_id) {
            Some(State::FailedUntil(until)) if *until <= Instant::now() => true,
            // The lookup was ended without an answer.
            Some(State::Asked { ended, .. }) if ended.has_changed().is_err() => false,
            Some(state) => return state.clone(),
            None => false,
        };
        if keys.len() >= REMEMBERED {
            keys.clear();
        }
        let (asking, ended) = watch::channel(());
        let state = State::Asked { ended, after_failure };
        keys.insert(access_key_id.to_owned(), state.clone());
        let lookup = Lookup {
            // Nor can requests that hang keep it from being sent.
            sts: sts.in_background().by(Deadline::after(LOOKUP)),
            keys: Arc::clone(&self.keys),
            access_key_id: access_key_id.to_owned(),
            _asking: asking,
        };
        tokio::spawn(lookup.run());
        state
    }
}

impl Keys {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// STS is asked for the account of one key.
struct Lookup {
    sts: Sts,
    keys: Arc<Keys>,
    access_key_id: String,
    _asking: watch::Sender<()>,
}

impl Lookup {
    async fn run(self) {
        let state = match self.sts.get_caller_identity().await {
            Ok(identity) => Some(State::Known(identity.account_id.to_string())),
            // Whoever mends the credentials does not want to wait.
            Err(error) if error.kind() == Kind::Credentials => None,
            Err(error) => {
                tracing::warn!(event = "account_lookup_failed", %error, "STS does not tell the account of the mount's credentials; will retry");
                Some(State::FailedUntil(Instant::now() + PAUSE))
            }
        };
        let mut keys = self.keys.lock();
        match state {
            Some(state) => keys.insert(self.access_key_id.clone(), state),
            None => keys.remove(&self.access_key_id),
        };
    }
}
