//! The wall clock as a value, and the two spellings of time on the wire.
//!
//! The only file that asks the system for the time of day; waiting is measured by tokio's clock.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Tells the time of day. Signatures and expirations are compared with it.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> OffsetDateTime;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "everything else asks this one")]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// `YYYY-MM-DDThh:mm:ssZ` in UTC: V1's `Timestamp` and V3's `x-acs-date`.
///
/// A year outside 0 to 9999 cannot be written; it gives an empty text, which the cloud refuses as malformed.
#[must_use]
pub fn timestamp(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC)
        .truncate_to_second()
        .format(&Rfc3339)
        .unwrap_or_default()
}

/// Reads an expiration or a date of an answer.
pub(crate) fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_has_whole_seconds_in_utc() {
        let at = parse("2024-03-01T07:59:59.987+08:00").unwrap();
        assert_eq!(timestamp(at), "2024-02-29T23:59:59Z");
    }

    #[test]
    fn an_impossible_date_is_not_read() {
        assert!(parse("2023-02-29T00:00:00Z").is_none());
        assert!(parse("").is_none());
    }
}
