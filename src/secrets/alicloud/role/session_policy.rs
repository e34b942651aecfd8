//! The forms in which clients send `session_policy`, to a role and to a request for credentials.

use std::fmt::Display;

use serde_json::Value;

use crate::framework::Error;
use crate::framework::json::{Content, Node, parse_text};
use crate::secrets::alicloud::role::policy::{MAX_SESSION_BYTES, PolicyDocument};

const FIELD: &str = "session_policy";

/// Reads one policy document, as text or as JSON; a blank is none. `given` is the JSON that was sent, as text.
///
/// # Errors
/// What is not understood or refused by STS, with its place: in the text, if it came as text.
pub(in crate::secrets::alicloud) fn session_policy(given: &Value) -> Result<Option<PolicyDocument>, Error> {
    let node = json(given.as_str().unwrap_or_default())?;
    match &node.content {
        Content::Null => Ok(None),
        Content::String(text) if matches!(text.trim(), "" | "null") => Ok(None),
        Content::String(text) => document(&json(text)?, Some(text)).map(Some),
        _ => document(&node, None).map(Some),
    }
}

fn json(text: &str) -> Result<Node<'_>, Error> {
    parse_text(FIELD, text).map_err(refused)
}

fn document(node: &Node<'_>, text: Option<&str>) -> Result<PolicyDocument, Error> {
    PolicyDocument::new(node, MAX_SESSION_BYTES).map_err(|finding| refused(finding.shown(1, text)))
}

fn refused(reason: impl Display) -> Error {
    Error::bad_request(format!("{FIELD}: {reason}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(sent: &Value) -> Result<Option<String>, String> {
        let read = session_policy(&Value::from(sent.to_string()));
        read.map(|policy| policy.map(|policy| policy.text()))
            .map_err(|error| error.to_string())
    }

    fn document(resource: &str) -> Value {
        json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:Get*", "Resource": resource}]})
    }

    #[test]
    fn a_document_comes_as_text_or_as_json() {
        let expected = document("*").to_string();
        for sent in [
            document("*"),
            document("*").to_string().into(),
            serde_json::to_string_pretty(&document("*")).unwrap().into(),
        ] {
            let text = read(&sent).unwrap().unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&text).unwrap().to_string(),
                expected
            );
        }
        for blank in [json!(null), json!(""), json!(" "), json!("null")] {
            assert_eq!(read(&blank), Ok(None), "{blank}");
        }
    }

    #[test]
    fn what_sts_refuses_is_refused_with_the_field_and_the_place() {
        let longest = 2048 - document("").to_string().len();
        assert!(read(&document(&"x".repeat(longest))).is_ok());
        for (sent, text) in [
            (
                document(&"x".repeat(longest + 1)),
                "takes up 2049 bytes without white space, RAM allows 2048",
            ),
            (json!("policy.json"), "policy.json"),
            (json!("{"), "not valid JSON"),
            (json!([document("*")]), "expected a policy document"),
            (json!(7), "expected a policy document"),
            (json!({"Version": "1"}), "\"Statement\" is missing"),
        ] {
            let refusal = read(&sent).unwrap_err();
            assert!(
                refusal.starts_with("session_policy: ") && refusal.contains(text),
                "{refusal}"
            );
        }
    }
}
