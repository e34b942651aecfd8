//! Headers that must not be believed or sent on.

use serde_json::json;

use super::*;
use crate::auth::alicloud::signed_request::refusal::Shown;

#[test]
fn fields_that_are_no_headers() {
    let field = "identity_request_headers";
    let form = Refusal::HeaderForm;
    let text = object(&v3_headers()).to_string();
    let long = "a".repeat(FIELD_LIMIT);
    let many = |count: usize| {
        Value::Object(
            (0..count)
                .map(|n| (format!("h{n}"), json!("")))
                .collect::<Map<_, _>>(),
        )
    };
    let value = |name| Refusal::HeaderValueForm(Shown::new(name));
    for (what, headers, expected) in [
        ("a number", json!(1), form.clone()),
        ("a truth value", json!(true), form.clone()),
        ("null", json!(null), Refusal::MissingHeaders),
        ("a blank text", json!(" \n"), Refusal::MissingHeaders),
        ("an empty object", json!({}), Refusal::NoSignature),
        (
            "no base64",
            json!("x-acs-action:GetCallerIdentity"),
            Refusal::Base64 { field },
        ),
        ("base64 of no JSON", json!(b64("x")), form.clone()),
        (
            "base64 of bytes",
            json!(STANDARD.encode([0xff])),
            Refusal::Base64 { field },
        ),
        ("base64 twice", json!(b64(&b64(&text))), form.clone()),
        ("base64 of a list", json!(b64("[]")), form.clone()),
        ("broken JSON", json!("{\"a\":"), form.clone()),
        ("two documents", json!(format!("{text}{text}")), form.clone()),
        ("a line without a colon", json!(["a"]), form.clone()),
        ("a list in a list", json!([["a:b"]]), form.clone()),
        ("deep text", json!(format!("{{\"a\":{}", "[".repeat(9000))), form),
        ("a nested value", json!({"a": [["b"]]}), value("a")),
        ("an object as value", json!({"a": {"b": "c"}}), value("a")),
        (
            "a number in disguise",
            json!({"a": {"$serde_json::private::Number": "1"}}),
            value("a"),
        ),
        ("null as value", json!({"a": null}), value("a")),
        ("a truth value as value", json!({"a": true}), value("a")),
        ("an empty name", json!({"": "b"}), Refusal::HeaderName),
        ("a name with a space", json!({"a b": "c"}), Refusal::HeaderName),
        (
            "a name with a line break",
            json!({"a\r\nHost": "evil"}),
            Refusal::HeaderName,
        ),
        ("a name with a colon", json!({"a:b": "c"}), Refusal::HeaderName),
        (
            "a pseudo header",
            json!({":authority": "evil.example"}),
            Refusal::HeaderName,
        ),
        ("a name beyond ASCII", json!({"é": "c"}), Refusal::HeaderName),
        ("too many", many(COUNT_LIMIT + 1), Refusal::TooManyHeaders),
        (
            "too many, as text",
            json!(many(1000).to_string()),
            Refusal::TooManyHeaders,
        ),
        ("too long", json!({"a": long}), Refusal::FieldTooLong(field)),
        (
            "too long together",
            json!({"a": vec!["b".repeat(5000); 4]}),
            Refusal::FieldTooLong(field),
        ),
        (
            "too long as text",
            json!(format!("{{\"a\":\"{long}\"}}")),
            Refusal::FieldTooLong(field),
        ),
        (
            "too long as base64",
            json!(b64(&format!("{{\"a\":\"{long}\"}}"))),
            Refusal::FieldTooLong(field),
        ),
        (
            "far too long as base64",
            json!("A".repeat(1 << 20)),
            Refusal::FieldTooLong(field),
        ),
        (
            "too long as lines",
            json!([format!("a:{long}")]),
            Refusal::FieldTooLong(field),
        ),
    ] {
        assert_eq!(v3(&headers), expected, "{what}");
    }
}

#[test]
fn names_and_values_that_are_doubled() {
    let text = object(&v3_headers()).to_string();
    let inside = text.strip_prefix('{').unwrap();
    let doubled = |name| Refusal::DuplicateHeader(Shown::new(name));
    let mut lines: Vec<_> = v3_headers()
        .iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    lines.push("x-acs-version:2015-04-01".into());
    let listed = |name: &str, value: Value| {
        let mut headers = object(&v3_headers());
        headers[name] = value;
        headers
    };
    for (what, headers, expected) in [
        (
            "in another letter case",
            with("X-Acs-Action", "AssumeRole"),
            doubled("x-acs-action"),
        ),
        (
            "the signature",
            listed("AUTHORIZATION", json!("x")),
            doubled("authorization"),
        ),
        (
            "in JSON text",
            json!(format!("{{\"x-acs-action\":\"AssumeRole\",{inside}")),
            doubled("x-acs-action"),
        ),
        (
            "in base64",
            json!(b64(&format!("{{\"host\":\"evil.example\",{inside}"))),
            doubled("host"),
        ),
        ("in lines", json!(lines), doubled("x-acs-version")),
        (
            "two values",
            listed("x-acs-action", json!(["GetCallerIdentity", "AssumeRole"])),
            Refusal::HeaderValues(Shown::new("x-acs-action")),
        ),
        (
            "two equal values",
            listed("host", json!(["h", "h"])),
            Refusal::HeaderValues(Shown::new("host")),
        ),
        (
            "no value",
            listed("x-acs-date", json!([])),
            Refusal::HeaderValues(Shown::new("x-acs-date")),
        ),
    ] {
        assert_eq!(v3(&headers), expected, "{what}");
    }
}
