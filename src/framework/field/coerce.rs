//! Coercion: from what callers send to the canonical form of a field's kind.
//!
//! Clients send numbers and booleans as text, single values for lists, and more. What is accepted is exactly what
//! `FieldData` of Vault's `framework` package accepts, which rests on "weak" decoding in `mapstructure`; a stricter
//! rule would break clients. Numbers reach a Go plugin as 64-bit floats; here an integer keeps its digits.

use serde_json::{Map, Number, Value};

use crate::framework::duration::{parse_signed_duration, unsigned, within_range};
use crate::framework::field::kind::{CoerceError, FieldKind};

/// Reads a value as the given kind. None means that the value counts as not given: a null duration.
pub(super) fn coerce(kind: FieldKind, value: &Value) -> Result<Option<Value>, CoerceError> {
    Ok(Some(match kind {
        FieldKind::DurationSecond if value.is_null() => return Ok(None),
        FieldKind::Bool => boolean(value)?.into(),
        FieldKind::CommaStringSlice => comma_strings(value)?.into(),
        FieldKind::DurationSecond => unsigned(seconds(value)?)?.as_secs().into(),
        FieldKind::Header => value.clone(),
        FieldKind::Int => integer(value)?.into(),
        FieldKind::KvPairs => pairs(value)?.into(),
        FieldKind::LowercaseString => text(value)?.to_lowercase().into(),
        FieldKind::String => text(value)?.into(),
        FieldKind::StringSlice => strings(value)?.into(),
    }))
}

fn wrong_type<T>(wanted: &'static str, value: &Value) -> Result<T, CoerceError> {
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

/// An object, or a list of objects that are merged into one.
fn object(value: &Value) -> Result<Map<String, Value>, CoerceError> {
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
        let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) = pair.ok_or(CoerceError::Syntax("pairs of the form name=value"))?;
        Ok((name.to_owned(), Value::from(value)))
    };
    listed.iter().map(pair).collect()
}

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ALL: [FieldKind; 9] = [
        FieldKind::Bool,
        FieldKind::CommaStringSlice,
        FieldKind::DurationSecond,
        FieldKind::Header,
        FieldKind::Int,
        FieldKind::KvPairs,
        FieldKind::LowercaseString,
        FieldKind::String,
        FieldKind::StringSlice,
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
    fn only_a_null_duration_is_not_given() {
        for kind in ALL {
            let read = coerce(kind, &Value::Null).unwrap();
            assert_eq!(read.is_none(), kind == FieldKind::DurationSecond, "{kind:?}");
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
        refuses(FieldKind::String, &["[]", "{}", r#"["a"]"#]);
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
        let bad = ["true", "[]", "{}", "9223372037", "1e300", r#""1w""#, r#"" 1h""#];
        refuses(FieldKind::DurationSecond, &bad);
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
        ];
        refuses(FieldKind::KvPairs, &bad);
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
        #[test]
        fn what_is_canonical_stays(value in any_value(), kind in 0..ALL.len()) {
            if let Ok(Some(canonical)) = coerce(ALL[kind], &value) {
                prop_assert_eq!(coerce(ALL[kind], &canonical), Ok(Some(canonical)));
            }
        }
    }
}
