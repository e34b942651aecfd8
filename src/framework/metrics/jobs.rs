//! A periodic job of a mount: what its runs at ticks of the host came to.

use super::families::{Collect, Families};
use super::values::{Counter, Gauge};

/// One periodic job. Its entries are named after leases and users, so they are only counted.
#[derive(Debug, Default)]
pub(in crate::framework) struct JobMetrics {
    pub(in crate::framework) job: &'static str,
    /// As they were last listed.
    pub(in crate::framework) entries: Gauge,
    /// Entries that the last run had no time for.
    left: Gauge,
    /// Entries that failed when they were last worked on.
    failing: Gauge,
    pub(in crate::framework) processed: Counter,
    pub(in crate::framework) failed: Counter,
    completed: Counter,
    cut_off: Counter,
    pub(in crate::framework) not_listed: Counter,
    /// In seconds since 1970.
    completed_at: Gauge,
}

impl JobMetrics {
    /// For a job by the name that it has in the log.
    pub(in crate::framework) fn new(job: &'static str) -> Self {
        Self {
            job,
            ..Self::default()
        }
    }

    /// A run has come to its end at that time, in seconds since 1970, with so many entries left for the next one.
    pub(in crate::framework) fn ended(&self, now: i64, left: usize, failing: usize) {
        self.left.set_count(left);
        self.failing.set_count(failing);
        if left == 0 {
            self.completed.increment();
            self.completed_at.set(now);
        } else {
            self.cut_off.increment();
        }
    }

    /// The job is left to another node, and so is its state.
    pub(in crate::framework) fn forget(&self) {
        for gauge in [&self.entries, &self.left, &self.failing, &self.completed_at] {
            gauge.clear();
        }
    }
}

impl Collect for JobMetrics {
    fn collect(&self, families: &mut Families) {
        let job = ("job", self.job);
        let runs = families.counter(
            "periodic_job_runs_total",
            "Runs of periodic jobs: complete, ended by the time limit (the next run goes on), or failed.",
        );
        runs.sample(&[job, ("outcome", "complete")], self.completed.value());
        runs.sample(&[job, ("outcome", "time_limit")], self.cut_off.value());
        runs.sample(&[job, ("outcome", "failed")], self.not_listed.value());
        families
            .gauge(
                "periodic_job_last_complete_timestamp_seconds",
                "When a periodic job last went through all of its entries.",
            )
            .sample(&[job], self.completed_at.value());
        let entries = families.counter(
            "periodic_job_entries_processed_total",
            "Entries that periodic jobs have worked on.",
        );
        entries.sample(&[job, ("outcome", "success")], self.processed.value());
        entries.sample(&[job, ("outcome", "failure")], self.failed.value());
        families
            .gauge(
                "periodic_job_entries_left",
                "Entries that the last run of a periodic job had no time for. The next run begins with them.",
            )
            .sample(&[job], self.left.value());
        families
            .gauge(
                "periodic_job_entries_failing",
                "Entries that failed when a periodic job last worked on them. They are tried again.",
            )
            .sample(&[job], self.failing.value());
    }
}
