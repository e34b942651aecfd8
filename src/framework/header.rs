//! HTTP headers as the value of a field.
//!
//! A login sends the headers of a signed request this way. What is accepted, and the form that names are kept in,
//! follows the header type of Vault's `framework` package and Go's `net/http`.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::coerce::{CoerceError, object, split_pair, wrong_type};

/// Headers come as an object, as the JSON text of one, as base64 of that, or as a list of `name:value`. The Vault CLI's
/// AliCloud login sends base64; API clients send all of them.
pub(super) fn headers(value: &Value) -> Result<Value, CoerceError> {
    if let Ok(object) = object(value) {
        return header_object(&object, NumbersInHeaders::Refused);
    }
    match value {
        Value::String(text) => {
            const SYNTAX: CoerceError = CoerceError::Syntax("a JSON object of headers, or base64 of one");
            // As in Go, line breaks inside base64 do not count.
            let unbroken = text.replace(['\r', '\n'], "");
            let json = LENIENT_BASE64
                .decode(unbroken)
                .unwrap_or_else(|_| text.clone().into_bytes());
            match serde_json::from_slice(&json) {
                Ok(Value::Object(object)) => header_object(&object, NumbersInHeaders::AsText),
                Ok(Value::Null) => Ok(Value::Object(Map::new())),
                _ => Err(SYNTAX),
            }
        }
        Value::Array(elements) => {
            let mut headers = Headers::default();
            for element in elements {
                let Value::String(text) = element else {
                    return wrong_type("a list of name:value strings", element);
                };
                let pair =
                    split_pair(text, ':').ok_or(CoerceError::Syntax("headers of the form name:value"))?;
                headers.add(pair.0, pair.1);
            }
            Ok(headers.into())
        }
        _ => wrong_type("an object of headers", value),
    }
}

/// Numbers are text where Go decodes them as text, and refused where it decodes them as floats.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NumbersInHeaders {
    AsText,
    Refused,
}

fn header_object(object: &Map<String, Value>, numbers: NumbersInHeaders) -> Result<Value, CoerceError> {
    let mut headers = Headers::default();
    for (name, values) in object {
        for value in values
            .as_array()
            .map_or(std::slice::from_ref(values), Vec::as_slice)
        {
            match value {
                Value::String(text) => headers.add(name, text),
                Value::Number(number) if numbers == NumbersInHeaders::AsText => {
                    headers.add(name, &number.to_string());
                }
                _ => return wrong_type("a string or a list of strings as a header's value", value),
            }
        }
    }
    Ok(headers.into())
}

#[derive(Default)]
struct Headers(Map<String, Value>);

impl Headers {
    fn add(&mut self, name: &str, value: &str) {
        let values = self
            .0
            .entry(canonical_header(name))
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            values.push(value.into());
        }
    }
}

impl From<Headers> for Value {
    fn from(headers: Headers) -> Self {
        Self::Object(headers.0)
    }
}

/// A header's name as Go's `http.Header` keeps it: `x-acs-date` is `X-Acs-Date`. A name with a character that no
/// header may have stays as it is.
fn canonical_header(name: &str) -> String {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(is_token) {
        return name.to_owned();
    }
    let mut starts_word = true;
    let fold = |character: char| {
        let folded = if starts_word {
            character.to_ascii_uppercase()
        } else {
            character.to_ascii_lowercase()
        };
        starts_word = character == '-';
        folded
    };
    name.chars().map(fold).collect()
}

/// Standard base64 with padding, as lenient about the last bits as Go's.
const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn headers_have_four_forms() {
        let base64 = LENIENT_BASE64.encode(r#"{"x-acs-date": ["d"], "a": "b", "n": 1.50}"#);
        let (first, second) = base64.split_at(20);
        let all = json!({"X-Acs-Date": ["d"], "A": ["b"], "N": ["1.50"]}).to_string();
        let cases = [
            ("null".to_owned(), "{}"),
            ("{}".to_owned(), "{}"),
            ("[]".to_owned(), "{}"),
            (
                r#"{"x-a": "1", "X-A": ["2", "3"], "e": []}"#.to_owned(),
                r#"{"X-A": ["2", "3", "1"]}"#,
            ),
            (
                r#"[{"a": "1"}, {"b": "2"}]"#.to_owned(),
                r#"{"A": ["1"], "B": ["2"]}"#,
            ),
            (json!(base64).to_string(), &all),
            (json!(format!("{first}\r\n{second}")).to_string(), &all),
            (r#""{\"a\": [\"b\", 2]}""#.to_owned(), r#"{"A": ["b", "2"]}"#),
            (r#"["a: b:c", "a:d"]"#.to_owned(), r#"{"A": [" b:c", "d"]}"#),
        ];
        for (sent, expected) in &cases {
            assert_eq!(headers(&parsed(sent)), Ok(parsed(expected)), "{sent}");
        }
        let bad = [
            r#""""#,
            r#""x""#,
            r#""[]""#,
            r#""{\"a\": true}""#,
            r#"{"a": 1}"#,
            r#"{"a": null}"#,
            r#"{"a": {}}"#,
            r#"{"a": [1]}"#,
            "1",
            "true",
            r#"["a"]"#,
            r#"[":a"]"#,
            "[1]",
            r#"["a:b", {}]"#,
        ];
        for sent in bad {
            assert!(headers(&parsed(sent)).is_err(), "{sent}");
        }
    }

    #[test]
    fn header_names_are_canonical_as_in_go() {
        let cases = [
            ("x-acs-date", "X-Acs-Date"),
            ("ACCEPT-encoding", "Accept-Encoding"),
            ("a--b-", "A--B-"),
            ("foo bar", "foo bar"),
            ("é-a", "é-a"),
            ("", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(canonical_header(name), expected);
        }
    }
}
