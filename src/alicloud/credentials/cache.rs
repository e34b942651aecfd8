//! Keeps temporary credentials until shortly before they expire.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration as Pause;

use async_trait::async_trait;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Credentials, Provider, ProviderError};
use crate::alicloud::clock::Clock;
use crate::alicloud::random::jitter;

/// New ones are fetched this long before the end, or a fifth of the lifetime before it if that is less: a session of
/// 15 minutes would otherwise never be fresh.
const AHEAD: Duration = Duration::minutes(15);

const LONGEST_PAUSE: Pause = Pause::from_secs(60);

/// A provider behind a cache.
///
/// Callers share one refresh. While it runs, and while the source fails, the old credentials are given out until they
/// expire, never longer. After a failure the source is left alone for a second, doubling up to a minute. Credentials
/// without an expiration are not kept.
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
}

struct Kept {
    credentials: Credentials,
    refresh_at: OffsetDateTime,
    expires_at: OffsetDateTime,
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
    /// Use this unless you are the one who refreshes.
    Stale(Credentials),
    /// Nothing to use.
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
            (Some(kept), pausing) if pausing.is_some() || now < kept.refresh_at => {
                Look::Done(Ok(Some(kept.credentials.clone())))
            }
            (Some(kept), _) => Look::Stale(kept.credentials.clone()),
            (None, Some(failure)) => Look::Done(failure.outcome.clone()),
            (None, None) => Look::Empty,
        }
    }

    /// Asks the provider; the caller holds the lock.
    async fn refresh(&self) -> Outcome {
        let outcome = self.provider.load().await;
        let now = self.clock.now();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(Some(credentials)) = &outcome {
            state.failure = None;
            state.kept = credentials.expiration.map(|expires_at| Kept {
                credentials: credentials.clone(),
                refresh_at: expires_at - AHEAD.min((expires_at - now) / 5),
                expires_at,
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
            .min(LONGEST_PAUSE);
        let again_at = Instant::now() + ceiling / 2 + jitter(ceiling / 2);
        state.failure = Some(Failure {
            outcome: outcome.clone(),
            in_a_row,
            again_at,
        });
        match state.kept.as_ref().filter(|kept| now < kept.expires_at) {
            Some(kept) => {
                let error = outcome.err().map(|error| error.to_string());
                tracing::warn!(error, expires_at = %kept.expires_at, "credentials not refreshed; the old ones are used");
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
            Look::Stale(credentials) => match self.refreshing.try_lock() {
                Ok(held) => held,
                Err(_) => return Ok(Some(credentials)),
            },
            Look::Empty => self.refreshing.lock().await,
        };
        // Somebody else may have refreshed before the lock was ours.
        match self.look() {
            Look::Done(outcome) => outcome,
            Look::Stale(_) | Look::Empty => self.refresh().await,
        }
    }
}

impl<P: fmt::Debug> fmt::Debug for Cached<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cached").field(&self.provider).finish()
    }
}

#[cfg(test)]
mod tests;
