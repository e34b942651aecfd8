//! A RAM policy document, kept exact.

use serde::Serialize;
use serde_json::Value;

use crate::framework::reads_back;

/// The longest document that RAM takes (its metadata says characters in one place and bytes in another: bytes are
/// the stricter).
pub(super) const MAX_BYTES: usize = 6144;

/// RAM's grammar needs seven levels. The stored role, which is around the document, must be readable as well.
const MAX_DEPTH: usize = 32;

/// A policy document. Numbers keep their digits; members are sorted by name, as the Go plugin stores them.
///
/// One that came from storage may break today's rules, and is kept all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct PolicyDocument(Value);

/// Why RAM would refuse a document.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum PolicyDocumentError {
    #[error(
        "a policy document is nested at most {MAX_DEPTH} levels deep, and has no member of the name that serde_json keeps \
         for numbers"
    )]
    Form,
    #[error("a policy document must be a JSON object")]
    NotAnObject,
    #[error("a policy document needs a \"Statement\" list with at least one entry")]
    NoStatement,
    #[error("a policy document takes up {0} bytes, RAM allows {MAX_BYTES}")]
    TooLong(usize),
    #[error("a policy document needs \"Version\": \"1\"")]
    Version,
}

impl PolicyDocument {
    pub(super) fn new(value: Value) -> Self {
        Self(value)
    }

    /// Checks what RAM would check.
    pub(super) fn check(&self) -> Result<(), PolicyDocumentError> {
        let document = self.0.as_object().ok_or(PolicyDocumentError::NotAnObject)?;
        if document.get("Version").and_then(Value::as_str) != Some("1") {
            return Err(PolicyDocumentError::Version);
        }
        if document
            .get("Statement")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty)
        {
            return Err(PolicyDocumentError::NoStatement);
        }
        if !reads_back(&self.0, MAX_DEPTH) {
            return Err(PolicyDocumentError::Form);
        }
        let length = self.text().len();
        if length > MAX_BYTES {
            return Err(PolicyDocumentError::TooLong(length));
        }
        Ok(())
    }

    /// The text that RAM gets.
    pub(super) fn text(&self) -> String {
        self.0.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
                PolicyDocumentError::Form,
            ),
            (
                json!({"Version": "1", "Statement": [{"a": 1, "$serde_json::private::Number": 1}]}),
                PolicyDocumentError::Form,
            ),
            (
                json!({"Version": "1", "Statement": [long]}),
                PolicyDocumentError::TooLong(6176),
            ),
        ] {
            assert_eq!(PolicyDocument::new(document).check(), Err(refusal));
        }
        assert_eq!(
            PolicyDocument::new(json!({"Version": "1", "Statement": statement})).check(),
            Ok(())
        );
    }

    #[test]
    fn digits_survive() {
        let text = r#"{"Statement":[{"m":0.10,"n":12345678901234567890.10}],"Version":"1"}"#;
        let document = PolicyDocument::new(serde_json::from_str(text).unwrap());
        assert_eq!(document.text(), text);
    }
}
