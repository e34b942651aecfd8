//! For `tests/fuzz`, compiled only with `--cfg fuzzing`: the policies of a role, as a write reads them, and the templates of
//! names.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::alicloud::ram::PolicyKind;
use crate::framework::{FieldValues, to_go_json};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::names;
use crate::secrets::alicloud::role::policy::MAX_BYTES;
use crate::secrets::alicloud::role::rules::check;
use crate::secrets::alicloud::role::{Role, SETTINGS};

/// Reads a template for the names of users and one for those of sessions, and checks what must hold of one that is taken:
/// every name that it makes is one, and users' names are never made twice.
///
/// # Errors
/// The text of the refusal.
pub fn template(text: &str, display_name: &str, role: &str) -> Result<(), String> {
    for of in [names::USERNAME, names::SESSION_NAME] {
        let template = of.read(&text.into()).map_err(|error| error.to_string())?;
        let Some(template) = template else {
            return Ok(());
        };
        assert_eq!(template.to_string(), text, "a template is kept as it was written");
        let now = OffsetDateTime::UNIX_EPOCH;
        assert!(of.example(&template, now).is_ok(), "the example was tried");
        of.check_made(&template, display_name, role, now)
            .map_err(|error| error.to_string())?;
    }
    Ok(())
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
