//! When a call is made again, and after which pause.
//!
//! As many tries as the defaults allow outlast an outage of 20 seconds, whatever the draw of the pauses: the least they
//! add up to is 21.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::error::{Error, Kind, Result};
use crate::cloud::random::jitter;

/// Whether carrying out an operation twice does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idempotency {
    /// It makes something new each time: repeat only what surely was not carried out.
    Creates,
    /// Reads, deletions, attachments, tokens that nobody misses, and things under a name that can be taken only once:
    /// repeat also after an unknown outcome.
    Repeatable,
}

/// How often and after which pauses.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// Tries in all, the first included.
    pub(super) tries: u32,
    /// Ceiling of the first pause; it doubles with every try.
    pub(super) first_pause: Duration,
    /// No ceiling is higher.
    pub(super) longest_pause: Duration,
}

/// Tries of a call unless it is told otherwise, the first included.
pub(super) const TRIES: u32 = 13;

impl Policy {
    pub(super) const fn of(tries: u32) -> Self {
        Self {
            tries,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(5),
        }
    }

    /// The pause before the next try, or `None` when the error is final. Half of it is drawn, so that callers who were
    /// refused together part; the other half is not, so that the tries last as long as they are meant to.
    pub(super) fn pause(
        &self,
        tries_so_far: u32,
        error: &Error,
        idempotency: Idempotency,
    ) -> Option<Duration> {
        if tries_so_far >= self.tries || !may_repeat(error, idempotency) {
            return None;
        }
        let doubled = self
            .first_pause
            .saturating_mul(2_u32.saturating_pow(tries_so_far.saturating_sub(1)));
        let half = doubled.min(self.longest_pause) / 2;
        let drawn = half + jitter(half);
        Some(error.retry_after().unwrap_or_default().saturating_add(drawn))
    }
}

/// The tries of one call, up to its deadline.
#[derive(Debug)]
pub(super) struct Tries<'a> {
    policy: &'a Policy,
    deadline: Instant,
    made: u32,
    outcome_unknown: bool,
}

impl<'a> Tries<'a> {
    pub(super) fn new(policy: &'a Policy, deadline: Instant) -> Self {
        Self {
            policy,
            deadline,
            made: 0,
            outcome_unknown: false,
        }
    }

    /// Pauses after a failed try, and gives its error back, as the one to report if there is no time for another.
    ///
    /// # Errors
    /// The error again, when it is final, or no try or no time is left.
    pub(super) async fn another_after(&mut self, error: Error, idempotency: Idempotency) -> Result<Error> {
        self.made += 1;
        // A later refusal does not undo what an earlier, lost try may have done.
        self.outcome_unknown |= error.outcome_unknown();
        let error = error.with_outcome_unknown(self.outcome_unknown);
        let Some(pause) = self.policy.pause(self.made, &error, idempotency) else {
            return Err(error);
        };
        if pause >= self.deadline.saturating_duration_since(Instant::now()) {
            return Err(error);
        }
        tracing::debug!(tries = self.made, %error, "calling the cloud again");
        sleep(pause).await;
        Ok(error)
    }
}

fn may_repeat(error: &Error, idempotency: Idempotency) -> bool {
    let passing = matches!(
        error.kind(),
        Kind::Throttled | Kind::Connect | Kind::Unavailable | Kind::Timeout | Kind::Interrupted
    );
    passing && (idempotency == Idempotency::Repeatable || !error.outcome_unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        tries: 4,
        first_pause: Duration::from_millis(200),
        longest_pause: Duration::from_millis(500),
    };

    fn error(kind: Kind) -> Error {
        Error::new(kind, "X", "")
    }

    #[test]
    fn pauses_double_up_to_the_cap() {
        for (tries, ceiling) in [(1, 200), (2, 400), (3, 500)] {
            for _ in 0..50 {
                let pause = POLICY
                    .pause(tries, &error(Kind::Throttled), Idempotency::Creates)
                    .unwrap();
                let ceiling = Duration::from_millis(ceiling);
                assert!(
                    (ceiling / 2..=ceiling).contains(&pause),
                    "{pause:?} after {tries}"
                );
            }
        }
        assert_eq!(
            POLICY.pause(4, &error(Kind::Throttled), Idempotency::Repeatable),
            None
        );
    }

    #[test]
    fn the_default_outlasts_twenty_seconds_whatever_is_drawn() {
        let policy = Policy::of(TRIES);
        let refused = error(Kind::Unavailable);
        let pauses = (1..TRIES).map(|tries| policy.pause(tries, &refused, Idempotency::Creates).unwrap());
        let total: Duration = pauses.sum();
        assert!(
            (Duration::from_secs(21)..Duration::from_secs(43)).contains(&total),
            "{total:?}"
        );
    }

    #[test]
    fn a_wish_of_the_cloud_comes_on_top() {
        for wish in [Duration::from_millis(1_500), Duration::from_secs(3600)] {
            let error = error(Kind::Throttled).with_retry_after(Some(wish));
            let pause = POLICY.pause(1, &error, Idempotency::Creates).unwrap();
            assert!((wish..=wish + Duration::from_millis(200)).contains(&pause));
        }
        let error = error(Kind::Throttled).with_retry_after(Some(Duration::MAX));
        assert!(POLICY.pause(1, &error, Idempotency::Creates).is_some());
    }

    #[test]
    fn a_creation_is_repeated_only_if_it_surely_did_not_happen() {
        let lost = error(Kind::Interrupted).with_outcome_unknown(true);
        assert_eq!(POLICY.pause(1, &lost, Idempotency::Creates), None);
        assert!(POLICY.pause(1, &lost, Idempotency::Repeatable).is_some());
        assert!(
            POLICY
                .pause(1, &error(Kind::Connect), Idempotency::Creates)
                .is_some()
        );
    }

    #[test]
    fn a_refusal_is_final() {
        for kind in [
            Kind::Denied,
            Kind::NotFound,
            Kind::Invalid,
            Kind::Credentials,
            Kind::Clock,
            Kind::Unexpected,
        ] {
            assert_eq!(
                POLICY.pause(1, &error(kind), Idempotency::Repeatable),
                None,
                "{kind:?}"
            );
        }
    }
}
