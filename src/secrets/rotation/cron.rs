//! Schedules in the five fields of cron, always in UTC.
//!
//! The grammar and its meaning are those of `robfig/cron`, which Vault uses: `*`, `?`, lists, ranges, steps, names of months
//! and weekdays. When neither the day of the month nor the weekday is `*`, one of the two is enough. Beyond that, 7 is a
//! Sunday, as in other implementations.

use std::fmt;
use std::str::FromStr;

use time::{OffsetDateTime, UtcOffset};

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// Longer texts are no schedule that anybody writes.
const LONGEST: usize = 256;

/// A February 29 is followed by the next within this many days, also where a century is no leap year.
const LONGEST_GAP: u64 = 8 * 366;

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    /// As it was written, with single blanks.
    text: String,
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    /// Sunday is 0.
    weekdays: Set,
    /// Both kinds of days must fit, for at least one of them fits always.
    both_days: bool,
}

/// Numbers below 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Set(u64);

impl Set {
    fn has(self, number: u64) -> bool {
        number < 64 && self.0 & (1 << number) != 0
    }

    fn from(self, first: u64) -> impl Iterator<Item = u64> {
        (first..64).filter(move |number| self.has(*number))
    }
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields.
    #[error("expected exactly 5 fields (minute, hour, day of month, month, day of week), found {0}")]
    Fields(usize),
    /// More than [`LONGEST`] bytes.
    #[error("a schedule has at most {LONGEST} characters")]
    TooLong,
    /// A field does not follow the grammar.
    #[error("the field {0} is none of a number, a range, a list, * and a step")]
    Malformed(&'static str),
    /// A number outside of the field's range.
    #[error("the field {field} takes {least} to {most}")]
    Range {
        /// The field.
        field: &'static str,
        /// The least number.
        least: u64,
        /// The greatest number.
        most: u64,
    },
    /// Such as February 30.
    #[error("there is no such day")]
    Never,
}

/// What one field takes.
struct Kind {
    name: &'static str,
    least: u64,
    most: u64,
    /// Names of the numbers from the least on.
    names: &'static [&'static str],
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "minute",
        least: 0,
        most: 59,
        names: &[],
    },
    Kind {
        name: "hour",
        least: 0,
        most: 23,
        names: &[],
    },
    Kind {
        name: "day of month",
        least: 1,
        most: 31,
        names: &[],
    },
    Kind {
        name: "month",
        least: 1,
        most: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    Kind {
        name: "day of week",
        least: 0,
        most: 7,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

impl Cron {
    /// The first time of the schedule after a time, both in seconds since 1970. None after the year 9999.
    pub fn next_after(&self, time: u64) -> Option<u64> {
        let first = (time / MINUTE).checked_add(1)?.checked_mul(MINUTE)?;
        (0..=LONGEST_GAP).find_map(|days| {
            let midnight = (first / DAY + days).checked_mul(DAY)?;
            if !self.has_day(midnight) {
                return None;
            }
            // Of the first day, what is left.
            let begin = first.saturating_sub(midnight) / MINUTE;
            let minute = self.hours.from(begin / 60).find_map(|hour| {
                let first = if hour == begin / 60 { begin % 60 } else { 0 };
                Some(hour * 60 + self.minutes.from(first).next()?)
            })?;
            Some(midnight + minute * MINUTE)
        })
    }

    fn has_day(&self, midnight: u64) -> bool {
        let date = i64::try_from(midnight).ok();
        let date = date.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        let Some(date) = date.map(|date| date.to_offset(UtcOffset::UTC)) else {
            return false;
        };
        let in_month = self.days.has(date.day().into());
        let in_week = self.weekdays.has(date.weekday().number_days_from_sunday().into());
        let fits = if self.both_days {
            in_month && in_week
        } else {
            in_month || in_week
        };
        fits && self.months.has(u8::from(date.month()).into())
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        if text.len() > LONGEST {
            return Err(CronError::TooLong);
        }
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let found = CronError::Fields(words.len());
        let words: [&str; 5] = words.try_into().map_err(|_| found)?;
        let [minutes, hours, days, months, weekdays] = &KINDS;
        let (days, any_day) = days.read(words[2])?;
        let (weekdays, any_weekday) = weekdays.read(words[4])?;
        let cron = Self {
            text: words.join(" "),
            minutes: minutes.read(words[0])?.0,
            hours: hours.read(words[1])?.0,
            days,
            months: months.read(words[3])?.0,
            // 7 is Sunday, too.
            weekdays: Set(weekdays.0 | weekdays.0 >> 7 & 1),
            both_days: any_day || any_weekday,
        };
        cron.next_after(0).ok_or(CronError::Never)?;
        Ok(cron)
    }
}

impl Kind {
    /// The numbers of a field, and whether it stands for all of them.
    fn read(&self, text: &str) -> Result<(Set, bool), CronError> {
        let mut numbers = Set(0);
        let mut is_any = false;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, self.step(step)?),
                None => (part, 1),
            };
            let wildcard = matches!(range, "*" | "?");
            let (first, last) = match range.split_once('-') {
                _ if wildcard => (self.least, self.most),
                Some((first, last)) => (self.number(first)?, self.number(last)?),
                None if part.contains('/') => (self.number(range)?, self.most),
                None => (self.number(range)?, self.number(range)?),
            };
            if first > last {
                return Err(CronError::Malformed(self.name));
            }
            numbers.0 |= (first..=last)
                .step_by(step)
                .fold(0, |set, number| set | 1 << number);
            is_any |= wildcard && step == 1;
        }
        Ok((numbers, is_any))
    }

    fn step(&self, text: &str) -> Result<usize, CronError> {
        match self.digits(text)? {
            0 => Err(CronError::Malformed(self.name)),
            step => Ok(usize::try_from(step).unwrap_or(usize::MAX)),
        }
    }

    fn number(&self, text: &str) -> Result<u64, CronError> {
        let named = self.names.iter().zip(self.least..);
        let named = named
            .filter(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, number)| number)
            .next();
        let number = match named {
            Some(number) => number,
            None => self.digits(text)?,
        };
        if (self.least..=self.most).contains(&number) {
            return Ok(number);
        }
        Err(CronError::Range {
            field: self.name,
            least: self.least,
            most: self.most,
        })
    }

    fn digits(&self, text: &str) -> Result<u64, CronError> {
        let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_number);
        number.ok_or(CronError::Malformed(self.name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::format_description::well_known::Rfc3339;

    use super::*;

    fn seconds(text: &str) -> u64 {
        let time = OffsetDateTime::parse(text, &Rfc3339).unwrap();
        time.unix_timestamp().try_into().unwrap()
    }

    fn cron(text: &str) -> Cron {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_time_is_the_first_that_fits() {
        for (text, after, next) in [
            ("* * * * *", "2024-02-28T23:59:59Z", "2024-02-29T00:00:00Z"),
            ("* * * * *", "2024-02-29T00:00:00Z", "2024-02-29T00:01:00Z"),
            ("0 0 * * *", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("30 2 1 * *", "2024-01-31T12:00:00Z", "2024-02-01T02:30:00Z"),
            ("0 4 31 * *", "2024-01-31T04:00:00Z", "2024-03-31T04:00:00Z"),
            ("0 0 29 2 *", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
            // 2100 is no leap year.
            ("0 0 29 2 *", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"),
            ("0 0 * * SUN", "2026-11-27T00:15:00Z", "2026-11-29T00:00:00Z"),
            ("0 0 * * 7", "2026-11-27T00:15:00Z", "2026-11-29T00:00:00Z"),
            (
                "0 9-17/4 * * mon-fri",
                "2026-11-27T17:00:00Z",
                "2026-11-30T09:00:00Z",
            ),
            ("5/20 * * * *", "2026-11-27T00:15:00Z", "2026-11-27T00:25:00Z"),
            ("1,2,50 3 * dec ?", "2026-11-27T00:15:00Z", "2026-12-01T03:01:00Z"),
            // Either of the days is enough where both are given, unless one of them is every day.
            ("0 0 1 * MON", "2026-11-27T00:15:00Z", "2026-11-30T00:00:00Z"),
            ("0 0 1 * MON", "2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("0 0 */2 * MON", "2026-11-27T00:15:00Z", "2026-11-29T00:00:00Z"),
            ("0 0 1 * *", "2026-11-27T00:15:00Z", "2026-12-01T00:00:00Z"),
        ] {
            assert_eq!(
                cron(text).next_after(seconds(after)),
                Some(seconds(next)),
                "{text} after {after}"
            );
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "@daily",
            "TZ=UTC 0 0 * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 *",
            "* * * 0 *",
            "* * * * 8",
            "-1 * * * *",
            "+1 * * * *",
            "5-2 * * * *",
            "*/0 * * * *",
            "1/ * * * *",
            "1, * * * *",
            "1-2-3 * * * *",
            "*-5 * * * *",
            "x * * * *",
            "* * * mo *",
            "0001 * * * *",
            "0 0 30 2 *",
            "0 0 31 4,6,9,11 *",
        ] {
            assert!(text.parse::<Cron>().is_err(), "{text:?}");
        }
        assert_eq!("0 0 31 2 *".parse::<Cron>(), Err(CronError::Never));
        assert_eq!("* ".repeat(300).parse::<Cron>(), Err(CronError::TooLong));
    }

    #[test]
    fn it_prints_as_it_was_written() {
        let text = cron("  0 2   * * Mon ").to_string();
        assert_eq!(text, "0 2 * * Mon");
        assert_eq!(cron(&text).to_string(), text);
    }

    fn field(kind: &'static Kind) -> impl Strategy<Value = String> {
        let number = kind.least..=kind.most;
        prop_oneof![
            3 => Just("*".to_owned()),
            1 => (2..9_u64).prop_map(|step| format!("*/{step}")),
            2 => number.clone().prop_map(|number| number.to_string()),
            1 => (number.clone(), number.clone())
                .prop_map(|(one, two)| format!("{}-{}", one.min(two), one.max(two))),
            1 => (number.clone(), number).prop_map(|(one, two)| format!("{one},{two}")),
        ]
    }

    proptest! {
        /// Against a search minute by minute, which reads the fields in another way.
        #[test]
        fn no_time_is_missed_and_none_is_too_many(
            fields in (field(&KINDS[0]), field(&KINDS[1]), field(&KINDS[2]), field(&KINDS[3]), field(&KINDS[4])),
            after in 0_u64..4_102_444_800,
        ) {
            let (minute, hour, day, month, weekday) = fields;
            let text = format!("{minute} {hour} {day} {month} {weekday}");
            let Ok(cron) = text.parse::<Cron>() else { return Ok(()) };
            let next = cron.next_after(after).unwrap();
            prop_assert!(next > after && next % 60 == 0);
            let fits = |time: u64| {
                let date = OffsetDateTime::from_unix_timestamp(time.try_into().unwrap()).unwrap();
                let has = |field: &str, number: u8, most: u8| field.split(',').any(|part| {
                    let (range, step) = part.split_once('/').unwrap_or((part, "1"));
                    let (least, last) = match range {
                        "*" if most == 31 || most == 12 => (1, most),
                        "*" => (0, most),
                        _ => {
                            let (one, two) = range.split_once('-').unwrap_or((range, range));
                            (one.parse().unwrap(), two.parse().unwrap())
                        }
                    };
                    (least..=last).contains(&number) && (number - least).is_multiple_of(step.parse::<u8>().unwrap())
                });
                let of_week = date.weekday().number_days_from_sunday();
                let in_month = has(&day, date.day(), 31);
                let in_week = has(&weekday, of_week, 7) || (of_week == 0 && has(&weekday, 7, 7));
                let on_day = if day == "*" || weekday == "*" { in_month && in_week } else { in_month || in_week };
                has(&minute, date.minute(), 59) && has(&hour, date.hour(), 23) && on_day
                    && has(&month, date.month().into(), 12)
            };
            prop_assert!(fits(next), "{text}: {next}");
            // All minutes up to it, or those of the last ten days before it.
            let first = (after / 60 + 1).max((next / 60).saturating_sub(14_400));
            prop_assert!((first..next / 60).all(|minute| !fits(minute * 60)), "{text}: before {next}");
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-*/,?0-9a-z ]{0,40}") {
            if let Ok(cron) = text.parse::<Cron>() {
                prop_assert!(cron.next_after(0).is_some());
            }
        }
    }
}
