//! Coercion: from what callers send to the canonical form of a field's kind.
//!
//! Clients send numbers and booleans as text, single values for lists, and more. What is accepted is exactly what
//! `FieldData` of Vault's `framework` package accepts, which rests on "weak" decoding in `mapstructure`; a stricter
//! rule would break clients. Numbers reach a Go plugin as 64-bit floats; here an integer keeps its digits.

use serde_json::{Map, Number, Value};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use super::duration::{DurationError, parse_signed_duration, unsigned, within_range};
use super::field::FieldKind;
use super::go_json::reads_back;
use super::header::headers;
use super::pattern::is_name;

/// Why a value does not fit a kind. The value is never in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoerceError {
    /// A duration breaks its grammar.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// More than 64 bits can hold.
    #[error("the number is out of range")]
    Range,
    /// Text of the wrong form.
    #[error("expected {0}")]
    Syntax(&'static str),
    /// A JSON type that cannot be read as the kind.
    #[error("expected {wanted}, got {got}")]
    Type {
        /// What the kind wants.
        wanted: &'static str,
        /// The JSON type that came.
        got: &'static str,
    },
}

/// Reads a value as the given kind. None means that the value counts as not given: a null duration or time.
pub(super) fn coerce(kind: FieldKind, value: &Value) -> Result<Option<Value>, CoerceError> {
    let canonical = match kind {
        FieldKind::Bool => boolean(value)?.into(),
        FieldKind::CommaIntSlice => integers(value)?.into(),
        FieldKind::CommaStringSlice => comma_strings(value)?.into(),
        FieldKind::DurationSecond | FieldKind::SignedDurationSecond if value.is_null() => return Ok(None),
        FieldKind::DurationSecond => unsigned(seconds(value)?)?.as_secs().into(),
        FieldKind::Float => float(value)?,
        FieldKind::Header => headers(value)?,
        FieldKind::Int | FieldKind::Int64 => integer(value)?.into(),
        FieldKind::KvPairs => pairs(value)?.into(),
        FieldKind::LowercaseString => text(value)?.to_lowercase().into(),
        FieldKind::Map => object(value)?.into(),
        FieldKind::NameString => name(value)?.into(),
        FieldKind::SignedDurationSecond => seconds(value)?.into(),
        FieldKind::Slice => slice(value).into(),
        FieldKind::String => text(value)?.into(),
        FieldKind::StringSlice => strings(value)?.into(),
        FieldKind::Time if value.is_null() => return Ok(None),
        FieldKind::Time => time(value)?.into(),
    };
    // Handlers, and whoever reads what they store, would see something else.
    if !reads_back(&canonical, usize::MAX) {
        return Err(CoerceError::Syntax(
            "another name than the one that serde_json keeps for numbers",
        ));
    }
    Ok(Some(canonical))
}

pub(super) fn wrong_type<T>(wanted: &'static str, value: &Value) -> Result<T, CoerceError> {
    let got = match value {
        Value::Array(_) => "a list",
        Value::Bool(_) => "a boolean",
        Value::Null => "null",
        Value::Number(_) => "a number",
        Value::Object(_) => "an object",
        Value::String(_) => "a string",
    };
    Err(CoerceError::Type { wanted, got })
}

fn text(value: &Value) -> Result<String, CoerceError> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Bool(flag) => Ok(if *flag { "1" } else { "0" }.to_owned()),
        Value::Number(number) => decimal(number),
        Value::String(text) => Ok(text.clone()),
        Value::Array(_) | Value::Object(_) => wrong_type("a string", value),
    }
}

fn name(value: &Value) -> Result<String, CoerceError> {
    let text = text(value)?;
    let rule = "a name of letters, digits and underscores, with hyphens and dots inside only";
    if is_name(&text) {
        Ok(text)
    } else {
        Err(CoerceError::Syntax(rule))
    }
}

/// Decimal digits without an exponent.
fn decimal(number: &Number) -> Result<String, CoerceError> {
    if number.is_i64() || number.is_u64() {
        return Ok(number.to_string());
    }
    Ok(finite(number)?.to_string())
}

fn finite(number: &Number) -> Result<f64, CoerceError> {
    number
        .as_f64()
        .filter(|float| float.is_finite())
        .ok_or(CoerceError::Range)
}

