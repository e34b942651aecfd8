//! For `tests/fuzz`, compiled only with `--cfg fuzzing`: the policies of a role, as a write reads them, and the templates of
//! names.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::alicloud::ram::PolicyKind;
use crate::framework::{Entity, EntityAlias, FieldValues, to_go_json};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::names;
use crate::secrets::alicloud::role::policy::{MAX_BYTES, MAX_SESSION_BYTES};
use crate::secrets::alicloud::role::rules::check;
use crate::secrets::alicloud::role::session_policy::session_policy;
use crate::secrets::alicloud::role::{Role, SETTINGS};
use crate::secrets::identity::Identity;

/// Reads a template for the names of users and one for those of sessions, and checks what must hold of one that is taken:
/// every name that it makes is one, and users' names are never made twice.
///
/// # Errors
/// The text of the refusal.
pub fn template(text: &str, display_name: &str, role: &str) -> Result<(), String> {
    let mut outcome = Ok(());
    for of in [names::USERNAME, names::SESSION_NAME, names::SOURCE_IDENTITY] {
        let template = match of.read(&text.into()) {
            Ok(Some(template)) => template,
            Ok(None) => continue,
            Err(error) => {
                outcome = Err(error.to_string());
                continue;
            }
        };
        assert_eq!(template.to_string(), text, "a template is kept as it was written");
        let now = OffsetDateTime::UNIX_EPOCH;
        assert!(of.example(&template, now).is_ok(), "the example was tried");
        if let Err(error) = of.check_made(&template, display_name, role, now) {
            outcome = Err(error.to_string());
        }
    }
    outcome
}

/// Writes a policy document, and fills it with an identity of these values. Checks that it has the structure that it was
/// written with, and that no value adds a wildcard.
///
/// # Errors
/// The text of the refusal.
pub fn identity(document: &str, value: &str, groups: &[&str]) -> Result<(), String> {
    let given = Value::from(Value::from(document).to_string());
    let Some(document) = session_policy(&given).map_err(|error| error.to_string())? else {
        return Ok(());
    };
    let entity = Entity {
        id: "1-2".to_owned(),
        name: value.to_owned(),
        metadata: [("k".to_owned(), value.to_owned())].into(),
        aliases: vec![EntityAlias {
            mount_accessor: "a".to_owned(),
            name: value.to_owned(),
            metadata: [("k".to_owned(), value.to_owned())].into(),
        }],
    };
    let groups = groups.iter().map(|&group| group.to_owned()).collect();
    let filled = document
        .filled(Some(&Identity::new(entity, groups)), MAX_SESSION_BYTES)
        .map_err(|error| error.to_string())?;
    assert!(filled.len() <= MAX_SESSION_BYTES);
    let wildcards = |text: &str| text.matches(['*', '?']).count();
    let before = document.text();
    if !document.has_groups() {
        assert_eq!(wildcards(&filled), wildcards(&before), "{before} {filled}");
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        assert!(
            has_same_shape(&read(&before), &read(&filled)),
            "{before} {filled}"
        );
    }
    Ok(())
}

fn has_same_shape(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, member)| other.get(name).is_some_and(|other| has_same_shape(member, other)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| has_same_shape(one, other))
        }
        (Value::String(_), Value::String(_)) => true,
        (one, other) => one == other,
    }
}

/// Writes a role with these policies, and checks what must hold of every role that is accepted: RAM can take its
/// documents and names, and the role comes back from the storage, and from a read that is written again.
///
/// # Errors
/// The text of the refusal.
pub fn policies(inline: Option<Value>, remote: Option<Value>) -> Result<(), String> {
    let write = |inline: Option<Value>, remote: Option<Value>| {
        let given = [("inline_policies", inline), ("remote_policies", remote)];
        let given: Map<String, Value> = given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        let fields: Vec<_> = SETTINGS.fields().collect();
        let given = FieldValues::collect(&fields, &given, "", &[]).map_err(|error| error.to_string())?;
        let mut role = Role::default();
        SETTINGS
            .merge(&mut role, &given.values)
            .and_then(|()| check(&role, &Config::default(), &given.values))
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(role)
    };
    let role = write(inline, remote)?;

    for (number, policy) in (1..).zip(role.inline_policies()) {
        let text = policy.document.text();
        assert!(text.len() <= MAX_BYTES);
        let document: Value = serde_json::from_str(&text).unwrap_or_default();
        assert!(document.is_object(), "{text}");
        let name = names::policy("vault-token-r-1-0123456789", number, &policy.id);
        assert!(name.len() <= 128 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    }
    for policy in role.remote_policies() {
        let named = policy.to_ref();
        assert!((1..=128).contains(&named.name.len()));
        assert_eq!(policy.is_system(), named.kind == PolicyKind::System);
    }

    let stored = to_go_json(&role).unwrap_or_default();
    let loaded: Result<Role, _> = serde_json::from_slice(&stored);
    assert_eq!(loaded.ok().as_ref(), Some(&role), "the role cannot be loaded");
    let shown = SETTINGS.shown(&role);
    // A null is a list that was never written; written, it would be an empty one.
    let member = |name: &str| shown.get(name).filter(|list| !list.is_null()).cloned();
    assert!(
        write(member("inline_policies"), member("remote_policies")).is_ok(),
        "what a read shows cannot be written"
    );
    Ok(())
}
