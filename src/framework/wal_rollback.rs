//! Rolling back what requests left half-done, at ticks of the host.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::Error;
use super::handler::{Bound, Handler, reading};
use super::metrics::{Collect, Counter, Families, JobMetrics};
use super::request::Context;
use super::tick::{Runner, Tick};
use super::wal::{Pending, WalEntry};

/// How old a WAL entry must be before it is rolled back: longer than any request can still be at work on it. Ten minutes
/// is the default of Vault's framework.
const MINIMUM_AGE: Duration = Duration::from_secs(600);

/// The name of this work in the log and in metrics.
const JOB: &str = "WAL rollback";

/// What rolls back the WAL entries of a backend, by their kind.
pub(super) struct WalRollback {
    handlers: HashMap<&'static str, Bound<Value, Result<(), Error>>>,
    runner: Runner,
    pub(super) metrics: Arc<WalMetrics>,
}

/// What became of the WAL entries of a mount.
pub(super) struct WalMetrics {
    pub(super) job: Arc<JobMetrics>,
    rolled_back: Counter,
}

impl Collect for WalMetrics {
    fn collect(&self, families: &mut Families) {
        self.job.collect(families);
        families
            .gauge(
                "wal_entries",
                "WAL entries when they were last listed, at a tick. Those of requests in progress are among them.",
            )
            .sample(&[], self.job.entries.value());
        families
            .counter(
                "wal_rollbacks_total",
                "WAL entries whose unfinished request was rolled back at a tick.",
            )
            .sample(&[], self.rolled_back.value());
    }
}

impl Default for WalRollback {
    fn default() -> Self {
        let runner = Runner::new(JOB);
        let job = Arc::clone(&runner.metrics);
        Self {
            handlers: HashMap::new(),
            runner,
            metrics: Arc::new(WalMetrics {
                job,
                rolled_back: Counter::default(),
            }),
        }
    }
}

impl WalRollback {
    pub(super) fn is_empty(&self) -> bool {
        self.handlers.is_empty()
    }

    /// Adds a kind.
    pub(super) fn add<S, T>(
        &mut self,
        kind: &'static str,
        state: &Arc<S>,
        handler: impl Handler<S, T, Result<(), Error>>,
    ) where
        S: Send + Sync + 'static,
        T: DeserializeOwned + 'static,
    {
        let read = |data| {
            // serde's text may quote the data.
            serde_json::from_value(data)
                .map_err(|_| Error::internal("the data of the WAL entry cannot be read by this version"))
        };
        self.handlers.insert(kind, reading(state, read, handler));
    }

    /// What one tick does of it. A failure is logged: the host does not log what a tick answers.
    pub(super) async fn run(&self, tick: &Tick) {
        if self.is_empty() {
            return;
        }
        let list = WalEntry::ids(&tick.context);
        let work =
            |context: Context, id: String| async move { self.roll_back(&context, id, tick.immediate).await };
        if let Err(error) = self.runner.run(tick, Duration::ZERO, list, work).await {
            self.metrics.job.not_listed.increment();
            tracing::error!(event = "wal_list_failed", %error, "cannot list the WAL entries; will retry");
        }
    }

    /// An entry of a kind that this version does not know stays: a later version, or an earlier one, knows it.
    async fn roll_back(&self, context: &Context, id: String, immediate: bool) -> Result<(), Error> {
        let Some(pending) = WalEntry::load(context, id).await? else {
            return Ok(());
        };
        let Pending {
            entry,
            kind,
            data,
            age,
        } = pending;
        if age < MINIMUM_AGE && !immediate {
            return Ok(());
        }
        let Some(handler) = self.handlers.get(kind.as_str()) else {
            return Err(Error::internal(format!(
                "this version does not know WAL entries of kind {kind:?}"
            )));
        };
        handler(context.clone(), data).await.map_err(|error| {
            Error::new(
                error.kind(),
                format!("a WAL entry of kind {kind:?} cannot be rolled back yet: {error}"),
            )
        })?;
        self.metrics.rolled_back.increment();
        tracing::info!(
            kind,
            age_seconds = age.as_secs(),
            "rolled back an unfinished request"
        );
        entry.delete(&*context.storage).await
    }
}
