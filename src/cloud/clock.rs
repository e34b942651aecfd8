//! The wall clock as a value, and the two spellings of time on the wire.
//!
//! The only file that asks the system for the time of day; waiting is measured by tokio's clock.

use std::fmt;

use http::HeaderMap;
use http::header::DATE;
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

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

/// How this machine's clock differs from that of whoever answered.
pub(crate) fn compared_with(server: OffsetDateTime, now: OffsetDateTime) -> String {
    let ahead = now - server;
    let (seconds, minutes) = (
        ahead.whole_seconds().unsigned_abs(),
        ahead.whole_minutes().unsigned_abs(),
    );
    let by = match (seconds, minutes) {
        (0..=59, _) => return "this machine's clock agrees with it".to_owned(),
        (_, 0..=119) => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    };
    let direction = if ahead.is_positive() { "ahead of" } else { "behind" };
    format!("this machine's clock is {by} {direction} it")
}

/// The time that an answer's header `Date` says, in the only form that servers may send (RFC 9110, section 6.6.1).
pub(crate) fn date_of(headers: &HeaderMap) -> Option<OffsetDateTime> {
    let date = headers.get(DATE)?.to_str().ok()?;
    OffsetDateTime::parse(date, &Rfc2822).ok()
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
    fn the_date_of_an_answer_is_read() {
        let mut headers = HeaderMap::new();
        assert!(date_of(&headers).is_none());
        headers.insert(DATE, "Thu, 29 Feb 2024 23:59:59 GMT".parse().unwrap());
        assert_eq!(date_of(&headers), parse("2024-02-29T23:59:59Z"));
        for date in [
            "",
            "yesterday",
            "2026-11-26T20:00:00Z",
            "Thu, 32 Nov 2026 20:00:42 GMT",
        ] {
            headers.insert(DATE, date.parse().unwrap());
            assert!(date_of(&headers).is_none(), "{date}");
        }
    }

    #[test]
    fn an_impossible_date_is_not_read() {
        assert!(parse("2023-02-29T00:00:00Z").is_none());
        assert!(parse("").is_none());
    }

    #[test]
    fn the_difference_is_told() {
        let now = parse("2026-11-26T20:00:00Z").unwrap();
        for (date, told) in [
            (
                "Thu, 26 Nov 2026 20:00:42 GMT",
                "this machine's clock agrees with it",
            ),
            (
                "Thu, 26 Nov 2026 19:59:00 GMT",
                "this machine's clock is 1 min ahead of it",
            ),
            (
                "Thu, 26 Nov 2026 20:16:30 GMT",
                "this machine's clock is 16 min behind it",
            ),
            (
                "Thu, 26 Nov 2026 12:00:00 GMT",
                "this machine's clock is 8 h 0 min ahead of it",
            ),
            (
                "Fri, 27 Nov 2026 04:30:00 +0800",
                "this machine's clock is 30 min behind it",
            ),
            (
                "Sat, 26 Nov 2016 20:00:00 GMT",
                "this machine's clock is 87648 h 0 min ahead of it",
            ),
        ] {
            let server = date_of(&HeaderMap::from_iter([(DATE, date.parse().unwrap())])).unwrap();
            assert_eq!(compared_with(server, now), told, "{date}");
        }
    }
}
