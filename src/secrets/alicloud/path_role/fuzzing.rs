//! A door for `tests/fuzz`, compiled only with `--cfg fuzzing`: the policies of a role, as a write reads them.

use serde_json::Value;

use super::{Config, Role, Write, check, names};
use crate::alicloud::ram::PolicyKind;
use crate::framework::to_go_json;
use crate::secrets::alicloud::policy_document::MAX_BYTES;

/// Writes a role with these policies, and checks what must hold of every role that is accepted: RAM can take its
/// documents and names, and the role comes back from the storage, and from a read that is written again.
///
/// # Errors
/// The text of the refusal.
pub fn policies(inline: Option<Value>, remote: Option<Value>) -> Result<(), String> {
    let write = |inline, remote| {
        let write = Write {
            name: "r".to_owned(),
            role_arn: None,
            inline_policies: inline,
            remote_policies: remote,
            ttl: None,
            max_ttl: None,
            wait_for_propagation: None,
        };
        let role = write.apply_to(Role::default())?;
        check(&role, &Config::default()).map(|()| role)
    };
    let role = write(inline, remote).map_err(|error| error.to_string())?;

    for (place, policy) in (1..).zip(role.inline_policies()) {
        let text = policy.document.text();
        assert!(text.len() <= MAX_BYTES);
        let document: Value = serde_json::from_str(&text).unwrap_or_default();
        let again = document.to_string();
        assert!(document.is_object() && again == text, "{text}");
        let name = names::policy("vault-token-r-1-0123456789", place, &policy.id);
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
    let shown = role.shown().unwrap_or_default();
    // A null is a list that was never written; written, it would be an empty one.
    let member = |name: &str| shown.get(name).filter(|list| !list.is_null()).cloned();
    let again = write(member("inline_policies"), member("remote_policies"));
    assert_eq!(again.ok(), Some(role), "what a read shows cannot be written");
    Ok(())
}