fn boolean(value: &Value) -> Result<bool, CoerceError> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        Value::Number(number) => Ok(finite(number)? != 0.0),
        Value::String(text) => match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            _ => Err(CoerceError::Syntax("true or false")),
        },
        Value::Array(_) | Value::Object(_) => wrong_type("a boolean", value),
    }
}

fn integer(value: &Value) -> Result<i64, CoerceError> {
    match value {
        Value::Null => Ok(0),
        Value::Bool(flag) => Ok(i64::from(*flag)),
        Value::Number(number) => truncated(number),
        Value::String(text) if text.is_empty() => Ok(0),
        Value::String(text) => go_integer(text),
        Value::Array(_) | Value::Object(_) => wrong_type("an integer", value),
    }
}

/// Cuts a number towards zero.
fn truncated(number: &Number) -> Result<i64, CoerceError> {
    if let Some(integer) = number.as_i64() {
        return Ok(integer);
    }
    let whole = finite(number)?.trunc();
    if !(-TWO_TO_63..TWO_TO_63).contains(&whole) {
        return Err(CoerceError::Range);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole, and inside the range of i64"
    )]
    Ok(whole as i64)
}

/// An integer literal of Go: `10`, `-5`, `0x10`, `0b1`, `0o7`, `010` (octal), `1_000`.
fn go_integer(text: &str) -> Result<i64, CoerceError> {
    const SYNTAX: CoerceError = CoerceError::Syntax("an integer");
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)]
        .iter()
        .find_map(|(prefix, radix)| Some((*radix, lower.strip_prefix(prefix)?)));
    let plain = (if lower.starts_with('0') { 8 } else { 10 }, lower.as_str());
    let (radix, digits) = prefixed.unwrap_or(plain);
    // An underscore stands between digits, or between the prefix and a digit.
    let first_may_be_underscore = prefixed.is_some();
    let misplaced = digits.ends_with('_') || digits.contains("__");
    if misplaced || (digits.starts_with('_') && !first_may_be_underscore) {
        return Err(SYNTAX);
    }
    let digits: String = digits.chars().filter(|character| *character != '_').collect();
    if digits.is_empty() || !digits.chars().all(|character| character.is_digit(radix)) {
        return Err(SYNTAX);
    }
    let magnitude = i128::from_str_radix(&digits, radix).map_err(|_| CoerceError::Range)?;
    let signed = if text.starts_with('-') {
        -magnitude
    } else {
        magnitude
    };
    i64::try_from(signed).map_err(|_| CoerceError::Range)
}

fn float(value: &Value) -> Result<Value, CoerceError> {
    let float = match value {
        Value::Null => 0.0,
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        Value::Number(number) => finite(number)?,
        Value::String(text) if text.is_empty() => 0.0,
        Value::String(text) => go_float(text)?,
        Value::Array(_) | Value::Object(_) => return wrong_type("a number", value),
    };
    Number::from_f64(float)
        .map(Value::Number)
        .ok_or(CoerceError::Range)
}

/// A decimal number of Go: an optional sign, fraction and exponent, underscores between digits.
fn go_float(text: &str) -> Result<f64, CoerceError> {
    const SYNTAX: CoerceError = CoerceError::Syntax("a number");
    let allowed = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E' | b'_');
    if !text.bytes().all(allowed) {
        return Err(SYNTAX);
    }
    let between_digits = |part: &str| !part.is_empty() && !part.starts_with('_') && !part.ends_with('_');
    let numbers = text.split(|character: char| !character.is_ascii_digit() && character != '_');
    if text.contains("__") || !numbers.filter(|part| !part.is_empty()).all(between_digits) {
        return Err(SYNTAX);
    }
    let plain: String = text.chars().filter(|character| *character != '_').collect();
    plain.parse().map_err(|_| SYNTAX)
}

