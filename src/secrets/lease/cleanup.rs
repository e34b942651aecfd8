//! The tick's part of leases that the host has lost: removing users whose lease must have ended.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;

use crate::framework::{Context, Counter, Error, Families, Job};
use crate::secrets::lease::clock;
use crate::secrets::lease::engine::{LeaseEngine, UserOf};
use crate::secrets::lease::issuer::LeaseUser as _;
use crate::secrets::lease::record::{self, LeaseRecord};
use crate::secrets::lease::removal::remove;

/// Removes the users whose leases must have ended. Its entries are the lease records.
pub struct CleanUp<E> {
    engine: Arc<E>,
    /// When this process first ran the job, in seconds since 1970.
    since: OnceLock<u64>,
    removed: Counter,
}

impl<E: LeaseEngine> CleanUp<E> {
    /// How often all records are looked at. A mount may have thousands.
    pub const EVERY: Duration = Duration::from_secs(600);

    /// For one mount.
    #[must_use]
    pub fn new(engine: &Arc<E>) -> Self {
        Self {
            engine: Arc::clone(engine),
            since: OnceLock::new(),
            removed: Counter::default(),
        }
    }
}

#[async_trait]
impl<E: LeaseEngine> Job for CleanUp<E> {
    async fn due(&self, context: &Context) -> Result<Vec<String>, Error> {
        self.since.get_or_init(|| clock::now(context));
        record::users(&*context.storage).await
    }

    async fn work(&self, context: &Context, user: &str) -> Result<(), Error> {
        let now = clock::now(context);
        let since = *self.since.get_or_init(|| now);
        // A renewal that comes meanwhile waits, and then finds no record and no user: the lease was over.
        let _one_at_a_time = self.engine.mount().locks.lock(&record::key(user)).await;
        let Some(record) = LeaseRecord::<UserOf<E>>::load(&*context.storage, user).await? else {
            return Ok(());
        };
        if !record.is_over(now) {
            return Ok(());
        }
        // The Go plugin, if it served the mount before this process, renewed leases without moving their records on. A
        // lease that is alive will be renewed or revoked within another time of the same length. What ended since is
        // over: so no record is extended twice by one process.
        if record.is_over(since) && record.may_have_been_renewed(now) {
            return record.extended(now).store(&*context.storage).await;
        }
        remove(&*self.engine, context, &record.user).await.map_err(|error| {
            Error::new(
                error.kind(),
                format!(
                    "the lease has ended, but its user cannot be removed yet; grant the missing permission, or delete the user \
                     in {}: {}",
                    UserOf::<E>::SERVICE,
                    error.message()
                ),
            )
        })?;
        context.storage.apply(vec![record::deletion(user)]).await?;
        self.removed.increment();
        tracing::warn!(
            event = "lost_lease_removed",
            user,
            "removed the user of an expired lease that was never revoked"
        );
        Ok(())
    }

    fn collect(&self, entries: Option<f64>, families: &mut Families) {
        families
            .gauge(
                "lease_records",
                "Lease records when they were last listed, about every ten minutes: leases that stand for users.",
            )
            .sample(&[], entries);
        families
            .counter(
                "lost_leases_removed_total",
                "Users that were removed because their lease had expired and was never revoked.",
            )
            .sample(&[], self.removed.value());
    }
}
