//! When a call is made again, and after which pause.
//!
//! As many tries as the defaults allow outlast an outage of 20 seconds, whatever the draw of the pauses: the least they
//! add up to is 21.

use std::time::Duration;

use tokio::time::sleep;

use crate::cloud::deadline::Deadline;
use crate::cloud::error::{Error, Kind, Result};
use crate::cloud::random::jitter;

/// Tries of a call unless it is told otherwise, the first included.
pub(super) const TRIES: u32 = 13;

/// Upper bound of the first pause; it doubles with every try.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// No upper bound is higher.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Whether carrying out an operation twice does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idempotency {
    /// It makes something new each time: repeat only what surely was not carried out.
    Creates,
    /// Reads, deletions, attachments, tokens that nobody misses, and things under a name that can be taken only once:
    /// repeat also after an unknown outcome.
    Repeatable,
}

/// The tries of one call, up to its deadline.
#[derive(Debug)]
pub(crate) struct Tries {
    limit: u32,
    deadline: Deadline,
    made: u32,
    outcome_unknown: bool,
}

impl Tries {
    pub(super) fn new(limit: u32, deadline: Deadline) -> Self {
        Self {
            limit,
            deadline,
            made: 0,
            outcome_unknown: false,
        }
    }

    /// Pauses after a failed try, and gives its error back, as the one to report if there is no time for another.
    ///
    /// # Errors
    /// The error again, when it is final, or no try or no time is left.
    pub(crate) async fn another_after(&mut self, error: Error, idempotency: Idempotency) -> Result<Error> {
        self.made += 1;
        // A later refusal does not undo what an earlier, lost try may have done.
        self.outcome_unknown |= error.outcome_unknown();
        let error = error.with_outcome_unknown(self.outcome_unknown);
        if self.made >= self.limit || !may_repeat(&error, idempotency) {
            return Err(error);
        }
        let pause = pause_after(self.made, &error);
        if pause >= self.deadline.remaining() {
            return Err(error);
        }
        tracing::debug!(tries = self.made, %error, "calling the cloud again");
        sleep(pause).await;
        Ok(error)
    }
}

/// The pause before the next try. Half of it is drawn, so that callers who were refused together part; the other half is
/// not, so that the tries last as long as they are meant to. What the cloud asked to wait comes on top.
fn pause_after(tries: u32, error: &Error) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
    let half = doubled.min(MAX_PAUSE) / 2;
    let drawn = half + jitter(half);
    error.retry_after().unwrap_or_default().saturating_add(drawn)
}

fn may_repeat(error: &Error, idempotency: Idempotency) -> bool {
    let transient = matches!(
        error.kind(),
        Kind::Throttled | Kind::Connect | Kind::Unavailable | Kind::Timeout | Kind::Interrupted
    );
    transient && !error.is_lasting() && (idempotency == Idempotency::Repeatable || !error.outcome_unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: Kind) -> Error {
        Error::new(kind, "X", "")
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        for (tries, bound) in [(1, 250), (2, 500), (3, 1000), (5, 4000), (6, 5000), (60, 5000)] {
            for _ in 0..50 {
                let pause = pause_after(tries, &error(Kind::Throttled));
                let bound = Duration::from_millis(bound);
                assert!((bound / 2..=bound).contains(&pause), "{pause:?} after {tries}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tries_end_with_their_number_or_before_a_pause_beyond_the_deadline() {
        let mut tries = Tries::new(3, Deadline::after(Duration::from_secs(60)));
        for _ in 0..2 {
            assert!(
                tries
                    .another_after(error(Kind::Throttled), Idempotency::Creates)
                    .await
                    .is_ok()
            );
        }
        assert!(
            tries
                .another_after(error(Kind::Throttled), Idempotency::Creates)
                .await
                .is_err()
        );
        let mut tries = Tries::new(3, Deadline::after(Duration::from_millis(100)));
        assert!(
            tries
                .another_after(error(Kind::Throttled), Idempotency::Creates)
                .await
                .is_err()
        );
    }

    #[test]
    fn the_default_outlasts_twenty_seconds_whatever_is_drawn() {
        let total: Duration = (1..TRIES)
            .map(|tries| pause_after(tries, &error(Kind::Unavailable)))
            .sum();
        assert!(
            (Duration::from_secs(21)..Duration::from_secs(43)).contains(&total),
            "{total:?}"
        );
    }

    #[test]
    fn what_the_cloud_asked_to_wait_comes_on_top() {
        for asked in [Duration::from_millis(1_500), Duration::from_secs(3600)] {
            let pause = pause_after(1, &error(Kind::Throttled).with_retry_after(Some(asked)));
            assert!((asked..=asked + FIRST_PAUSE).contains(&pause));
        }
        let endless = error(Kind::Throttled).with_retry_after(Some(Duration::MAX));
        assert_eq!(pause_after(1, &endless), Duration::MAX);
    }

    #[test]
    fn a_creation_is_repeated_only_if_it_surely_did_not_happen() {
        let lost = error(Kind::Interrupted).with_outcome_unknown(true);
        assert!(!may_repeat(&lost, Idempotency::Creates));
        assert!(may_repeat(&lost, Idempotency::Repeatable));
        assert!(may_repeat(&error(Kind::Connect), Idempotency::Creates));
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
            assert!(!may_repeat(&error(kind), Idempotency::Repeatable), "{kind:?}");
        }
    }
}
