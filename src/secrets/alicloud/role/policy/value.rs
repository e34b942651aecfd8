//! What the checks of statements and of conditions share.

use super::finding::{Checked, Findings, Problem};
use crate::framework::Excerpt;
use crate::framework::json::{Content, Member, Node, invisible};

/// What nobody means in a string of a policy.
pub(super) fn check_text(text: &str, node: &Node<'_>, findings: &mut Findings) {
    if let Some(character) = text.chars().find(|c| invisible(*c).is_some()) {
        findings.warn(node.start, Problem::InvisibleInString(text.to_owned(), character));
    } else if text.trim() != text {
        findings.warn(node.start, Problem::Blanks(text.to_owned()));
    }
    let inside_brackets = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    if inside_brackets.is_some_and(|(name, _)| !name.is_empty() && !name.contains(['<', '/', '*'])) {
        findings.warn(node.start, Problem::Placeholder(text.to_owned()));
    }
    if text.contains("***") {
        findings.warn(node.start, Problem::HiddenDigits(text.to_owned()));
    }
}

pub(super) fn object<'d, 't>(
    node: &'d Node<'t>,
    expected: &'static str,
    findings: &Findings,
) -> Checked<&'d [Member<'t>]> {
    match node.members() {
        Some(members) => Ok(members),
        None => wrong_type(node, expected, findings),
    }
}

/// A value for a message.
pub(super) fn shown(node: &Node<'_>) -> String {
    match &node.content {
        Content::String(text) => format!("{:?}", Excerpt(text)),
        Content::Array(_) | Content::Object(_) => node.type_name().to_owned(),
        Content::Null | Content::Bool(_) | Content::Number => Excerpt(node.text).to_string(),
    }
}

pub(super) fn wrong_type<T>(node: &Node<'_>, expected: &'static str, findings: &Findings) -> Checked<T> {
    let got = node.type_name();
    findings.refuse(node.start, Problem::Type { expected, got })
}
