//! Which account an access key belongs to, as STS tells.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::alicloud::Kind;
use crate::alicloud::sts::Sts;
use crate::framework::Context;

/// How long a request waits for STS to tell. Credentials are made also when it does not.
const LOOKUP: Duration = Duration::from_secs(5);

/// How long STS is not asked again after it did not answer: not every request is to wait for it.
const PAUSE: Duration = Duration::from_secs(60);

/// Keys that are remembered. Temporary keys change every hour or so.
const REMEMBERED: usize = 64;

/// What this process was told. An access key id belongs to one account for ever.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    known: Mutex<HashMap<String, Answer>>,
}

#[derive(Debug, Clone)]
enum Answer {
    Account(String),
    NoneUntil(Instant),
}

impl Accounts {
    /// The account of a key, whose view of STS this is. `None` where STS does not tell: then users are made without their
    /// account, as by earlier versions.
    pub(super) async fn of(&self, context: &Context, sts: &Sts, access_key_id: &str) -> Option<String> {
        let context = context.within(LOOKUP);
        // One asks, and the others wait for the answer.
        let mut known = context.unless_cancelled(self.known.lock()).await.ok()?;
        match known.get(access_key_id) {
            Some(Answer::Account(account)) => return Some(account.clone()),
            Some(Answer::NoneUntil(until)) if Instant::now() < *until => return None,
            _ => {}
        }
        let asked = sts.by(context.deadline());
        let answer = match context.unless_cancelled(asked.get_caller_identity()).await {
            Ok(Ok(identity)) => Answer::Account(identity.account_id.to_string()),
            // Whoever mends the credentials does not want to wait.
            Ok(Err(error)) if error.kind() == Kind::Credentials => return None,
            Ok(Err(error)) => {
                tracing::warn!(%error, "STS does not tell the account of the mount's credentials; will retry");
                Answer::NoneUntil(Instant::now() + PAUSE)
            }
            Err(_) if context.deadline().remaining().is_zero() => {
                tracing::warn!(
                    "STS does not tell the account of the mount's credentials in time; will retry"
                );
                Answer::NoneUntil(Instant::now() + PAUSE)
            }
            // The caller has gone away.
            Err(_) => return None,
        };
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(access_key_id.to_owned(), answer.clone());
        match answer {
            Answer::Account(account) => Some(account),
            Answer::NoneUntil(_) => None,
        }
    }
}
