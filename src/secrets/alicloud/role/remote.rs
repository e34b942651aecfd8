//! The forms in which clients send `remote_policies`.

use std::mem;

use serde_json::Value;

use crate::alicloud::ram::PolicyKind;
use crate::framework::json::{Content, FileName, Member, Node, parse_text};
use crate::framework::{Error, Excerpt};
use crate::secrets::alicloud::role::policies::RemotePolicy;

const FIELD: &str = "remote_policies";

const FORM: &str = "write name:<name>,type:<System or Custom> for each policy";

/// Texts in texts that are followed: the field itself, and each element of a list.
const TEXTS_IN_TEXTS: usize = 2;

/// Reads `remote_policies` in every form that clients send: texts of `name:X,type:Y`, each with one policy or several,
/// the objects that a read shows, lists of both, and JSON text of any of these. `given` is the JSON that was sent, as
/// text.
///
/// # Errors
/// What is not understood, and where.
pub(super) fn remote_policies(given: &Value) -> Result<Vec<RemotePolicy>, Error> {
    let sent = given.as_str().unwrap_or_default();
    let mut policies = Vec::new();
    let read = |policies: &mut Vec<_>| {
        let node = parse_text(FIELD, sent).map_err(|error| error.to_string())?;
        match &node.content {
            Content::Null => Ok(()),
            Content::String(text) if text.trim().is_empty() => Ok(()),
            _ => read(&node, TEXTS_IN_TEXTS, policies),
        }
    };
    read(&mut policies).map_err(|error| Error::bad_request(format!("{FIELD}: {error}")))?;
    Ok(policies)
}

fn read(node: &Node<'_>, texts: usize, policies: &mut Vec<RemotePolicy>) -> Result<(), String> {
    match &node.content {
        Content::Array(elements) => (1..).zip(elements).try_for_each(|(number, element)| {
            read(element, texts.min(1), policies).map_err(|error| format!("element {number}: {error}"))
        }),
        Content::String(text) if texts > 0 && plain(text).starts_with(['[', '{']) => {
            let node = parse_text(FIELD, text).map_err(|error| error.to_string())?;
            read(&node, texts - 1, policies)
        }
        Content::String(text) => pairs(plain(text), policies),
        Content::Object(members) => object(members).map(|policy| policies.push(policy)),
        Content::Null | Content::Bool(_) | Content::Number => {
            Err(format!("expected a policy, got {}: {FORM}", node.type_name()))
        }
    }
}

/// A text without what editors put before it.
fn plain(text: &str) -> &str {
    text.trim_start_matches('\u{feff}').trim_start()
}

/// A policy of which not everything is there yet.
#[derive(Default)]
struct Draft<'t> {
    name: Option<&'t str>,
    kind: Option<&'t str>,
}

/// `name:X,type:Y`, once or several times: a name or a type that is there already begins the next policy.
fn pairs(text: &str, policies: &mut Vec<RemotePolicy>) -> Result<(), String> {
    let place = format!(" in {:?}", Excerpt(text));
    let mut draft = Draft::default();
    let pairs = text.split([',', '\n']).map(str::trim);
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (key, value) = match pair.split_once(':') {
            Some((key, value)) if !value.contains(':') => (key.trim(), value.trim()),
            _ => {
                let pair_shown = Excerpt(pair);
                return Err(format!(
                    "unable to recognize pair {pair_shown:?}{place}: {}",
                    right(pair)
                ));
            }
        };
        let taken = match key {
            "name" => draft.name.is_some(),
            "type" => draft.kind.is_some(),
            _ => return Err(invalid_key(key, &place)),
        };
        if taken {
            policies.push(mem::take(&mut draft).finish(&place)?);
        }
        let slot = match key {
            "name" => &mut draft.name,
            _ => &mut draft.kind,
        };
        *slot = Some(value);
    }
    policies.push(draft.finish(&place)?);
    Ok(())
}

fn object(members: &[Member<'_>]) -> Result<RemotePolicy, String> {
    let mut draft = Draft::default();
    for Member { name, value, .. } in members {
        let slot = match &**name {
            "name" => &mut draft.name,
            "type" => &mut draft.kind,
            other => return Err(invalid_key(other, "")),
        };
        match value.as_str() {
            Some(text) => *slot = Some(text.trim()),
            None => return Err(format!("{name}: expected a string, got {}", value.type_name())),
        }
    }
    draft.finish("")
}

impl Draft<'_> {
    /// The policy; `place` says in which text it is.
    fn finish(self, place: &str) -> Result<RemotePolicy, String> {
        let present = |part: Option<&str>| part.filter(|part| !part.is_empty()).map(str::to_owned);
        let (name, kind) = match (present(self.name), present(self.kind)) {
            (Some(name), Some(kind)) => (name, kind),
            (Some(name), None) => {
                let name = Excerpt(&name);
                return Err(format!(
                    "policy type is required{place}: {name:?} has none; {FORM}"
                ));
            }
            (None, Some(kind)) => {
                let kind = Excerpt(&kind);
                return Err(format!(
                    "policy name is required{place} for a type of {kind:?}; {FORM}"
                ));
            }
            (None, None) => return Err(format!("policy name is required{place}; {FORM}")),
        };
        let Ok(kind) = kind.parse::<PolicyKind>() else {
            return Err(format!(
                "policy type {:?} of {:?} must be System or Custom",
                Excerpt(&kind),
                Excerpt(&name)
            ));
        };
        if name.len() > 128 || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(format!(
                "policy name {:?} must be 1 to 128 letters, digits and hyphens",
                Excerpt(&name)
            ));
        }
        let kind = kind.to_string();
        Ok(RemotePolicy { name, kind })
    }
}

fn invalid_key(key: &str, place: &str) -> String {
    format!(
        "invalid key: {:?}{place}; a policy has a name and a type: {FORM}",
        Excerpt(key)
    )
}

/// What to write in place of something that is no pair.
fn right(text: &str) -> String {
    let file = || FileName::recognise(FIELD, text).map(|name| name.to_string());
    let arn = of_arn(text).map(|pairs| format!("this is an ARN; write {pairs}"));
    arn.or_else(file).unwrap_or_else(|| FORM.to_owned())
}

/// The pairs for what is the ARN of a policy.
fn of_arn(text: &str) -> Option<String> {
    let rest = text.strip_prefix("acs:ram:")?;
    let (_region, rest) = rest.split_once(':')?;
    let (account, name) = rest.split_once(":policy/")?;
    let kind = if account == "system" {
        PolicyKind::System
    } else {
        PolicyKind::Custom
    };
    Some(format!("name:{},type:{kind}", Excerpt(name)))
}

#[cfg(test)]
mod tests;
