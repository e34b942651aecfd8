//! When a call is made again, and after which pause.

use std::time::Duration;

use super::error::{Error, Kind};
use super::random::jitter;

/// Whether carrying out an operation twice does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idempotency {
    /// It makes something new each time: repeat only what surely was not carried out.
    Creates,
    /// Reads, deletions, attachments, and tokens that nobody misses: repeat also after an unknown outcome.
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

/// No wish of the cloud to wait is followed beyond this.
const LONGEST_WISH: Duration = Duration::from_secs(30);

impl Policy {
    /// The pause before the next try, or `None` when the error is final.
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
        let drawn = jitter(doubled.min(self.longest_pause));
        Some(
            error
                .retry_after()
                .map_or(drawn, |wish| wish.min(LONGEST_WISH) + drawn),
        )
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
                assert!(pause <= Duration::from_millis(ceiling), "{pause:?} after {tries}");
            }
        }
        assert_eq!(
            POLICY.pause(4, &error(Kind::Throttled), Idempotency::Repeatable),
            None
        );
    }

    #[test]
    fn a_wish_of_the_cloud_is_followed_within_reason() {
        for (wish, least) in [(1_500, 1_500), (3_600_000, 30_000)] {
            let error = error(Kind::Throttled).with_retry_after(Some(Duration::from_millis(wish)));
            let pause = POLICY.pause(1, &error, Idempotency::Creates).unwrap();
            assert!(pause >= Duration::from_millis(least) && pause <= Duration::from_millis(least + 200));
        }
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
            Kind::Gone,
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
