//! Keeps temporary credentials until shortly before they expire.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration as Pause;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Credentials, Provider, ProviderError};
use crate::cloud::clock::Clock;
use crate::cloud::random::jitter;

/// New ones are fetched this long before the end, or a fifth of the lifetime before it if that is less: a session of
/// 15 minutes would otherwise never be fresh.
const AHEAD: Duration = Duration::minutes(15);

/// A source that works again is noticed after this at the latest.
const MAX_PAUSE: Pause = Pause::from_secs(10);

/// A source that goes on giving what the cloud refuses is asked this often, and not at every call.
const PAUSE_AFTER_REFUSAL: Pause = Pause::from_secs(5);

/// A provider behind a cache.
///
/// Callers share one refresh. While it runs, and while the source fails, the old credentials are given out until they
/// expire, never longer. After a failure the source is left alone for a second, doubling up to ten. Credentials without
/// an expiration are not kept.
///
/// Before their end nears, one caller at a time looks for a change as often as the provider wants it. What the cloud
/// refused is not given out again before the source was asked.
pub struct Cached<P> {
    provider: P,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
    refreshing: Mutex<()>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    failure: Option<Failure>,
    /// When a refusal of what is kept counts again.
    refusable_at: Option<Instant>,
}

struct Kept {
    credentials: Credentials,
    /// When a look for a change is due.
    look_at: Option<Instant>,
    refresh_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    /// By the cloud.
    refused: bool,
}

struct Failure {
    outcome: Outcome,
    in_a_row: u32,
    again_at: Instant,
}

type Outcome = Result<Option<Credentials>, ProviderError>;

/// What the cache says.
enum Look {
    /// Use this.
    Done(Outcome),
    /// Use this unless you are the one who looks for a change.
    Watched(Credentials),
    /// Use this unless you are the one who refreshes.
    Stale(Credentials),
    /// Nothing to use without a refresh.
    Empty,
}

impl<P: Provider> Cached<P> {
    /// A cache in front of a provider. Expirations are compared with this clock.
    #[must_use]
    pub fn new(provider: P, clock: Arc<dyn Clock>) -> Self {
        Self {
            provider,
            clock,
            state: RwLock::default(),
            refreshing: Mutex::new(()),
        }
    }

    fn look(&self) -> Look {
        let now = self.clock.now();
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let pausing = state
            .failure
            .as_ref()
            .filter(|failure| Instant::now() < failure.again_at);
        match (state.kept.as_ref().filter(|kept| now < kept.expires_at), pausing) {
            (Some(kept), Some(_)) => Look::Done(Ok(Some(kept.credentials.clone()))),
            (Some(kept), None) if kept.refused => Look::Empty,
            (Some(kept), None) if now >= kept.refresh_at => Look::Stale(kept.credentials.clone()),
            (Some(kept), None) if kept.look_at.is_some_and(|at| Instant::now() >= at) => {
                Look::Watched(kept.credentials.clone())
            }
            (Some(kept), None) => Look::Done(Ok(Some(kept.credentials.clone()))),
            (None, Some(failure)) => Look::Done(failure.outcome.clone()),
            (None, None) => Look::Empty,
        }
    }

    /// Looks for a change; the caller holds the lock.
    async fn watch(&self, kept: Credentials) -> Outcome {
        if self.provider.has_changed().await {
            return self.refresh().await;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = &mut state.kept {
            kept.look_at = self.next_look();
        }
        Ok(Some(kept))
    }

    fn next_look(&self) -> Option<Instant> {
        self.provider.look_every().map(|pause| Instant::now() + pause)
    }

    /// Asks the provider; the caller holds the lock.
    async fn refresh(&self) -> Outcome {
        let outcome = self.provider.load().await;
        let now = self.clock.now();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(Some(credentials)) = &outcome {
            let old = state.kept.take();
            if !old.is_some_and(|old| old.credentials.is_same(credentials)) {
                state.refusable_at = None;
            }
            state.failure = None;
            state.kept = credentials.expiration.map(|expires_at| Kept {
                credentials: credentials.clone(),
                look_at: self.next_look(),
                refresh_at: expires_at - AHEAD.min((expires_at - now) / 5),
                expires_at,
                refused: false,
            });
            return outcome;
        }
        let in_a_row = state
            .failure
            .as_ref()
            .map_or(0, |failure| failure.in_a_row)
            .saturating_add(1);
        let ceiling = Pause::from_secs(1)
            .saturating_mul(2_u32.saturating_pow(in_a_row - 1))
            .min(MAX_PAUSE);
        let again_at = Instant::now() + ceiling / 2 + jitter(ceiling / 2);
        state.failure = Some(Failure {
            outcome: outcome.clone(),
            in_a_row,
            again_at,
        });
        match state.kept.as_ref().filter(|kept| now < kept.expires_at) {
            Some(kept) => {
                // Not each of many failures: the old ones may be good for hours.
                if in_a_row.is_power_of_two() {
                    let error = outcome.err().map(|error| error.to_string());
                    tracing::warn!(event = "credential_refresh_failed", error, expires_at = %kept.expires_at, "credential refresh failed; using the cached credentials");
                }
                Ok(Some(kept.credentials.clone()))
            }
            None => outcome,
        }
    }
}

#[async_trait]
impl<P: Provider> Provider for Cached<P> {
    async fn load(&self) -> Outcome {
        let _held = match self.look() {
            Look::Done(outcome) => return outcome,
            Look::Watched(credentials) | Look::Stale(credentials) => match self.refreshing.try_lock() {
                Ok(held) => held,
                Err(_) => return Ok(Some(credentials)),
            },
            Look::Empty => self.refreshing.lock().await,
        };
        // Somebody else may have refreshed before the lock was ours.
        match self.look() {
            Look::Done(outcome) => outcome,
            Look::Watched(kept) => self.watch(kept).await,
            Look::Stale(_) | Look::Empty => self.refresh().await,
        }
    }

    fn invalidate(&self, refused: &Credentials) {
        self.provider.invalidate(refused);
        let now = Instant::now();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let State {
            kept,
            failure,
            refusable_at,
        } = &mut *state;
        let kept = kept.as_mut().filter(|kept| kept.credentials.is_same(refused));
        if let Some(kept) = kept.filter(|_| refusable_at.is_none_or(|at| now >= at)) {
            kept.refused = true;
            *failure = None;
            *refusable_at = Some(now + PAUSE_AFTER_REFUSAL);
        }
    }
}

#[cfg(test)]
mod tests;
