//! Work that a backend does by itself, at ticks of the host.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::error::Error;
use super::metrics::{Collect, Families};
use super::request::Context;
use super::tick::{Runner, Tick};

/// Work on entries, such as the records of leases that have ended.
///
/// Each entry has [`TICK_ENTRY`](crate::cloud::budget::TICK_ENTRY) and may be cut off at any point, so its steps must
/// bear repetition. Several entries are worked on at the same time. An entry that fails or takes too long is tried again
/// after a pause that doubles with each failure; the others go on.
#[async_trait]
pub trait Job: Send + Sync {
    /// The names of the entries to look at, in any order. It should be cheap: a list of names in storage, which
    /// [`work`](Self::work) looks at more closely.
    async fn due(&self, context: &Context) -> Result<Vec<String>, Error>;

    /// Works on one entry. An error is logged with the name of the job and of the entry.
    async fn work(&self, context: &Context, entry: &str) -> Result<(), Error>;

    /// Adds metrics of its own. `entries` is how many there were when they were last listed, if they were.
    fn collect(&self, _entries: Option<f64>, _families: &mut Families) {}
}

/// A job and how often it runs.
pub(super) struct Schedule {
    every: Duration,
    job: Arc<dyn Job>,
    pub(super) runner: Runner,
}

impl Schedule {
    pub(super) fn new(name: &'static str, every: Duration, job: Arc<dyn Job>) -> Self {
        Self {
            every,
            job,
            runner: Runner::new(name),
        }
    }

    /// What one tick does of it. A failure is logged: the host does not log what a tick answers.
    pub(super) async fn run(&self, tick: &Tick) {
        let list = self.job.due(&tick.context);
        let work = |context: Context, entry: String| async move { self.job.work(&context, &entry).await };
        if let Err(error) = self.runner.run(tick, self.every, list, work).await {
            self.runner.metrics.not_listed.increment();
            tracing::error!(event = "job_list_failed", job = self.runner.metrics.job, %error, "cannot list the entries of a periodic job; will retry");
        }
    }
}

impl Collect for Schedule {
    fn collect(&self, families: &mut Families) {
        self.runner.metrics.collect(families);
        self.job.collect(self.runner.metrics.entries.value(), families);
    }
}
