//! The mount's own record of the users that leases stand for: one small storage entry a lease, below `issued/`.
//!
//! The host tells a plugin when a lease ends, but not when it loses one: it may die between our answer and its own lease
//! entry, and an operator may force a lease away. So the record knows when a lease must have ended, each renewal moves
//! that on, and the end of the lease removes it. What is past it is cleaned up by the host's tick.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::framework::{Change, Context, Error, LeaseTerms, Storage, WalEntry};
use crate::secrets::lease::clock::now;
use crate::secrets::lease::issuer::{LeaseUser, WAL_KIND};
use crate::secrets::lease::mount::Mount;

const PREFIX: &str = "issued/";

/// How long after its end a lease may still be about to be revoked by the host, whose clock may be another node's.
const GRACE: Duration = Duration::from_secs(600);

/// What is kept of one lease. Times are seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "U: LeaseUser")]
pub struct LeaseRecord<U> {
    #[serde(flatten)]
    pub user: U,
    /// How long the lease lived from its issue or last renewal, in seconds.
    ttl: u64,
    /// When the lease has surely ended, unless it is renewed.
    deadline: u64,
    /// When it has surely ended, whatever is renewed.
    latest: u64,
}

impl<U: LeaseUser> LeaseRecord<U> {
    /// The record of a lease that begins now.
    pub fn begun(context: &Context, user: U, terms: LeaseTerms) -> Self {
        let now = now(context);
        Self {
            user,
            ttl: terms.ttl.as_secs(),
            deadline: after(now, terms.ttl + GRACE),
            latest: after(now, terms.max_ttl + GRACE),
        }
    }

    /// The record of a lease that is about to be renewed and was issued then, in seconds since 1970. The host grants
    /// `ttl` or less, and never passes the longest life from the issue on.
    fn renewed(now: u64, user: U, ttl: Duration, max_ttl: Duration, issued_at: Option<i64>) -> Self {
        let issued_at = issued_at.and_then(|at| u64::try_from(at).ok()).unwrap_or(now);
        let latest = after(issued_at, max_ttl + GRACE);
        Self {
            user,
            ttl: ttl.as_secs(),
            deadline: after(now, ttl + GRACE).min(latest),
            latest,
        }
    }

    /// No end of this record is before that of the one that is stored: the host may not take the renewal, and then the
    /// lease lives as long as before.
    fn not_before(mut self, stored: &Self) -> Self {
        self.ttl = self.ttl.max(stored.ttl);
        self.deadline = self.deadline.max(stored.deadline);
        self.latest = self.latest.max(stored.latest);
        self
    }

    /// The writing as a change, to be made together with others.
    pub fn put(&self) -> Result<Change, Error> {
        Change::put_json(key(self.user.name()), self)
    }

    pub async fn store(&self, storage: &dyn Storage) -> Result<(), Error> {
        storage.put_json(&key(self.user.name()), self).await
    }

    pub async fn load(storage: &dyn Storage, user: &str) -> Result<Option<Self>, Error> {
        storage.get_json(&key(user)).await
    }

    /// Whether the lease must have ended.
    pub fn is_over(&self, now: u64) -> bool {
        self.deadline <= now
    }

    /// Whether a renewal that this record knows nothing of may have kept the lease alive.
    pub fn may_have_been_renewed(&self, now: u64) -> bool {
        now < self.latest
    }

    /// Gives the lease another time of the same length. The Go plugin, if it served the mount meanwhile, renewed leases
    /// without moving their records on; a lease that is alive will be renewed or revoked again within this time.
    pub fn extended(mut self, now: u64) -> Self {
        self.deadline = after(now, Duration::from_secs(self.ttl) + GRACE).min(self.latest);
        self
    }
}

/// Moves the end of a lease on that the host is about to renew, by `granted` at the most: a record that lags behind would
/// end a lease that is alive. `issued_at` is the lease's own time of issue, in seconds since 1970.
///
/// # Errors
/// The record cannot be read or written.
pub async fn renew<U: LeaseUser>(
    mount: &Mount,
    context: &Context,
    user: U,
    granted: Duration,
    max_ttl: Duration,
    issued_at: Option<i64>,
) -> Result<(), Error> {
    let storage = &*context.storage;
    let key = key(user.name());
    let _one_at_a_time = context.unless_cancelled(mount.locks.lock(&key)).await?;
    let stored = LeaseRecord::<U>::load(storage, user.name()).await?;
    let renewed = LeaseRecord::renewed(now(context), user, granted, max_ttl, issued_at);
    let renewed = match &stored {
        Some(stored) => renewed.not_before(stored),
        None => renewed,
    };
    renewed.store(storage).await
}

/// The users that have a record.
pub async fn users(storage: &dyn Storage) -> Result<Vec<String>, Error> {
    Ok(storage.list(PREFIX).await?)
}

/// The users of leases and of unfinished requests, in lower case: clouds find some names regardless of case. The log is
/// read first: an issue that ends meanwhile moves its user from the log to the record.
///
/// # Errors
/// Storage cannot be read.
pub async fn owned_users<U: LeaseUser>(context: &Context) -> Result<BTreeSet<String>, Error> {
    let unfinished = WalEntry::all_of_kind::<U>(context, WAL_KIND).await?;
    let recorded = users(&*context.storage).await?;
    let unfinished = unfinished.iter().map(|user| user.name().to_ascii_lowercase());
    Ok(unfinished
        .chain(recorded.iter().map(|name| name.to_ascii_lowercase()))
        .collect())
}

/// The users whose leases must have ended, and that are on record all the same: the host has lost the lease, or its
/// revocation failed.
///
/// # Errors
/// Storage cannot be read.
pub async fn ended_users<U: LeaseUser>(context: &Context) -> Result<Vec<String>, Error> {
    let (storage, now) = (&*context.storage, now(context));
    let mut ended = Vec::new();
    for user in users(storage).await? {
        let record = LeaseRecord::<U>::load(storage, &user).await?;
        if record.is_some_and(|record| record.is_over(now)) {
            ended.push(user);
        }
    }
    Ok(ended)
}

/// The deletion of a user's record as a change, to be made together with others. A missing record is no failure: leases
/// of the Go plugin have none before their first renewal here.
pub fn deletion(user: &str) -> Change {
    Change::Delete { key: key(user) }
}

/// Which of these ids are those of users of leases, whatever the users are called now.
///
/// # Errors
/// Storage cannot be read.
pub async fn owned_ids<U: LeaseUser>(
    context: &Context,
    ids: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Error> {
    let storage = &*context.storage;
    let mut owned = BTreeSet::new();
    if ids.is_empty() {
        return Ok(owned);
    }
    for user in users(storage).await? {
        if let Some(record) = LeaseRecord::<U>::load(storage, &user).await?
            && let Some(id) = record.user.id()
            && ids.contains(id)
        {
            owned.insert(id.to_owned());
        }
    }
    Ok(owned)
}

/// Where the record of a user is.
pub fn key(user: &str) -> String {
    format!("{PREFIX}{user}")
}

fn after(time: u64, by: Duration) -> u64 {
    time.saturating_add(by.as_secs())
}
