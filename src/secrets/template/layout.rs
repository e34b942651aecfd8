//! The format of a time, in Go's way: the reference time 2006-01-02T15:04:05 as it is to be written.

use std::str::FromStr;

use time::OffsetDateTime;

use crate::secrets::template::error::TemplateError;
use crate::secrets::template::tokens::shown;

/// The format of a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout(Vec<Piece>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Text(char),
    Year,
    YearOfCentury,
    Month,
    MonthName,
    ShortMonthName,
    Day,
    WeekdayName,
    ShortWeekdayName,
    Hour,
    Minute,
    Second,
}

/// Longer ones before those that they begin with.
const PIECES: [(&str, Piece); 11] = [
    ("2006", Piece::Year),
    ("January", Piece::MonthName),
    ("Jan", Piece::ShortMonthName),
    ("Monday", Piece::WeekdayName),
    ("Mon", Piece::ShortWeekdayName),
    ("01", Piece::Month),
    ("02", Piece::Day),
    ("15", Piece::Hour),
    ("04", Piece::Minute),
    ("05", Piece::Second),
    ("06", Piece::YearOfCentury),
];

impl FromStr for Layout {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let known = PIECES.iter().find(|(piece, _)| rest.starts_with(piece));
            let (piece, length) = match known {
                Some((text, piece)) => (*piece, text.len()),
                // Go has more pieces, which are letters or digits; those two stand for themselves.
                None if c.is_alphanumeric() && !matches!(c, 'T' | 'Z') => {
                    return Err(TemplateError::Layout(shown(rest)));
                }
                None => (Piece::Text(c), c.len_utf8()),
            };
            pieces.push(piece);
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(Self(pieces))
    }
}

impl Layout {
    /// A time in this format.
    pub(super) fn format(&self, time: OffsetDateTime) -> String {
        let short = |name: String| name.chars().take(3).collect::<String>();
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(c) => c.to_string(),
            Piece::Year => format!("{:04}", time.year()),
            Piece::YearOfCentury => format!("{:02}", time.year().rem_euclid(100)),
            Piece::Month => format!("{:02}", u8::from(time.month())),
            Piece::MonthName => time.month().to_string(),
            Piece::ShortMonthName => short(time.month().to_string()),
            Piece::Day => format!("{:02}", time.day()),
            Piece::WeekdayName => time.weekday().to_string(),
            Piece::ShortWeekdayName => short(time.weekday().to_string()),
            Piece::Hour => format!("{:02}", time.hour()),
            Piece::Minute => format!("{:02}", time.minute()),
            Piece::Second => format!("{:02}", time.second()),
        });
        pieces.collect()
    }
}