fn seconds(value: &Value) -> Result<i64, CoerceError> {
    match value {
        Value::Number(number) => Ok(within_range(truncated(number).ok())?),
        Value::String(text) => Ok(parse_signed_duration(text)?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => wrong_type("a duration", value),
    }
}

fn strings(value: &Value) -> Result<Vec<String>, CoerceError> {
    let elements = match value {
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::Object(object) if object.is_empty() => Vec::new(),
        Value::Object(_) => return wrong_type("a list of strings", value),
        Value::Array(elements) => elements.iter().map(text).collect::<Result<_, _>>()?,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![text(value)?],
    };
    Ok(elements.iter().map(|element| element.trim().to_owned()).collect())
}

fn comma_strings(value: &Value) -> Result<Vec<String>, CoerceError> {
    match value {
        Value::String(text) if !text.is_empty() => {
            Ok(text.split(',').map(|element| element.trim().to_owned()).collect())
        }
        _ => strings(value),
    }
}

fn integers(value: &Value) -> Result<Vec<i64>, CoerceError> {
    let element = |text: &str| if text.is_empty() { Ok(0) } else { go_integer(text) };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => text.split(',').map(element).collect(),
        Value::Object(object) if object.is_empty() => Ok(Vec::new()),
        Value::Object(_) => wrong_type("a list of integers", value),
        Value::Array(elements) => elements.iter().map(integer).collect(),
        Value::Bool(_) | Value::Number(_) => Ok(vec![integer(value)?]),
    }
}

fn slice(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Object(object) if object.is_empty() => Vec::new(),
        Value::Array(elements) => elements.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) | Value::String(_) => vec![value.clone()],
    }
}

/// An object, or a list of objects that are merged into one.
pub(super) fn object(value: &Value) -> Result<Map<String, Value>, CoerceError> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(object) => Ok(object.clone()),
        Value::Array(elements) => {
            let mut merged = Map::new();
            for element in elements {
                match element {
                    Value::Object(object) => merged.extend(object.clone()),
                    _ => return wrong_type("a list of objects", element),
                }
            }
            Ok(merged)
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => wrong_type("an object", value),
    }
}

fn pairs(value: &Value) -> Result<Map<String, Value>, CoerceError> {
    if matches!(value, Value::Bool(_) | Value::Number(_)) {
        return wrong_type("an object of strings", value);
    }
    if let Ok(object) = object(value) {
        return object
            .into_iter()
            .map(|(name, value)| Ok((name, text(&value)?.into())))
            .collect();
    }
    let listed = match value {
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(elements) => elements.iter().map(text).collect::<Result<_, _>>()?,
        _ => return wrong_type("an object of strings", value),
    };
    let pair = |text: &String| {
        let (name, value) =
            split_pair(text, '=').ok_or(CoerceError::Syntax("pairs of the form name=value"))?;
        Ok((name.to_owned(), Value::from(value)))
    };
    listed.iter().map(pair).collect()
}

/// Splits at the first separator; the name before it must not be empty.
pub(super) fn split_pair(text: &str, separator: char) -> Option<(&str, &str)> {
    text.split_once(separator).filter(|(name, _)| !name.is_empty())
}

