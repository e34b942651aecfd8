//! Vault's duration grammar: seconds as a plain integer, days, or Go's duration syntax.
//!
//! Follows `parseutil.ParseDurationSecond` of Vault's Go SDK, which rests on Go's `time.ParseDuration`. Both count in
//! 64-bit nanoseconds, so nothing longer than about 292 years is a duration.

use std::time::Duration;

/// Why a text is no duration. The text itself is never in the message: it may be a secret in the wrong field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Not a number, and not numbers with units.
    #[error("expected seconds, days such as 30d, or a duration such as 1h30m")]
    Malformed,
    /// Below zero where only a length of time makes sense.
    #[error("a duration cannot be negative")]
    Negative,
    /// More than 64-bit nanoseconds can hold.
    #[error("the duration is too long")]
    TooLong,
}

/// Reads a length of time, cut to whole seconds. The empty text is zero, as in Vault.
///
/// # Errors
/// When the text breaks the grammar, is too long, or is negative after cutting (`-500ms` is zero, `-1s` is refused).
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    unsigned(parse_signed_duration(text)?)
}

/// Reads a span of time that may be negative, in whole seconds, cut towards zero.
///
/// # Errors
/// When the text breaks the grammar or is too long.
pub fn parse_signed_duration(text: &str) -> Result<i64, DurationError> {
    if text.is_empty() {
        return Ok(0);
    }
    if let Some(seconds) = integer(text) {
        return within_range(seconds);
    }
    if let Some(days) = text.strip_suffix('d').and_then(integer) {
        return within_range(days.and_then(|days| days.checked_mul(SECONDS_PER_DAY)));
    }
    parse_go_duration(text)
}

/// Checks a count of seconds against the range of a duration.
pub(super) fn within_range(seconds: Option<i64>) -> Result<i64, DurationError> {
    seconds
        .filter(|seconds| seconds.unsigned_abs() <= MAX_SECONDS)
        .ok_or(DurationError::TooLong)
}

/// Refuses a negative count of seconds.
pub(super) fn unsigned(seconds: i64) -> Result<Duration, DurationError> {
    u64::try_from(seconds)
        .map(Duration::from_secs)
        .map_err(|_| DurationError::Negative)
}

/// Prints a duration for people, the way Go does but without zero parts: `768h`, `1h30m`, `45s`, `0s`. Parts below a
/// second are dropped.
pub fn human_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let text: String = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A decimal integer with an optional sign: `None` when the text is none, `Some(None)` when it does not fit.
fn integer(text: &str) -> Option<Option<i64>> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let well_formed = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| text.parse().ok())
}

/// Go's own syntax: an optional sign, then one or more decimal numbers each with a unit, in any order.
fn parse_go_duration(text: &str) -> Result<i64, DurationError> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest.is_empty() {
        return Err(DurationError::Malformed);
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (nanoseconds, after) = leading_part(rest)?;
        // Each part is at most 2^63 and the sum is checked after each, so this cannot overflow.
        total += nanoseconds;
        if total > MAX_NANOSECONDS {
            return Err(DurationError::TooLong);
        }
        rest = after;
    }
    let seconds = i64::try_from(total / NANOSECONDS_PER_SECOND).map_err(|_| DurationError::TooLong)?;
    Ok(if negative { -seconds } else { seconds })
}

/// One number with its unit, in nanoseconds, and what follows it.
fn leading_part(text: &str) -> Result<(u128, &str), DurationError> {
    let (whole, rest) = leading(text, |character| character.is_ascii_digit());
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => leading(rest, |character| character.is_ascii_digit()),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::Malformed);
    }
    let (unit, rest) = leading(rest, |character| character != '.' && !character.is_ascii_digit());
    let scale = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, nanoseconds)| *nanoseconds)
        .ok_or(DurationError::Malformed)?;

    let whole: u128 = match whole {
        "" => 0,
        digits => digits.parse().map_err(|_| DurationError::TooLong)?,
    };
    let nanoseconds = whole
        .checked_mul(scale)
        .map(|nanoseconds| nanoseconds.saturating_add(fraction_of(fraction, scale)))
        .filter(|nanoseconds| *nanoseconds <= MAX_NANOSECONDS)
        .ok_or(DurationError::TooLong)?;
    Ok((nanoseconds, rest))
}

