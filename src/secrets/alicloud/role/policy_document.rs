//! A RAM policy document, kept as text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::framework::to_go_json;

/// The longest document that RAM takes (its metadata says characters in one place and bytes in another: bytes are
/// the stricter).
pub(in crate::secrets::alicloud) const MAX_BYTES: usize = 6144;

/// RAM's grammar needs seven levels. The stored role, which is around the document, must be readable as well.
const MAX_DEPTH: usize = 32;

/// A policy document as it is stored. Numbers keep their digits.
///
/// One that came from storage may break today's rules, and is kept all the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::secrets::alicloud) struct PolicyDocument(Box<RawValue>);

/// Why RAM would refuse a document.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(in crate::secrets::alicloud) enum PolicyDocumentError {
    #[error("a policy document is nested at most {MAX_DEPTH} levels deep")]
    TooDeep,
    #[error("a policy document must be a JSON object")]
    NotAnObject,
    #[error("a policy document needs a \"Statement\" list with at least one entry")]
    NoStatement,
    #[error("a policy document takes up {0} bytes, RAM allows {MAX_BYTES}")]
    TooLong(usize),
    #[error("a policy document needs \"Version\": \"1\"")]
    Version,
}

/// The members that every document has.
#[derive(Deserialize)]
struct Members {
    #[serde(rename = "Version", default)]
    version: Value,
    #[serde(rename = "Statement", default)]
    statement: Value,
}

impl PolicyDocument {
    /// The document in the form that Go plugins store: compact, members sorted by name, markup escaped.
    ///
    /// # Errors
    /// It is nested too deep.
    pub(super) fn new(json: &RawValue) -> Result<Self, PolicyDocumentError> {
        let text = rewritten(json, Strings::AsGo).ok_or(PolicyDocumentError::TooDeep)?;
        // What was put together from JSON is JSON.
        let json = RawValue::from_string(text).map_err(|_| PolicyDocumentError::TooDeep)?;
        Ok(Self(json))
    }

    /// Checks what RAM would check.
    pub(super) fn check(&self) -> Result<(), PolicyDocumentError> {
        if !self.0.get().starts_with('{') {
            return Err(PolicyDocumentError::NotAnObject);
        }
        let members: Members =
            serde_json::from_str(self.0.get()).map_err(|_| PolicyDocumentError::TooDeep)?;
        if members.version.as_str() != Some("1") {
            return Err(PolicyDocumentError::Version);
        }
        if members.statement.as_array().is_none_or(Vec::is_empty) {
            return Err(PolicyDocumentError::NoStatement);
        }
        let length = self.text().len();
        if length > MAX_BYTES {
            return Err(PolicyDocumentError::TooLong(length));
        }
        Ok(())
    }

    /// The text that RAM gets: compact, without needless escapes.
    pub(in crate::secrets::alicloud) fn text(&self) -> String {
        rewritten(&self.0, Strings::Plain).unwrap_or_else(|| self.0.get().to_owned())
    }

    /// What a read shows. Numbers of more than 64 bits are rounded, as by the server and its clients.
    pub(super) fn to_value(&self) -> Value {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }
}

impl PartialEq for PolicyDocument {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// How strings are written.
#[derive(Clone, Copy)]
enum Strings {
    AsGo,
    Plain,
}

/// The same JSON, compact and with sorted members. `None` where it is nested too deep.
fn rewritten(json: &RawValue, strings: Strings) -> Option<String> {
    let mut out = String::with_capacity(json.get().len());
    rewrite(json, strings, MAX_DEPTH, &mut out)?;
    Some(out)
}

fn rewrite(json: &RawValue, strings: Strings, deepest: usize, out: &mut String) -> Option<()> {
    match json.get().as_bytes().first() {
        Some(b'{') => {
            let deepest = deepest.checked_sub(1)?;
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(json.get()).ok()?;
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(&name, strings, out)?;
                out.push(':');
                rewrite(member, strings, deepest, out)?;
            }
            out.push('}');
        }
        Some(b'[') => {
            let deepest = deepest.checked_sub(1)?;
            let elements: Vec<&RawValue> = serde_json::from_str(json.get()).ok()?;
            out.push('[');
            for (at, element) in elements.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                rewrite(element, strings, deepest, out)?;
            }
            out.push(']');
        }
        Some(b'"') => write_string(&serde_json::from_str::<String>(json.get()).ok()?, strings, out)?,
        _ => out.push_str(json.get()),
    }
    Some(())
}

fn write_string(text: &str, strings: Strings, out: &mut String) -> Option<()> {
    let written = match strings {
        Strings::AsGo => String::from_utf8(to_go_json(&text).ok()?).ok()?,
        Strings::Plain => serde_json::to_string(text).ok()?,
    };
    out.push_str(written.trim_end());
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn document(json: &Value) -> Result<PolicyDocument, PolicyDocumentError> {
        PolicyDocument::new(&RawValue::from_string(json.to_string()).unwrap())
    }

    fn checked(json: &Value) -> Result<(), PolicyDocumentError> {
        document(json)?.check()
    }

    #[test]
    fn what_ram_would_refuse_is_refused() {
        let statement = json!([{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]);
        let long = "x".repeat(MAX_BYTES);
        let nested = (2..MAX_DEPTH).fold(json!([]), |inner, _| json!([inner]));
        for (document, refusal) in [
            (json!(null), PolicyDocumentError::NotAnObject),
            (json!([]), PolicyDocumentError::NotAnObject),
            (json!({"Statement": statement}), PolicyDocumentError::Version),
            (
                json!({"Version": 1, "Statement": statement}),
                PolicyDocumentError::Version,
            ),
            (json!({"Version": "1"}), PolicyDocumentError::NoStatement),
            (
                json!({"Version": "1", "Statement": []}),
                PolicyDocumentError::NoStatement,
            ),
            (
                json!({"Version": "1", "Statement": [nested]}),
                PolicyDocumentError::TooDeep,
            ),
            (
                json!({"Version": "1", "Statement": [long]}),
                PolicyDocumentError::TooLong(6176),
            ),
        ] {
            assert_eq!(checked(&document), Err(refusal));
        }
        assert_eq!(checked(&json!({"Version": "1", "Statement": statement})), Ok(()));
    }

    #[test]
    fn a_document_is_stored_as_go_stores_it_and_sent_plain() {
        let sent =
            " {\"b\" : [ -0, 1.50, 12345678901234567890.10 ],\n \"a\": \"<\\u0026\\/\u{fc}\", \"a b\": {} } ";
        let raw: Box<RawValue> = serde_json::from_str(sent).unwrap();
        let document = PolicyDocument::new(&raw).unwrap();
        assert_eq!(
            serde_json::to_string(&document).unwrap(),
            "{\"a\":\"\\u003c\\u0026/\u{fc}\",\"a b\":{},\"b\":[-0,1.50,12345678901234567890.10]}"
        );
        assert_eq!(
            document.text(),
            "{\"a\":\"<&/\u{fc}\",\"a b\":{},\"b\":[-0,1.50,12345678901234567890.10]}"
        );
    }

    proptest! {
        #[test]
        fn a_rewritten_document_means_the_same(keys in prop::collection::vec(".*", 0..4), text in ".*", n: i64) {
            let members = keys.into_iter().map(|key| (key, json!([text, n, {"x": null}])));
            let value = Value::Object(members.collect());
            let document = document(&value).unwrap();
            prop_assert_eq!(document.text(), value.to_string());
            prop_assert_eq!(document.to_value(), value);
        }
    }
}