/// RFC 3339, or seconds since 1970 as text. Numbers are refused: a Go plugin gets them as floats and refuses those.
fn time(value: &Value) -> Result<String, CoerceError> {
    const SYNTAX: CoerceError =
        CoerceError::Syntax("a time such as 2006-01-02T15:04:05Z, or seconds since 1970");
    let Value::String(text) = value else {
        return wrong_type("a time", value);
    };
    let moment = match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(moment) => moment,
        Err(_) => {
            let seconds = text.parse().map_err(|_| SYNTAX)?;
            OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| CoerceError::Range)?
        }
    };
    let moment = moment
        .checked_to_offset(UtcOffset::UTC)
        .ok_or(CoerceError::Range)?;
    moment.format(&Rfc3339).map_err(|_| CoerceError::Range)
}

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ALL: [FieldKind; 17] = [
        FieldKind::Bool,
        FieldKind::CommaIntSlice,
        FieldKind::CommaStringSlice,
        FieldKind::DurationSecond,
        FieldKind::Float,
        FieldKind::Header,
        FieldKind::Int,
        FieldKind::Int64,
        FieldKind::KvPairs,
        FieldKind::LowercaseString,
        FieldKind::Map,
        FieldKind::NameString,
        FieldKind::SignedDurationSecond,
        FieldKind::Slice,
        FieldKind::String,
        FieldKind::StringSlice,
        FieldKind::Time,
    ];

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    /// Each case is a kind, what is sent as JSON text, and what is read as JSON text.
    #[track_caller]
    fn reads(kind: FieldKind, cases: &[(&str, &str)]) {
        for (sent, expected) in cases {
            let read = coerce(kind, &parsed(sent));
            assert_eq!(read, Ok(Some(parsed(expected))), "{kind:?} {sent}");
        }
    }

    #[track_caller]
    fn refuses(kind: FieldKind, cases: &[&str]) {
        for sent in cases {
            assert!(coerce(kind, &parsed(sent)).is_err(), "{kind:?} {sent}");
        }
    }

    #[test]
    fn null_durations_and_times_are_not_given() {
        for kind in ALL {
            let absent = matches!(
                kind,
                FieldKind::DurationSecond | FieldKind::SignedDurationSecond | FieldKind::Time
            );
            let refused = kind == FieldKind::NameString;
            let read = coerce(kind, &Value::Null);
            assert_eq!((read == Ok(None), read.is_err()), (absent, refused), "{kind:?}");
        }
    }

    #[test]
    fn strings_take_every_scalar() {
        let cases = [
            ("null", r#""""#),
            (r#"" A ""#, r#"" A ""#),
            ("1.5", r#""1.5""#),
            ("1.0", r#""1""#),
            ("1e21", r#""1000000000000000000000""#),
            ("1e-7", r#""0.0000001""#),
            ("-5", r#""-5""#),
            ("9007199254740993", r#""9007199254740993""#),
            ("18446744073709551615", r#""18446744073709551615""#),
            ("true", r#""1""#),
            ("false", r#""0""#),
        ];
        reads(FieldKind::String, &cases);
        refuses(FieldKind::String, &["[]", "{}", r#"["a"]"#, "1e999"]);
    }

    #[test]
    fn lower_case_strings_are_folded_and_not_trimmed() {
        reads(
            FieldKind::LowercaseString,
            &[(r#"" AbÉ ""#, r#"" abé ""#), ("null", r#""""#), ("1", r#""1""#)],
        );
        refuses(FieldKind::LowercaseString, &["[]", "{}"]);
    }

    #[test]
    fn names_have_a_grammar() {
        reads(
            FieldKind::NameString,
            &[(r#""a.b-c""#, r#""a.b-c""#), ("7", r#""7""#), ("true", r#""1""#)],
        );
        refuses(
            FieldKind::NameString,
            &["null", r#""""#, r#""-a""#, r#""a b""#, r#""é""#, "-7", "[]", "{}"],
        );
    }

    #[test]
    fn integers_are_go_literals() {
        let cases = [
            ("null", "0"),
            (r#""""#, "0"),
            (r#""10""#, "10"),
            (r#""-5""#, "-5"),
            (r#""+5""#, "5"),
            (r#""0x10""#, "16"),
            (r#""0X_fF""#, "255"),
            (r#""010""#, "8"),
            (r#""0o10""#, "8"),
            (r#""0_10""#, "8"),
            (r#""0""#, "0"),
            (r#""0b1""#, "1"),
            (r#""1_000""#, "1000"),
            (r#""-9223372036854775808""#, "-9223372036854775808"),
            ("1.9", "1"),
            ("-1.9", "-1"),
            ("1e3", "1000"),
            ("9007199254740993", "9007199254740993"),
            ("true", "1"),
            ("false", "0"),
        ];
        reads(FieldKind::Int, &cases);
        reads(FieldKind::Int64, &cases);
        let bad = [
            r#"" 1""#,
            r#""1 ""#,
            r#""1.5""#,
            r#""1h""#,
            r#""1e3""#,
            r#""08""#,
            r#""0x""#,
            r#""0xx1""#,
            r#""0b2""#,
            r#""_1""#,
            r#""1_""#,
            r#""1__0""#,
            r#""-""#,
            r#""+-1""#,
            r#""x""#,
            r#""９""#,
            r#""9223372036854775808""#,
            r#""99999999999999999999999999999999999999999999""#,
            "9223372036854775808",
            "1e19",
            "1e999",
            "[]",
            "{}",
            "[1]",
        ];
        refuses(FieldKind::Int, &bad);
    }

    #[test]
    fn booleans_are_read_as_go_reads_them() {
        for text in ["1", "t", "T", "TRUE", "true", "True"] {
            assert_eq!(
                coerce(FieldKind::Bool, &json!(text)),
                Ok(Some(json!(true))),
                "{text}"
            );
        }
        for text in ["", "0", "f", "F", "FALSE", "false", "False"] {
            assert_eq!(
                coerce(FieldKind::Bool, &json!(text)),
                Ok(Some(json!(false))),
                "{text}"
            );
        }
        let cases = [
            ("null", "false"),
            ("0", "false"),
            ("0.1", "true"),
            ("-1", "true"),
            ("true", "true"),
        ];
        reads(FieldKind::Bool, &cases);
        refuses(
            FieldKind::Bool,
            &[r#""yes""#, r#""on""#, r#""tRUE""#, r#"" true""#, "[]", "{}"],
        );
    }

    #[test]
    fn durations_are_seconds() {
        let cases = [
            (r#""""#, "0"),
            (r#""90""#, "90"),
            (r#""1h30m""#, "5400"),
            (r#""1d""#, "86400"),
            ("90", "90"),
            ("1.9", "1"),
            ("-0.5", "0"),
            (r#""-500ms""#, "0"),
            ("9223372036", "9223372036"),
        ];
        reads(FieldKind::DurationSecond, &cases);
        reads(FieldKind::SignedDurationSecond, &cases);
        reads(
            FieldKind::SignedDurationSecond,
            &[("-5", "-5"), (r#""-1h""#, "-3600"), ("-1.9", "-1")],
        );
        let bad = ["true", "[]", "{}", "9223372037", "1e300", r#""1w""#, r#"" 1h""#];
        refuses(FieldKind::DurationSecond, &bad);
        refuses(FieldKind::SignedDurationSecond, &bad);
        refuses(FieldKind::DurationSecond, &["-1", r#""-1s""#]);
    }

    #[test]
    fn a_string_slice_does_not_split() {
        let cases = [
            ("null", "[]"),
            (r#""""#, "[]"),
            (r#"" a, b ""#, r#"["a, b"]"#),
            (r#"" ""#, r#"[""]"#),
            ("1.5", r#"["1.5"]"#),
            ("true", r#"["1"]"#),
            (r#"[" a ", null, true, 2]"#, r#"["a", "", "1", "2"]"#),
            ("{}", "[]"),
            ("[]", "[]"),
        ];
        reads(FieldKind::StringSlice, &cases);
        refuses(FieldKind::StringSlice, &[r#"{"a": 1}"#, "[[]]", "[{}]"]);
    }

    #[test]
    fn a_comma_slice_splits_text_only() {
        let cases = [
            ("null", "[]"),
            (r#""""#, "[]"),
            (r#"" a, b ,,c""#, r#"["a", "b", "", "c"]"#),
            (r#""[\"a\",\"b\"]""#, r#"["[\"a\"", "\"b\"]"]"#),
            (r#"["a,b", " c"]"#, r#"["a,b", "c"]"#),
            ("5", r#"["5"]"#),
            ("{}", "[]"),
        ];
        reads(FieldKind::CommaStringSlice, &cases);
        refuses(FieldKind::CommaStringSlice, &[r#"{"a": 1}"#, "[[]]"]);
    }

    #[test]
    fn an_integer_slice_is_not_trimmed() {
        let cases = [
            ("null", "[]"),
            (r#""""#, "[]"),
            (r#""1,0x2,,3""#, "[1, 2, 0, 3]"),
            ("1.9", "[1]"),
            ("true", "[1]"),
            (r#"["7", 8.5, null]"#, "[7, 8, 0]"),
            ("{}", "[]"),
        ];
        reads(FieldKind::CommaIntSlice, &cases);
        refuses(
            FieldKind::CommaIntSlice,
            &[r#""1, 2""#, r#""a""#, r#"["1,2"]"#, r#"{"a": 1}"#, "[[]]"],
        );
    }

    #[test]
    fn a_slice_lifts_single_values() {
        let cases = [
            ("null", "[]"),
            (r#""""#, r#"[""]"#),
            (r#"" s ""#, r#"[" s "]"#),
            ("1.50", "[1.50]"),
            ("true", "[true]"),
            (r#"[1, null, {"a": []}]"#, r#"[1, null, {"a": []}]"#),
            (r#"{"a": 1}"#, r#"[{"a": 1}]"#),
            ("{}", "[]"),
        ];
        reads(FieldKind::Slice, &cases);
    }

    #[test]
    fn a_map_may_come_in_parts() {
        let cases = [
            ("null", "{}"),
            ("[]", "{}"),
            (r#"[{"a": 1}, {"b": 2, "a": 3}]"#, r#"{"a": 3, "b": 2}"#),
            (r#"{"a": null}"#, r#"{"a": null}"#),
        ];
        reads(FieldKind::Map, &cases);
        refuses(
            FieldKind::Map,
            &[r#""a""#, r#""""#, "1", "true", "[1]", r#"[{}, "a"]"#],
        );
    }

    #[test]
    fn pairs_are_objects_or_texts() {
        let cases = [
            ("null", "{}"),
            ("[]", "{}"),
            (r#""a=b=c""#, r#"{"a": "b=c"}"#),
            (r#"["a=1", "b="]"#, r#"{"a": "1", "b": ""}"#),
            (r#"[{"a": 1}, {"b": 2}]"#, r#"{"a": "1", "b": "2"}"#),
            (
                r#"{"a": null, "b": true, "c": 1.5, "d": "x"}"#,
                r#"{"a": "", "b": "1", "c": "1.5", "d": "x"}"#,
            ),
        ];
        reads(FieldKind::KvPairs, &cases);
        let bad = [
            r#""a""#,
            r#""=a""#,
            "1",
            "true",
            r#"["a"]"#,
            r#"{"a": []}"#,
            r#"{"a": {}}"#,
            r#"[{"a": {}}]"#,
            r#""$serde_json::private::Number=1""#,
        ];
        refuses(FieldKind::KvPairs, &bad);
    }

    #[test]
    fn floats_are_decimal() {
        let cases = [
            ("null", "0.0"),
            (r#""""#, "0.0"),
            (r#""010""#, "10.0"),
            (r#""-1.5e3""#, "-1500.0"),
            (r#""1_000.5""#, "1000.5"),
            (r#"".5""#, "0.5"),
            ("2.5", "2.5"),
            ("true", "1.0"),
        ];
        reads(FieldKind::Float, &cases);
        let bad = [
            r#"" 1""#,
            r#""inf""#,
            r#""NaN""#,
            r#""0x1p3""#,
            r#""_1""#,
            r#""1_""#,
            r#""1__0""#,
            r#""1_.5""#,
            r#""1e""#,
            r#""1e999""#,
            r#"".""#,
            r#""e""#,
            "[]",
            "{}",
        ];
        refuses(FieldKind::Float, &bad);
    }

    #[test]
    fn times_are_kept_in_utc() {
        let cases = [
            (r#""2024-01-02T03:04:05Z""#, r#""2024-01-02T03:04:05Z""#),
            (
                r#""2024-01-02T03:04:05.25+02:00""#,
                r#""2024-01-02T01:04:05.25Z""#,
            ),
            (r#""1700000000""#, r#""2023-11-14T22:13:20Z""#),
            (r#""-1""#, r#""1969-12-31T23:59:59Z""#),
        ];
        reads(FieldKind::Time, &cases);
        let bad = [
            r#""""#,
            r#""2024-01-02""#,
            r#""99999999999999""#,
            "1700000000",
            "true",
            "[]",
            "{}",
        ];
        refuses(FieldKind::Time, &bad);
    }

    #[test]
    fn no_refusal_tells_the_value() {
        let values = [
            json!("s3cret"),
            json!(["s3cret"]),
            json!({"s3cret": "s3cret"}),
            json!([["s3cret"]]),
        ];
        for (kind, value) in ALL
            .iter()
            .flat_map(|kind| values.iter().map(move |value| (*kind, value)))
        {
            if let Err(error) = coerce(kind, value) {
                assert!(!format!("{error} {error:?}").contains("s3cret"), "{kind:?}");
            }
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            "[-+_0-9a-fxobe.,:= hmsTZ]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((".{0,4}", inner), 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// A default is kept in its canonical form, so what is canonical must stay as it is.
        #[test]
        fn what_is_canonical_stays(value in any_value(), kind in 0..ALL.len()) {
            if let Ok(Some(canonical)) = coerce(ALL[kind], &value) {
                prop_assert_eq!(coerce(ALL[kind], &canonical), Ok(Some(canonical)));
            }
        }
    }
}
