//! A RAM policy document, kept as text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::finding::{Finding, Problem};
use super::limits::MAX_DEPTH;
use super::{grammar, selectors};
use crate::framework::json::{Content, Node, parse};
use crate::framework::to_go_json;

/// A policy document as it is stored. Numbers keep their digits.
///
/// One that came from storage may break today's rules, and is kept all the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(in crate::secrets::alicloud) struct PolicyDocument(Box<RawValue>);

impl PolicyDocument {
    /// Takes a document that somebody writes now, in the form that Go plugins store: compact, members sorted by name,
    /// markup escaped. Without white space it may have so many bytes.
    ///
    /// # Errors
    /// The first thing for which RAM would refuse it.
    pub(in crate::secrets::alicloud::role) fn new(
        json: &Node<'_>,
        longest: usize,
    ) -> Result<Self, Box<Finding>> {
        grammar::check(json)?;
        if let Err((start, problem)) = selectors::check(json) {
            return Err(Box::new(Finding::of_whole(start, Problem::Selector(problem))));
        }
        let whole = |problem| Box::new(Finding::of_whole(json.start, problem));
        let text = |strings| rewritten(json, strings).ok_or_else(|| whole(Problem::TooDeep));
        let length = text(Strings::Plain)?.len();
        if length > longest {
            return Err(whole(Problem::TooLong { length, longest }));
        }
        // What is put together from JSON is JSON.
        let document = RawValue::from_string(text(Strings::AsGo)?);
        document.map(Self).map_err(|_| whole(Problem::TooDeep))
    }

    /// What is unusual, and may not be what was meant. `number` is the document's in the role.
    pub(in crate::secrets::alicloud::role) fn warnings(&self, number: usize) -> Vec<String> {
        let document = parse(self.0.get()).ok();
        let findings = document.and_then(|document| grammar::check(&document).ok());
        let findings = findings.unwrap_or_default();
        findings
            .iter()
            .map(|finding| finding.shown(number, None))
            .collect()
    }

    /// As it is stored.
    pub(super) fn stored(&self) -> &str {
        self.0.get()
    }

    /// The text that RAM gets: compact, without needless escapes.
    pub(in crate::secrets::alicloud) fn text(&self) -> String {
        let document = parse(self.0.get()).ok();
        document
            .and_then(|document| rewritten(&document, Strings::Plain))
            .unwrap_or_else(|| self.0.get().to_owned())
    }

    /// What a read shows. Numbers of more than 64 bits are rounded, as by the server and its clients.
    pub(in crate::secrets::alicloud::role) fn to_value(&self) -> Value {
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
fn rewritten(json: &Node<'_>, strings: Strings) -> Option<String> {
    let mut out = String::with_capacity(json.text.len());
    rewrite(json, strings, MAX_DEPTH, &mut out)?;
    Some(out)
}

fn rewrite(json: &Node<'_>, strings: Strings, deepest: usize, out: &mut String) -> Option<()> {
    match &json.content {
        Content::Object(members) => {
            let deepest = deepest.checked_sub(1)?;
            let members: BTreeMap<_, _> = members
                .iter()
                .map(|member| (&*member.name, &member.value))
                .collect();
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(name, strings, out)?;
                out.push(':');
                rewrite(member, strings, deepest, out)?;
            }
            out.push('}');
        }
        Content::Array(elements) => {
            let deepest = deepest.checked_sub(1)?;
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                rewrite(element, strings, deepest, out)?;
            }
            out.push(']');
        }
        Content::String(text) => write_string(text, strings, out)?,
        Content::Null | Content::Bool(_) | Content::Number => out.push_str(json.text),
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
mod tests;
