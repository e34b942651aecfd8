//! Leases of API keys end with the key at the latest.
//!
//! An API key ends by itself after whole days. Its lease ends before it, and the key is then deleted with its user. So
//! the days are only for the case that nobody comes to delete it.

use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;

use crate::cloud::{clock, timestamp};
use crate::framework::{Lease, LeaseTerms, human_duration};

/// In a lease: when its key ends by itself.
pub(super) const EXPIRATION: &str = "expiration";

/// What a clock may be off, and what a request takes: a lease that is shorter by no more than this deserves no word.
const SMALL: Duration = Duration::from_secs(60);

/// The terms of a renewal, within the life of the API key if the lease is one's.
pub(super) fn limit_renewal(
    lease: &Lease,
    terms: LeaseTerms,
    now: OffsetDateTime,
) -> (LeaseTerms, Option<String>) {
    let expiration = lease.internal.get(EXPIRATION).and_then(Value::as_str);
    let Some(expiration) = expiration.and_then(clock::parse) else {
        return (terms, None);
    };
    let issued = lease
        .options
        .issue_time
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    // A server counts the longest life from the issue on.
    within(terms, expiration, issued.unwrap_or(now))
}

/// The terms of a lease that began at this time, so that it ends with the key at the latest, and a word about it where
/// that makes it shorter.
pub(super) fn within(
    terms: LeaseTerms,
    expiration: OffsetDateTime,
    begin: OffsetDateTime,
) -> (LeaseTerms, Option<String>) {
    let seconds = u64::try_from((expiration - begin).whole_seconds()).unwrap_or(0);
    // Zero would mean the mount's own.
    let life = Duration::from_secs(seconds.max(1));
    let warning = (terms.max_ttl > life + SMALL).then(|| {
        format!(
            "the API key ends at {}: max_ttl of {} is cut to {}",
            timestamp(expiration),
            human_duration(terms.max_ttl),
            human_duration(life)
        )
    });
    let limited = LeaseTerms {
        ttl: terms.ttl.min(life),
        max_ttl: terms.max_ttl.min(life),
    };
    (limited, warning)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn no_lease_passes_the_end_of_its_key() {
        let begin = OffsetDateTime::UNIX_EPOCH;
        let terms = LeaseTerms {
            ttl: 2 * DAY,
            max_ttl: 4 * DAY,
        };
        for (life, ttl, max_ttl, is_told) in [
            (8 * DAY, 2 * DAY, 4 * DAY, false),
            (3 * DAY, 2 * DAY, 3 * DAY, true),
            (DAY, DAY, DAY, true),
            (4 * DAY - SMALL, 2 * DAY, 4 * DAY - SMALL, false),
            (
                Duration::ZERO,
                Duration::from_secs(1),
                Duration::from_secs(1),
                true,
            ),
        ] {
            let (limited, warning) = within(terms, begin + life, begin);
            assert_eq!(limited, LeaseTerms { ttl, max_ttl }, "{life:?}");
            assert_eq!(warning.is_some(), is_told, "{warning:?}");
        }
    }
}
