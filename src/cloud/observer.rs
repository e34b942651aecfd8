//! Observers of a client's calls, for metrics.
//!
//! An observer is called on the way of every call: it must not block. What it is told comes from small sets: operations and
//! sources of credentials are constants of the code.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::cloud::error::{Kind, Result};

/// Is told about calls.
pub trait Observer: Send + Sync {
    /// A call has ended, with all its tries, pauses and queues.
    fn call_ended(&self, operation: &'static str, outcome: Outcome, took: Duration);

    /// The cloud throttled one try of a call.
    fn throttled(&self, operation: &'static str);

    /// A try begins to wait for the rate limiter.
    fn queue_entered(&self, operation: &'static str);

    /// A try no longer waits for the rate limiter: it may begin, or it was given up.
    fn queue_left(&self, operation: &'static str, waited: Duration);

    /// A call is about to be signed with credentials of this source, which expire then.
    fn credentials_used(&self, source: &'static str, now: OffsetDateTime, expires_at: Option<OffsetDateTime>);
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With the cloud's answer. Of a request that somebody else signed: with any answer.
    Success,
    /// With an error.
    Failed(Kind),
    /// Its caller no longer waited for it.
    Cancelled,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Success,
        Self::Failed(Kind::Clock),
        Self::Failed(Kind::Conflict),
        Self::Failed(Kind::Connect),
        Self::Failed(Kind::Credentials),
        Self::Failed(Kind::Denied),
        Self::Failed(Kind::Exists),
        Self::Failed(Kind::NotFound),
        Self::Failed(Kind::Interrupted),
        Self::Failed(Kind::Invalid),
        Self::Failed(Kind::LimitExceeded),
        Self::Failed(Kind::Throttled),
        Self::Failed(Kind::Timeout),
        Self::Failed(Kind::Unavailable),
        Self::Failed(Kind::Unexpected),
        Self::Cancelled,
    ];

    /// Its place in [`Self::ALL`].
    pub fn index(self) -> usize {
        Self::ALL
            .iter()
            .position(|other| *other == self)
            .unwrap_or_default()
    }

    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Cancelled => "cancelled",
            Self::Failed(kind) => match kind {
                Kind::Clock => "clock",
                Kind::Conflict => "conflict",
                Kind::Connect => "connect",
                Kind::Credentials => "credentials",
                Kind::Denied => "denied",
                Kind::Exists => "exists",
                Kind::NotFound => "not_found",
                Kind::Interrupted => "interrupted",
                Kind::Invalid => "invalid",
                Kind::LimitExceeded => "limit_exceeded",
                Kind::Throttled => "throttled",
                Kind::Timeout => "timeout",
                Kind::Unavailable => "unavailable",
                Kind::Unexpected => "unexpected",
            },
        }
    }
}

/// The observer of a client, if it has one.
#[derive(Clone, Default)]
pub(super) struct Observed(pub(super) Option<Arc<dyn Observer>>);

impl Observed {
    /// Begins to watch a call. Dropped before its end, it was cancelled.
    pub(super) fn call(&self, operation: &'static str) -> ObservedCall<'_> {
        ObservedCall {
            observer: self.0.as_deref(),
            operation,
            began: Instant::now(),
            outcome: Outcome::Cancelled,
        }
    }

    /// Begins to watch the wait for the rate limiter, which ends when this is dropped.
    pub(super) fn queue(&self, operation: &'static str) -> ObservedWait<'_> {
        if let Some(observer) = &self.0 {
            observer.queue_entered(operation);
        }
        ObservedWait {
            observer: self.0.as_deref(),
            operation,
            began: Instant::now(),
        }
    }

    pub(super) fn throttled(&self, operation: &'static str) {
        if let Some(observer) = &self.0 {
            observer.throttled(operation);
        }
    }

    pub(super) fn credentials(
        &self,
        source: &'static str,
        now: OffsetDateTime,
        expires_at: Option<OffsetDateTime>,
    ) {
        if let Some(observer) = &self.0 {
            observer.credentials_used(source, now, expires_at);
        }
    }
}

/// A call that is watched.
pub(super) struct ObservedCall<'a> {
    observer: Option<&'a dyn Observer>,
    operation: &'static str,
    began: Instant,
    outcome: Outcome,
}

impl ObservedCall<'_> {
    /// The call has ended like this.
    pub(super) fn ended<T>(mut self, result: Result<T>) -> Result<T> {
        self.outcome = match &result {
            Ok(_) => Outcome::Success,
            Err(error) => Outcome::Failed(error.kind()),
        };
        result
    }
}

impl Drop for ObservedCall<'_> {
    fn drop(&mut self) {
        if let Some(observer) = self.observer {
            observer.call_ended(self.operation, self.outcome, self.began.elapsed());
        }
    }
}

/// A wait for the rate limiter that is watched.
pub(super) struct ObservedWait<'a> {
    observer: Option<&'a dyn Observer>,
    operation: &'static str,
    began: Instant,
}

impl Drop for ObservedWait<'_> {
    fn drop(&mut self) {
        if let Some(observer) = self.observer {
            observer.queue_left(self.operation, self.began.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_outcome_has_its_place_and_a_word_of_its_own() {
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome.index(), index, "{outcome:?}");
        }
        let words: BTreeSet<_> = Outcome::ALL.into_iter().map(Outcome::word).collect();
        assert_eq!(words.len(), Outcome::ALL.len());
    }
}
