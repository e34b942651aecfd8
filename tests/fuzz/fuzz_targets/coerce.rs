//! Fields: what a caller may send for each kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use vault_plugin_alicloud::fuzzing::framework::{Field, FieldKind, FieldValues, parse_duration};
use vault_plugin_alicloud_fuzz::{check_text, holds_secret};

const KINDS: [FieldKind; 9] = [
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

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let json: Option<Value> = serde_json::from_str(text).ok();
    for kind in KINDS {
        let plain = check(kind, &Value::from(text));
        let Some(json) = &json else { continue };
        let in_body = check(kind, json);
        // What the path says wins, and the body is then not even read.
        let (in_path, replaced) = collect(kind, json, &[("field", text)]);
        assert_eq!(in_path, plain, "{kind:?}");
        assert_eq!(replaced, in_path.is_ok() && !json.is_null());
        let _ = in_body;
    }
});

/// The canonical form, which must be that of the kind, and its own canonical form.
fn check(kind: FieldKind, value: &Value) -> Result<Option<Value>, String> {
    let (read, _) = collect(kind, value, &[]);
    match &read {
        Ok(Some(canonical)) => {
            assert!(is_canonical(kind, canonical), "{kind:?} {canonical}");
            let again = collect(kind, canonical, &[]).0;
            assert_eq!(again.as_ref(), Ok(&Some(canonical.clone())), "{kind:?}");
        }
        Ok(None) => assert!(value.is_null(), "{kind:?} {value}"),
        Err(text) => {
            check_text(text);
            // The value may be a secret in the wrong field.
            assert!(text.len() < 256 && !holds_secret(text.as_bytes()), "{text}");
        }
    }
    if let (FieldKind::DurationSecond, Value::String(text)) = (kind, value) {
        let seconds = parse_duration(text).map(|length| Some(Value::from(length.as_secs())));
        assert_eq!(read.as_ref().ok(), seconds.as_ref().ok());
    }
    read
}

/// The value of a field, and whether the body's was replaced by the path's.
fn collect(
    kind: FieldKind,
    value: &Value,
    captures: &[(&'static str, &str)],
) -> (Result<Option<Value>, String>, bool) {
    let data = Map::from_iter([("field".to_owned(), value.clone())]);
    match FieldValues::collect(&[Field::new("field", kind)], &data, "", captures) {
        Ok(collected) => {
            assert!(collected.ignored.is_empty());
            let mut values: Map<String, Value> = collected.values.parse().expect("values are values");
            let value = values.remove("field");
            assert_eq!(collected.values.given("field"), value.is_some());
            (Ok(value), !collected.replaced.is_empty())
        }
        Err(error) => (Err(error.to_string()), false),
    }
}

fn is_canonical(kind: FieldKind, value: &Value) -> bool {
    let all =
        |list: &Value, fits: fn(&Value) -> bool| list.as_array().is_some_and(|list| list.iter().all(fits));
    let each = |object: &Value, fits: fn(&Value) -> bool| {
        object.as_object().is_some_and(|map| map.values().all(fits))
    };
    match kind {
        FieldKind::Bool => value.is_boolean(),
        FieldKind::CommaStringSlice | FieldKind::StringSlice => all(value, |text| {
            text.as_str().is_some_and(|text| text.trim() == text)
        }),
        FieldKind::DurationSecond => value
            .as_u64()
            .is_some_and(|seconds| seconds <= i64::MAX as u64 / 1_000_000_000),
        FieldKind::Header => true,
        FieldKind::Int => value.is_i64(),
        FieldKind::KvPairs => each(value, Value::is_string),
        FieldKind::LowercaseString | FieldKind::String => value.is_string(),
    }
}
