//! Rolling back what requests left half-done, at ticks of the host.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::Error;
use super::handler::{Bound, Handler, reading};
use super::request::Context;
use super::tick::{Runner, Tick};
use super::wal::{Pending, WalEntry};

/// How old a WAL entry must be before it is rolled back: longer than any request can still be at work on it. Ten minutes
/// is the default of Vault's framework.
const MINIMUM_AGE: Duration = Duration::from_secs(600);

/// What rolls back the WAL entries of a backend, by their kind.
#[derive(Default)]
pub(super) struct WalRollback {
    handlers: HashMap<&'static str, Bound<Value, Result<(), Error>>>,
    runner: Runner,
}

impl WalRollback {
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
        if self.handlers.is_empty() {
            return;
        }
        let list = WalEntry::ids(&tick.context);
        let work =
            |context: Context, id: String| async move { self.roll_back(&context, id, tick.immediate).await };
        if let Err(error) = self
            .runner
            .run(tick, "WAL rollback", Duration::ZERO, list, work)
            .await
        {
            tracing::error!(%error, "cannot list the WAL entries; will retry");
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
        tracing::info!(
            kind,
            age_seconds = age.as_secs(),
            "rolled back an unfinished request"
        );
        entry.delete(&*context.storage).await
    }
}
