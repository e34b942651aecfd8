//! The tags of the RAM roles whose sessions log in, read with credentials of the mount's own.
//!
//! RAM knows roles by name and only those of the account that asks, so it is asked for the role's identity first: tags
//! count only if the role has the id that STS told of the caller, and is in the caller's account.
//!
//! Whoever can log in makes this server ask RAM. So tags are kept for a moment, one request at a time asks for those of a
//! role, and RAM that does not answer is not waited for by everybody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::binding::Caller;
use super::config::Config;
use super::failure;
use super::tag::Tags;
use crate::alicloud::credentials::{Settings, SharedProvider, Sources};
use crate::alicloud::ram::Ram;
use crate::alicloud::{Arn, Client, Kind, Result, Subject};
use crate::cloud::budget::TAGS;
use crate::cloud::{Circuits, Deadline, Error};
use crate::framework::{self, Context};

/// How long tags are kept. RAM's own changes take some seconds, too.
const KEPT: Duration = Duration::from_secs(10);

/// RAM roles whose tags are kept. A role has up to 20 tags of a few hundred bytes.
const REMEMBERED: usize = 256;

/// Repetitions of a call: whoever logs in can repeat the login.
const RETRIES: u32 = 2;

/// What the look-up is called where no call was made.
const LOOK_UP: &str = "GetRole";

/// The tags that one mount has read.
pub(super) struct RoleTags {
    /// Credentials of the server's environment.
    environment: SharedProvider,
    /// By the id of the RAM role, which no other role ever has, and by who was asked with which key: a login may have read the
    /// configuration before it was changed.
    roles: Mutex<HashMap<String, Arc<Slot>>>,
    /// Of this mount alone: others have other credentials, which RAM may throttle.
    circuits: Circuits,
}

/// What is kept of one RAM role. Whoever holds the lock asks for it.
type Slot = tokio::sync::Mutex<Option<Kept>>;

#[derive(Debug, Clone)]
struct Kept {
    tags: Option<Arc<Tags>>,
    until: Instant,
}

impl RoleTags {
    pub(super) fn new(client: &Client, sources: &Sources) -> Self {
        Self {
            environment: SharedProvider::new(sources.chain(client, &Settings::default())),
            roles: Mutex::default(),
            circuits: Circuits::default(),
        }
    }

    /// The tags of the RAM role that the caller is a session of. `None` if the mount's credentials see no such role: it is
    /// in another account, or was deleted.
    ///
    /// # Errors
    /// What RAM did not answer, as an answer to whoever logs in.
    pub(super) async fn of(
        &self,
        context: &Context,
        client: &Client,
        config: &Config,
        caller: Caller<'_>,
    ) -> Result<Option<Arc<Tags>>, framework::Error> {
        let (Some(role_id), Some(name)) = (caller.role_id, caller.arn.role_name()) else {
            return Ok(None);
        };
        let endpoint = config.ram_endpoint();
        let slot = self.slot(&format!("{endpoint} {} {role_id}", config.access_key()));
        if let Ok(kept) = slot.try_lock()
            && let Some(kept) = fresh(kept.as_ref())
        {
            return Ok(kept.tags);
        }
        context.check_cancelled()?;
        let deadline = context.deadline().within(TAGS);
        let client = client.by(deadline).with_max_retries(RETRIES);
        let provider = config
            .key_pair()
            .map_or_else(|| self.environment.clone(), Into::into);
        let ram = Ram::new(&client, provider, endpoint.clone());
        let reading = || async {
            let waited = deadline.run(slot.lock()).await;
            let mut kept = waited.map_err(|_| {
                Error::new(
                    Kind::Timeout,
                    LOOK_UP,
                    "others are asking, and have no answer yet",
                )
            })?;
            if let Some(kept) = fresh(kept.as_ref()) {
                return Ok(kept.tags);
            }
            let tags = read(&ram, name, role_id, caller.arn)
                .await
                .map_err(|error| silent_if_late(error, deadline))?
                .map(Arc::new);
            *kept = Some(Kept {
                tags: tags.clone(),
                until: Instant::now() + KEPT,
            });
            Ok(tags)
        };
        self.circuits
            .run(LOOK_UP, &endpoint, deadline, reading)
            .await
            .map_err(failure::tags_not_read)
    }

    /// Forgets what was read, for a configuration that may ask elsewhere.
    pub(super) fn forget(&self) {
        self.roles().clear();
    }

    fn slot(&self, asked: &str) -> Arc<Slot> {
        let mut roles = self.roles();
        if let Some(slot) = roles.get(asked) {
            return Arc::clone(slot);
        }
        if roles.len() >= REMEMBERED {
            // Those that are in use stay: there are no more of them than requests.
            roles.retain(|_, slot| {
                Arc::strong_count(slot) > 1
                    || slot.try_lock().is_ok_and(|kept| fresh(kept.as_ref()).is_some())
            });
        }
        if roles.len() >= REMEMBERED {
            roles.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        let slot = Arc::new(Slot::default());
        roles.insert(asked.to_owned(), Arc::clone(&slot));
        slot
    }

    fn roles(&self) -> MutexGuard<'_, HashMap<String, Arc<Slot>>> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh(kept: Option<&Kept>) -> Option<Kept> {
    kept.filter(|kept| Instant::now() < kept.until).cloned()
}

/// The tags, if the role of this name is the caller's. That it is replaced between the two calls makes no difference:
/// whoever can do that can tag it as well.
async fn read(ram: &Ram, name: &str, role_id: &str, caller: &Arn) -> Result<Option<Tags>> {
    let no_role = |error: &Error| error.is_not_found() && error.subject() == Some(Subject::Role);
    let role = match ram.get_role(name).await {
        Err(error) if no_role(&error) => return Ok(None),
        role => role?,
    };
    let is_callers = role.id == role_id && Arn::parse(&role.arn).is_ok_and(|arn| arn.is_same_role(caller));
    if !is_callers {
        return Ok(None);
    }
    match ram.list_role_tags(&role.name).await {
        Err(error) if no_role(&error) => Ok(None),
        tags => tags.map(Some),
    }
}

/// A look-up that had no answer in its time is one, whatever it was waiting for: the source of the credentials, say. RAM that
/// throttles has answered.
fn silent_if_late(error: Error, deadline: Deadline) -> Error {
    if deadline.remaining().is_zero() && error.kind() != Kind::Throttled {
        Error::new(Kind::Timeout, error.operation(), error.message()).with_outcome_unknown(true)
    } else {
        error
    }
}
