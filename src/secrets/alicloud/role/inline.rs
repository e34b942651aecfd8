//! The forms in which clients send `inline_policies`.

use std::fmt::Display;

use serde_json::Value;

use crate::cloud::random;
use crate::framework::json::{Content, Node, parse_text};
use crate::framework::{Error, Excerpt};
use crate::secrets::alicloud::role::policies::InlinePolicy;
use crate::secrets::alicloud::role::policy::{MAX_BYTES, PolicyDocument};

const FIELD: &str = "inline_policies";

/// Texts in texts that are followed: the field itself, and each element of a list (the CLI's `inline_policies=@a.json
/// inline_policies=@b.json`).
const TEXTS_IN_TEXTS: usize = 2;

/// Reads `inline_policies` in every form that clients send: a JSON list (as text, which is what the CLI and Terraform
/// send, or as JSON), of documents, of texts of either, or of the objects that a read shows; or a single one of these.
/// `given` is the JSON that was sent, as text.
///
/// # Errors
/// What is not understood or refused by RAM, with its place: in the text, if it came as text.
pub(super) fn inline_policies(given: &Value) -> Result<Vec<InlinePolicy>, Error> {
    let sent = given.as_str().unwrap_or_default();
    let node = text_of(sent, None)?;
    let mut policies = Vec::new();
    match &node.content {
        Content::Null => {}
        Content::String(text) if is_blank(text) => {}
        _ => Source {
            node: &node,
            text: None,
        }
        .read(TEXTS_IN_TEXTS, &mut policies)?,
    }
    Ok(policies)
}

fn is_blank(text: &str) -> bool {
    matches!(text.trim(), "" | "null")
}

/// A value, and the text that the caller wrote it in, if it was text.
#[derive(Clone, Copy)]
struct Source<'s> {
    node: &'s Node<'s>,
    text: Option<&'s str>,
}

impl Source<'_> {
    fn read(self, texts: usize, policies: &mut Vec<InlinePolicy>) -> Result<(), Error> {
        match &self.node.content {
            Content::Array(elements) => {
                for node in elements {
                    // A text in a list is the last that is followed.
                    Source { node, ..self }.read(texts.min(1), policies)?;
                }
                Ok(())
            }
            Content::String(text) if texts > 0 => {
                // A list of texts: which of them?
                let number = (texts < TEXTS_IN_TEXTS).then_some(policies.len() + 1);
                let node = text_of(text, number)?;
                let text = Some(&**text);
                Source { node: &node, text }.read(texts - 1, policies)
            }
            _ => {
                policies.push(self.policy(policies.len() + 1)?);
                Ok(())
            }
        }
    }

    fn policy(self, number: usize) -> Result<InlinePolicy, Error> {
        let Some(document) = self.node.member("policy_document") else {
            let document = self.document(number)?;
            return Ok(InlinePolicy {
                id: new_id()?,
                document,
            });
        };
        // What a read showed and comes back keeps its id.
        let mut id = None;
        for member in self.node.members().unwrap_or_default() {
            match (&*member.name, &member.value.content) {
                ("policy_document", _) | ("hash", Content::Null) => {}
                ("hash", Content::String(hash)) => id = Some(hash.to_string()).filter(|id| !id.is_empty()),
                ("hash", _) => {
                    let got = member.value.type_name();
                    return Err(refused(format!(
                        "document {number}, hash: expected a string, got {got}"
                    )));
                }
                (other, _) => {
                    return Err(refused(format!(
                        "document {number}: {:?} is not known beside \"policy_document\"; only \"hash\" is",
                        Excerpt(other)
                    )));
                }
            }
        }
        let id = id.map_or_else(new_id, Ok)?;
        let node = &document.value;
        let document = match &node.content {
            Content::String(text) => {
                let node = text_of(text, Some(number))?;
                let text = Some(&**text);
                Source { node: &node, text }.document(number)?
            }
            _ => Source { node, ..self }.document(number)?,
        };
        Ok(InlinePolicy { id, document })
    }

    fn document(self, number: usize) -> Result<PolicyDocument, Error> {
        PolicyDocument::new(self.node, MAX_BYTES).map_err(|finding| refused(finding.shown(number, self.text)))
    }
}

/// The JSON in a text, which may be one document of several.
fn text_of(text: &str, number: Option<usize>) -> Result<Node<'_>, Error> {
    parse_text(FIELD, text).map_err(|error| match number {
        Some(number) => refused(format!("document {number}: {error}")),
        None => refused(error),
    })
}

fn refused(reason: impl Display) -> Error {
    Error::bad_request(format!("{FIELD}: {reason}"))
}

/// 32 hexadecimal digits, as the Go plugin makes them.
fn new_id() -> Result<String, Error> {
    random::nonce().map_err(|error| Error::internal("the OS random source failed").with_source(error))
}

#[cfg(test)]
mod tests;