/// `0.<digits>` of a unit, cut to whole nanoseconds. Digits that cannot matter are left out.
fn fraction_of(digits: &str, scale: u128) -> u128 {
    let (mut numerator, mut denominator) = (0_u128, 1_u128);
    for digit in digits.bytes().take(SIGNIFICANT_DIGITS) {
        numerator = numerator * 10 + u128::from(digit.saturating_sub(b'0'));
        denominator *= 10;
    }
    numerator * scale / denominator
}

/// Splits off the longest beginning whose characters all satisfy `wanted`.
fn leading(text: &str, wanted: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|character| !wanted(character)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
const NANOSECONDS_PER_SECOND: u128 = 1_000_000_000;
const MAX_NANOSECONDS: u128 = i64::MAX as u128;
const MAX_SECONDS: u64 = i64::MAX as u64 / 1_000_000_000;
/// An hour has 3.6 * 10^12 nanoseconds, so later digits are far below one.
const SIGNIFICANT_DIGITS: usize = 18;
/// Go's units in nanoseconds; the micro sign exists twice in Unicode.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", NANOSECONDS_PER_SECOND),
    ("m", 60 * NANOSECONDS_PER_SECOND),
    ("h", 3600 * NANOSECONDS_PER_SECOND),
];

/// Nanoseconds as Go keeps a duration, on the wire and in storage; more than fits becomes the most that fits.
pub fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_grammar_is_vaults() {
        let cases = [
            ("", 0),
            ("90", 90),
            ("+90", 90),
            ("010", 10),
            ("0", 0),
            ("1d", 86_400),
            ("30d", 30 * 86_400),
            ("1h", 3600),
            ("1h30m", 5400),
            ("1m1h", 3660),
            ("1.5h", 5400),
            (".5h", 1800),
            ("1.h", 3600),
            ("100ms", 0),
            ("1us", 0),
            ("1µs", 0),
            ("1μs", 0),
            ("1ns", 0),
            ("1999ms", 1),
            ("0.999999999999s", 0),
            ("-500ms", 0),
            ("-0", 0),
            ("2562047h", 2_562_047 * 3600),
            ("9223372036", 9_223_372_036),
            ("106751d", 106_751 * 86_400),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text:?}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        use DurationError::{Malformed, Negative, TooLong};
        let cases = [
            ("1.5", Malformed),
            ("1w", Malformed),
            ("1h 30m", Malformed),
            (" 1h", Malformed),
            ("5s ", Malformed),
            ("0x10", Malformed),
            ("1_000", Malformed),
            ("1e3", Malformed),
            ("true", Malformed),
            ("d", Malformed),
            ("1d1h", Malformed),
            ("1.5d", Malformed),
            ("h", Malformed),
            (".s", Malformed),
            ("-", Malformed),
            ("--1s", Malformed),
            ("1h-1m", Malformed),
            ("1H", Malformed),
            ("٣s", Malformed),
            ("-1h", Negative),
            ("-5", Negative),
            ("-1d", Negative),
            ("9223372037", TooLong),
            ("99999999999999999999", TooLong),
            ("106752d", TooLong),
            ("9223372036854775807d", TooLong),
            ("2562048h", TooLong),
            ("9999999999999999999999999999999999999999h", TooLong),
            ("2562047h2562047h", TooLong),
        ];
        for (text, error) in cases {
            assert_eq!(parse_duration(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_signed_duration_may_be_negative() {
        for (text, seconds) in [
            ("-1h", -3600),
            ("-5", -5),
            ("-2d", -172_800),
            ("-1.9s", -1),
            ("+1m", 60),
        ] {
            assert_eq!(parse_signed_duration(text), Ok(seconds), "{text:?}");
        }
        assert_eq!(parse_signed_duration("-9223372037"), Err(DurationError::TooLong));
    }

    #[test]
    fn durations_are_printed_in_human_units() {
        let cases = [
            (0, "0s"),
            (45, "45s"),
            (60, "1m"),
            (3600, "1h"),
            (5400, "1h30m"),
            (3601, "1h1s"),
            (2_764_800, "768h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human_duration(Duration::from_secs(seconds)), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse_signed_duration(&text);
        }

        #[test]
        fn no_text_of_the_right_letters_panics(text in "[-+.0-9dhmsnuµ]{0,40}") {
            let _ = parse_signed_duration(&text);
        }

        #[test]
        fn what_is_printed_is_read_back(seconds in 0..=MAX_SECONDS) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&human_duration(duration)), Ok(duration));
        }
    }
}
