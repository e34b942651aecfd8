//! Orphans: users of a mount that no lease owns. They are found when somebody lists them, and removed by request.

use std::future::Future;

use crate::framework::{Collect, Context, Counter, Error, Families, Gauge, WalEntry};
use crate::secrets::lease::issuer::{LeaseUser, Removed, WAL_KIND};

/// Removes an orphan by `removal`. Once that has begun, what tells whose the user is may be gone before the user is: a WAL
/// entry names both until all is gone, and the tick finishes what fails.
///
/// # Errors
/// What could not be removed, or storage cannot be written.
pub async fn remove_orphan<U: LeaseUser>(
    context: &Context,
    metrics: &OrphanMetrics,
    user: &U,
    removal: impl Future<Output = Result<Removed, Error>>,
) -> Result<(), Error> {
    let entry = WalEntry::put(context, WAL_KIND, user).await?;
    removal.await?;
    entry.delete(&*context.storage).await?;
    metrics.removed();
    Ok(())
}

/// The orphans of one mount.
#[derive(Debug, Default)]
pub struct OrphanMetrics {
    found: Gauge,
    /// In seconds since 1970.
    listed_at: Gauge,
    removed: Counter,
}

impl OrphanMetrics {
    /// So many were listed.
    pub fn listed(&self, context: &Context, found: usize) {
        self.found.set_count(found);
        self.listed_at.set(context.clock.now().unix_timestamp());
    }

    /// One was removed.
    pub fn removed(&self) {
        self.removed.increment();
    }
}

impl Collect for OrphanMetrics {
    fn collect(&self, families: &mut Families) {
        families
            .gauge(
                "orphans",
                "Orphans when they were last listed. Only a request lists them.",
            )
            .sample(&[], self.found.value());
        families
            .gauge(
                "orphans_listed_timestamp_seconds",
                "When orphans were last listed.",
            )
            .sample(&[], self.listed_at.value());
        families
            .counter("orphans_removed_total", "Orphans that were removed by request.")
            .sample(&[], self.removed.value());
    }
}
