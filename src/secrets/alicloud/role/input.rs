//! The forms in which clients send the policies of a role.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cloud::random;
use crate::framework::{Error, Excerpt};
use crate::secrets::alicloud::role::policies::{InlinePolicy, RemotePolicy};
use crate::secrets::alicloud::role::policy_document::PolicyDocument;

const INLINE: &str = "inline_policies";
const REMOTE: &str = "remote_policies";

/// Reads `inline_policies` in every form that clients send: a JSON list (as text, which is what the CLI and Terraform
/// send, or as JSON), of documents or of the objects that a read shows, or a single document.
pub(super) fn inline_policies(given: &Value) -> Result<Vec<InlinePolicy>, Error> {
    let given = match given.as_str() {
        Some(text) => text.to_owned(),
        None => given.to_string(),
    };
    let Some(given) = json_in(&given)? else {
        return Ok(Vec::new());
    };
    let elements: Vec<Box<RawValue>> = match given.get().as_bytes().first() {
        Some(b'n') => Vec::new(),
        Some(b'[') => serde_json::from_str(given.get()).map_err(|error| not_json(&error))?,
        Some(b'{') => vec![given],
        _ => {
            return Err(Error::bad_request(format!(
                "{INLINE}: expected a JSON list of policy documents"
            )));
        }
    };
    let numbered = (1..).zip(elements);
    numbered
        .map(|(number, element)| inline_policy(number, element))
        .collect()
}

/// What a read shows of a policy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    #[serde(default)]
    hash: Value,
    policy_document: Box<RawValue>,
}

/// An element may be text again: a list of documents, each as the CLI passes it.
fn inline_policy(number: usize, element: Box<RawValue>) -> Result<InlinePolicy, Error> {
    let element = match serde_json::from_str::<String>(element.get()) {
        Ok(text) => json_in(&text)?.unwrap_or_else(|| RawValue::NULL.to_owned()),
        Err(_) => element,
    };
    // What a read showed and comes back keeps its id.
    let (id, document) = match serde_json::from_str::<Shown>(element.get()) {
        Ok(Shown {
            hash: Value::String(id),
            policy_document,
        }) if !id.is_empty() => (id, policy_document),
        Ok(shown) => (new_id()?, shown.policy_document),
        Err(_) => (new_id()?, element),
    };
    let document = PolicyDocument::new(&document)
        .map_err(|error| Error::bad_request(format!("{INLINE}: entry {number}: {error}")))?;
    Ok(InlinePolicy { id, document })
}

/// 32 hexadecimal digits, as the Go plugin makes them.
fn new_id() -> Result<String, Error> {
    random::nonce().map_err(|error| Error::internal("the OS random source failed").with_source(error))
}

/// The JSON that a text holds; none when it is blank.
fn json_in(text: &str) -> Result<Option<Box<RawValue>>, Error> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text)
        .map(Some)
        .map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::bad_request(format!("{INLINE}: not valid JSON: {error}"))
}

/// Reads `remote_policies` in every form that clients send: `name:X,type:Y` alone or in a list, the objects that a
/// read shows, or either as JSON text.
pub(super) fn remote_policies(given: &Value) -> Result<Vec<RemotePolicy>, Error> {
    let parsed: Value;
    let given = match given {
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            parsed = serde_json::from_str(text)
                .map_err(|error| Error::bad_request(format!("{REMOTE}: not valid JSON: {error}")))?;
            &parsed
        }
        given => given,
    };
    let policies = match given {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if text.trim().is_empty() => Ok(Vec::new()),
        Value::Array(elements) => elements.iter().map(remote_policy).collect(),
        element => remote_policy(element).map(|policy| vec![policy]),
    };
    policies.map_err(|text| Error::bad_request(format!("{REMOTE}: {text}")))
}

fn remote_policy(element: &Value) -> Result<RemotePolicy, String> {
    let (mut name, mut kind) = (None, None);
    match element {
        Value::String(text) => {
            for pair in text.split(',') {
                let (key, value) = match pair.split_once(':') {
                    Some((key, value)) if !value.contains(':') => (key.trim(), value.trim()),
                    _ => return Err(format!("unable to recognize pair in {:?}", Excerpt(text))),
                };
                match key {
                    "name" => name = Some(value.to_owned()),
                    "type" => kind = Some(value.to_owned()),
                    _ => return Err(format!("invalid key: {:?} in {:?}", Excerpt(key), Excerpt(text))),
                }
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                let value = value.as_str().map(|text| text.trim().to_owned());
                match key.as_str() {
                    "name" => name = value,
                    "type" => kind = value,
                    _ => return Err(format!("invalid key: {:?}", Excerpt(key))),
                }
            }
        }
        _ => return Err("expected \"name:<name>,type:<System or Custom>\"".to_owned()),
    }
    let shown = element
        .as_str()
        .map_or_else(|| element.to_string(), str::to_owned);
    let shown = Excerpt(&shown);
    let present = |text: Option<String>| text.filter(|text| !text.is_empty());
    let name = present(name).ok_or_else(|| format!("policy name is required in {shown:?}"))?;
    let kind = present(kind).ok_or_else(|| format!("policy type is required in {shown:?}"))?;
    Ok(RemotePolicy { name, kind })
}
