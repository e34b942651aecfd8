//! The mount's own record of the users that leases stand for: one small storage entry a lease, below `issued/`.
//!
//! The server tells a plugin when a lease ends, but not when it loses one: it may die between our answer and its own lease
//! entry, and an operator may force a lease away. So the record knows when a lease must have ended, each renewal moves
//! that on, and the end of the lease removes it. What is past it is cleaned up by the server's tick.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::failure::failed_call;
use super::removal::MadeUser;
use crate::framework::{Change, Context, Error, Job, LeaseTerms, Storage};

const PREFIX: &str = "issued/";

/// How long after its end a lease may still be about to be revoked by the server, whose clock may be another node's.
const GRACE: Duration = Duration::from_secs(600);

/// How often all records are looked at. A mount may have thousands.
pub(super) const SCAN_INTERVAL: Duration = Duration::from_secs(600);

/// What is kept of one lease. Times are seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LeaseRecord {
    #[serde(flatten)]
    pub(super) made: MadeUser,
    /// How long the lease lived from its issue or last renewal, in seconds.
    ttl: u64,
    /// When the lease has surely ended, unless it is renewed.
    deadline: u64,
    /// When it has surely ended, whatever is renewed.
    latest: u64,
}

impl LeaseRecord {
    /// The record of a lease that begins now.
    pub(super) fn now(made: MadeUser, terms: LeaseTerms) -> Self {
        let now = unix_now();
        Self {
            made,
            ttl: terms.ttl.as_secs(),
            deadline: after(now, terms.ttl + GRACE),
            latest: after(now, terms.max_ttl + GRACE),
        }
    }

    /// The record of a lease that is renewed now and was issued then, in seconds since 1970. The server grants `ttl` or
    /// less, and never passes the longest life from the issue on.
    pub(super) fn renewed(made: MadeUser, ttl: Duration, max_ttl: Duration, issued_at: Option<i64>) -> Self {
        let now = unix_now();
        let issued_at = issued_at.and_then(|at| u64::try_from(at).ok()).unwrap_or(now);
        let latest = after(issued_at, max_ttl + GRACE);
        Self {
            made,
            ttl: ttl.as_secs(),
            deadline: after(now, ttl + GRACE).min(latest),
            latest,
        }
    }

    /// The writing as a change, to be made together with others.
    pub(super) fn put(&self) -> Result<Change, Error> {
        Change::put_json(key(&self.made.user_name), self)
    }

    pub(super) async fn store(&self, storage: &dyn Storage) -> Result<(), Error> {
        storage.put_json(&key(&self.made.user_name), self).await
    }

    pub(super) async fn load(storage: &dyn Storage, user: &str) -> Result<Option<Self>, Error> {
        storage.get_json(&key(user)).await
    }

    /// The users that have a record.
    pub(super) async fn users(storage: &dyn Storage) -> Result<Vec<String>, Error> {
        Ok(storage.list(PREFIX).await?)
    }
}

/// The deletion of a user's record as a change, to be made together with others. A missing record is no failure: leases
/// of the Go plugin have none before their first renewal here.
pub(super) fn deletion(user: &str) -> Change {
    Change::Delete { key: key(user) }
}

/// Removes the users whose leases must have ended long ago.
pub(super) struct CleanUp {
    engine: Arc<Engine>,
    /// The records that this process has looked at.
    seen: Mutex<HashSet<String>>,
}

impl CleanUp {
    pub(super) fn new(engine: &Arc<Engine>) -> Self {
        Self {
            engine: Arc::clone(engine),
            seen: Mutex::default(),
        }
    }

    /// Whether this process has not looked at a record before.
    fn is_first_look(&self, user: &str) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(user.to_owned())
    }
}

#[async_trait]
impl Job for CleanUp {
    async fn due(&self, context: &Context) -> Result<Vec<String>, Error> {
        let users = LeaseRecord::users(&*context.storage).await?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let there: HashSet<&String> = users.iter().collect();
        seen.retain(|user| there.contains(user));
        drop(seen);
        Ok(users)
    }

    async fn work(&self, context: &Context, user: &str) -> Result<(), Error> {
        let Some(record) = LeaseRecord::load(&*context.storage, user).await? else {
            return Ok(());
        };
        let first = self.is_first_look(user);
        if record.deadline > unix_now() {
            return Ok(());
        }
        if first && unix_now() < record.latest {
            return record.adopted().store(&*context.storage).await;
        }
        remove(&self.engine, context, &record).await
    }
}

impl LeaseRecord {
    /// Another time of the same length. The Go plugin, if it served the mount meanwhile, renewed leases without moving
    /// their records on; a lease that is alive will be renewed or revoked again within this time.
    fn adopted(mut self) -> Self {
        self.deadline = after(unix_now(), Duration::from_secs(self.ttl) + GRACE).min(self.latest);
        self
    }
}

async fn remove(engine: &Engine, context: &Context, record: &LeaseRecord) -> Result<(), Error> {
    let user = record.made.user_name.as_str();
    let cloud = engine.cloud(context).await?;
    record
        .made
        .remove(&cloud.ram.in_background())
        .await
        .map_err(|error| {
            let error = failed_call(error);
            Error::new(
                error.kind(),
                format!(
                    "a user whose lease has ended cannot be removed yet; grant what is missing, or delete the user in \
                     RAM: {}",
                    error.message()
                ),
            )
        })?;
    context.storage.apply(vec![deletion(user)]).await?;
    tracing::warn!(user, "removed a user whose lease has ended without being revoked");
    Ok(())
}

fn key(user: &str) -> String {
    format!("{PREFIX}{user}")
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn after(time: u64, by: Duration) -> u64 {
    time.saturating_add(by.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> MadeUser {
        MadeUser {
            user_name: "vault-u".to_owned(),
            ..MadeUser::default()
        }
    }

    #[test]
    fn a_renewal_moves_the_end_on_but_not_past_the_longest_life() {
        let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(86_400));
        let now = unix_now();
        let issued_at = i64::try_from(now - 23 * 3600).unwrap();
        let record = LeaseRecord::renewed(made(), hour, day, Some(issued_at));
        assert!(record.deadline.abs_diff(now + 3600 + 600) <= 2, "{record:?}");
        assert_eq!(record.latest, now + 3600 + 600);
        let record = LeaseRecord::renewed(made(), 5 * hour, day, Some(issued_at));
        assert_eq!(record.deadline, record.latest);
        // A lease that does not say when it was issued counts from now.
        let record = LeaseRecord::renewed(made(), hour, day, None);
        assert!(record.latest >= now + 86_400 + 600, "{record:?}");
    }

    #[test]
    fn a_record_is_small_and_reads_back() {
        let terms = LeaseTerms {
            ttl: Duration::from_secs(60),
            max_ttl: Duration::from_secs(90),
        };
        let text = serde_json::to_string(&LeaseRecord::now(made(), terms)).unwrap();
        assert!(text.len() < 200, "{text}");
        let read: LeaseRecord = serde_json::from_str(&text).unwrap();
        assert_eq!((read.made, read.latest - read.deadline), (made(), 30));
    }
}
