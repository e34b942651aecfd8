//! Values of the caller's identity in a document that somebody writes.

use crate::framework::Excerpt;
use crate::framework::json::{Content, Node};
use crate::secrets::identity::{SelectorError, Text, has_selectors};

/// Whether the strings of a document have selectors that are none, or names of members have any.
pub(super) fn check(json: &Node<'_>) -> Result<(), (usize, String)> {
    match &json.content {
        Content::Object(members) => members.iter().try_for_each(|member| {
            if has_selectors(&member.name) {
                let problem = format!(
                    "{:?}: values of the caller's identity are for strings, not for names",
                    Excerpt(&member.name)
                );
                return Err((member.start, problem));
            }
            check(&member.value)
        }),
        Content::Array(elements) => elements.iter().try_for_each(check),
        Content::String(text) if has_selectors(text) => {
            let text: Result<Text, SelectorError> = text.parse();
            text.map(|_| ()).map_err(|error| (json.start, error.to_string()))
        }
        Content::Null | Content::Bool(_) | Content::Number | Content::String(_) => Ok(()),
    }
}

/// Whether a string of a document has something.
pub(super) fn any(json: &Node<'_>, is_in: fn(&str) -> bool) -> bool {
    match &json.content {
        Content::Object(members) => members.iter().any(|member| any(&member.value, is_in)),
        Content::Array(elements) => elements.iter().any(|element| any(element, is_in)),
        Content::String(text) => is_in(text),
        Content::Null | Content::Bool(_) | Content::Number => false,
    }
}
