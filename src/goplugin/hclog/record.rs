//! One log record and its line.

use std::fmt;
use std::io::{self, Write as _};

use serde_json::{Map, Value};
use time::OffsetDateTime;

/// Longest text of one member, in bytes.
const LONGEST_TEXT: usize = 8 << 10;
/// The host reads lines of up to 64 KiB and cuts longer ones into pieces that it cannot parse.
const LONGEST_LINE: usize = 63 << 10;
const CUT: &str = "… (cut)";

/// A record in the making. The members that begin with `@` are strings, whatever the fields are called and hold.
#[derive(Debug)]
pub(super) struct Record {
    level: &'static str,
    module: &'static str,
    message: String,
    fields: Map<String, Value>,
}

impl Record {
    pub(super) fn new(level: &'static str, module: &'static str) -> Self {
        Self {
            level,
            module,
            message: String::new(),
            fields: Map::new(),
        }
    }

    /// Adds a field. The one called `message` is the record's message; names that begin with `@` belong to the format
    /// and get another first character.
    pub(super) fn field(&mut self, name: &str, value: Value) {
        let value = match value {
            Value::String(text) => Value::String(bounded(text)),
            value => value,
        };
        if name == "message" {
            self.message = match value {
                Value::String(text) => text,
                value => value.to_string(),
            };
            return;
        }
        let name = match name.strip_prefix('@') {
            Some(name) => format!("_{name}"),
            None => name.to_owned(),
        };
        self.fields.insert(name, value);
    }

    /// The line as of now, with its end.
    #[expect(
        clippy::disallowed_methods,
        reason = "a line of the log: nothing is decided by its time"
    )]
    pub(super) fn line(self) -> Vec<u8> {
        self.line_at(OffsetDateTime::now_utc())
    }

    fn line_at(mut self, now: OffsetDateTime) -> Vec<u8> {
        let mut line = self.json(now);
        if line.len() > LONGEST_LINE {
            self.fields = Map::new();
            self.fields.insert(
                "cut".to_owned(),
                Value::String("the record was too long".to_owned()),
            );
            line = self.json(now);
        }
        line.push(b'\n');
        line
    }

    fn json(&self, now: OffsetDateTime) -> Vec<u8> {
        let timestamp = Timestamp(now).to_string();
        let mut members = self.fields.clone();
        for (name, text) in [
            ("@level", self.level),
            ("@message", &self.message),
            ("@module", self.module),
            ("@timestamp", &timestamp),
        ] {
            members.insert(name.to_owned(), Value::String(text.to_owned()));
        }
        // Writes a map with string keys, which cannot fail; line breaks in texts are escaped.
        Value::Object(members).to_string().into_bytes()
    }
}

/// Writes a line to stderr in one call: lines of several tasks must not mix.
pub(super) fn stderr(line: &[u8]) {
    // Nobody is left to tell when this fails.
    let _ = io::stderr().lock().write_all(line);
}

fn bounded(mut text: String) -> String {
    if text.len() > LONGEST_TEXT {
        let mut end = LONGEST_TEXT - CUT.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(CUT);
    }
    text
}

/// A time in Go's layout, with exactly six digits of a fraction, as the host's parser demands.
pub(super) struct Timestamp(pub(super) OffsetDateTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.0;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            now.year(),
            u8::from(now.month()),
            now.day(),
            now.hour(),
            now.minute(),
            now.second(),
            now.microsecond()
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{Date, Month, Time};

    use super::*;

    #[test]
    fn the_line_is_what_go_hclog_writes() {
        let now = Date::from_calendar_date(2026, Month::January, 2).unwrap();
        let now = now
            .with_time(Time::from_hms_micro(15, 4, 5, 7).unwrap())
            .assume_utc();
        let mut record = Record::new("info", "alicloud");
        record.field("message", "a\nb".into());
        record.field("key", "value".into());
        assert_eq!(
            String::from_utf8(record.line_at(now)).unwrap(),
            "{\"@level\":\"info\",\"@message\":\"a\\nb\",\"@module\":\"alicloud\",\
             \"@timestamp\":\"2026-01-02T15:04:05.000007Z\",\"key\":\"value\"}\n"
        );
    }

    #[test]
    fn fields_cannot_take_the_place_of_the_formats_own() {
        let mut record = Record::new("info", "m");
        for name in ["@level", "@message", "@timestamp", "@module", "@@"] {
            record.field(name, 1.into());
        }
        record.field("message", 5.into());
        let line: Value = serde_json::from_slice(&record.line()).unwrap();
        assert_eq!(
            (&line["@level"], &line["@message"], &line["_level"]),
            (&"info".into(), &"5".into(), &1.into())
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = bounded("é".repeat(LONGEST_TEXT));
        assert!(text.len() <= LONGEST_TEXT && text.ends_with(CUT));
        assert_eq!(bounded("short".to_owned()), "short");
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            ".{0,40}".prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            (0usize..20_000).prop_map(|n| "\u{1}".repeat(n).into()),
        ]
    }

    proptest! {
        #[test]
        fn every_record_is_one_line_of_json_with_string_members(
            fields in proptest::collection::vec(("@?[a-z]{1,9}|message|.{0,9}", value()), 0..12)
        ) {
            let mut record = Record::new("debug", "m");
            for (name, value) in fields {
                record.field(&name, value);
            }
            let line = record.line();
            prop_assert!(line.len() <= LONGEST_LINE + 1);
            prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            prop_assert_eq!(line.last(), Some(&b'\n'));
            let value: Value = serde_json::from_slice(&line).unwrap();
            for (key, value) in value.as_object().unwrap() {
                prop_assert!(!key.starts_with('@') || value.is_string(), "{key}");
            }
            for key in ["@level", "@message", "@timestamp", "@module"] {
                prop_assert!(value[key].is_string());
            }
        }
    }
}
