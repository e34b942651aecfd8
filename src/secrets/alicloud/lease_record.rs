//! The mount's own record of the users that leases stand for: one small storage entry a lease, below `issued/`.
//!
//! The server tells a plugin when a lease ends, but not when it loses one: it may die between our answer and its own lease
//! entry, and an operator may force a lease away. So the record knows when a lease must have ended, each renewal moves
//! that on, and the end of the lease removes it. What is past it is cleaned up by the server's tick.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::engine::Engine;
use super::failure::failed_call;
use super::removal::MadeUser;
use crate::framework::{Change, Context, Error, LeaseTerms, Storage};

const PREFIX: &str = "issued/";

/// How long after its end a lease may still be about to be revoked by the server, whose clock may be another node's.
const GRACE: Duration = Duration::from_secs(600);

/// How often all records are looked at. A mount may have thousands.
const SCAN_INTERVAL: Duration = Duration::from_secs(600);

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

/// The scans of one mount in this process.
#[derive(Debug, Default)]
pub(super) struct Scans {
    last: tokio::sync::Mutex<Option<Instant>>,
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
pub(super) async fn clean_up(engine: std::sync::Arc<Engine>, context: Context) -> Result<(), Error> {
    let mut last = engine.scans.last.lock().await;
    if last.is_some_and(|last| last.elapsed() < SCAN_INTERVAL) {
        return Ok(());
    }
    let first = last.is_none();
    let storage = &*context.storage;
    for user in LeaseRecord::users(storage).await? {
        context.check_cancelled()?;
        match LeaseRecord::load(storage, &user).await {
            Ok(Some(issued)) if issued.deadline <= unix_now() => {
                if first && unix_now() < issued.latest {
                    issued.adopted().store(storage).await?;
                } else {
                    remove(&engine, &context, issued).await?;
                }
            }
            Ok(_) => {}
            // It must not hold up the others.
            Err(error) => tracing::error!(user, %error, "the record of a lease cannot be read"),
        }
    }
    *last = Some(Instant::now());
    Ok(())
}

impl LeaseRecord {
    /// Another time of the same length. The Go plugin, if it served the mount meanwhile, renewed leases without moving
    /// their records on; a lease that is alive will be renewed or revoked again within this time.
    fn adopted(mut self) -> Self {
        self.deadline = after(unix_now(), Duration::from_secs(self.ttl) + GRACE).min(self.latest);
        self
    }
}

/// A removal that fails is logged and tried again at the next scan.
async fn remove(engine: &Engine, context: &Context, issued: LeaseRecord) -> Result<(), Error> {
    let user = issued.made.user_name.as_str();
    let cloud = engine.cloud(context).await?;
    match issued.made.remove(&cloud.ram.in_background()).await {
        Ok(_) => {
            context.storage.apply(vec![deletion(user)]).await?;
            tracing::warn!(user, "removed a user whose lease has ended without being revoked");
        }
        Err(error) => {
            let error = failed_call(error);
            tracing::error!(
                user, %error,
                "a user whose lease has ended cannot be removed yet; grant what is missing, or delete the user in RAM"
            );
        }
    }
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
