//! Counting orphans: users of a mount that no lease owns. They are found when somebody lists them.

use crate::framework::{Collect, Context, Counter, Families, Gauge};

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
