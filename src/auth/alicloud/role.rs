//! The stored role, in upstream's JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arn_pattern::ArnPattern;
use super::binding::{Bindings, RoleId};
use super::role_arn::{RoleArn, stored_arn};
use crate::alicloud::AccountId;
use crate::framework::{DeprecatedFields, Error, Storage, TokenParameters, stored};

/// Upstream's prefix. The name after it is lower case.
pub(super) const STORAGE_PREFIX: &str = "role/";

/// A role: who may log in by it, and what tokens it gives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredRole", into = "StoredRole")]
pub(super) struct Role {
    pub(super) bindings: Bindings,
    pub(super) token: TokenParameters,
    /// What was set under the deprecated names of token parameters.
    pub(super) deprecated: DeprecatedFields,
    /// Members that this version does not know, kept as they are.
    unknown: Map<String, Value>,
}

impl Role {
    pub(super) async fn load(storage: &dyn Storage, name: &str) -> Result<Option<Self>, Error> {
        storage.get_json(&storage_key(name)).await
    }

    pub(super) async fn store(&self, storage: &dyn Storage, name: &str) -> Result<(), Error> {
        storage.put_json(&storage_key(name), self).await
    }

    /// What a read shows, in upstream's shape.
    pub(super) fn shown(&self) -> Map<String, Value> {
        let bindings = &self.bindings;
        let mut data = Map::from_iter([
            (
                "arn".to_owned(),
                bindings.arn.as_ref().map_or("", RoleArn::as_str).into(),
            ),
            (
                "bound_arns".to_owned(),
                texts(&bindings.arns, ToString::to_string),
            ),
            (
                "bound_account_ids".to_owned(),
                texts(&bindings.account_ids, ToString::to_string),
            ),
            (
                "bound_role_ids".to_owned(),
                texts(&bindings.role_ids, |id| id.as_str().to_owned()),
            ),
        ]);
        data.extend(self.token.shown(&self.deprecated));
        data
    }
}

pub(super) fn storage_key(name: &str) -> String {
    format!("{STORAGE_PREFIX}{}", name.to_ascii_lowercase())
}

/// Whether a role can have this name, in any letter case. The path takes no other, so nothing else is ever stored.
pub(super) fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let at_end = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    at_end(bytes.first()) && at_end(bytes.last()) && bytes.iter().all(|byte| inside(*byte))
}

fn texts<T>(bindings: &[T], text: impl Fn(&T) -> String) -> Value {
    bindings.iter().map(text).collect::<Vec<_>>().into()
}

/// Upstream's members in its order, then our bindings where they are set, then what we do not know. The Go plugin skips
/// what it does not know: under it, a role with our bindings is as strict as its `arn`, and closed without one.
///
/// A binding that cannot be read makes the whole role unreadable: left out, it would open the role to others.
#[derive(Serialize, Deserialize)]
struct StoredRole {
    #[serde(flatten)]
    token: TokenParameters,
    #[serde(default, with = "stored_arn")]
    arn: Option<RoleArn>,
    #[serde(flatten)]
    deprecated: DeprecatedFields,
    #[serde(default, with = "stored::texts", skip_serializing_if = "Vec::is_empty")]
    bound_arns: Vec<ArnPattern>,
    #[serde(default, with = "stored::texts", skip_serializing_if = "Vec::is_empty")]
    bound_account_ids: Vec<AccountId>,
    #[serde(default, with = "stored::texts", skip_serializing_if = "Vec::is_empty")]
    bound_role_ids: Vec<RoleId>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl From<StoredRole> for Role {
    fn from(mut stored: StoredRole) -> Self {
        stored.token.upgrade(&stored.deprecated);
        Self {
            bindings: Bindings {
                arn: stored.arn,
                arns: stored.bound_arns,
                account_ids: stored.bound_account_ids,
                role_ids: stored.bound_role_ids,
            },
            token: stored.token,
            deprecated: stored.deprecated,
            unknown: stored.unknown,
        }
    }
}

impl From<Role> for StoredRole {
    fn from(role: Role) -> Self {
        Self {
            token: role.token,
            arn: role.bindings.arn,
            deprecated: role.deprecated,
            bound_arns: role.bindings.arns,
            bound_account_ids: role.bindings.account_ids,
            bound_role_ids: role.bindings.role_ids,
            unknown: role.unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::alicloud::Arn;
    use crate::framework::to_go_json;

    const ARN: &str = "\"arn\":{\"AccountNumber\":\"5138828231865461\",\"Type\":0,\"RoleName\":\"Dev-Role\",\
        \"RoleAssumerName\":\"\",\"Full\":\"acs:ram::5138828231865461:role/Dev-Role\"}";

    /// Entries as the Go plugin writes them.
    fn stored() -> [String; 3] {
        [
            format!(
                "{{\"token_bound_cidrs\":null,\"token_explicit_max_ttl\":0,\"token_max_ttl\":0,\
                 \"token_no_default_policy\":false,\"token_num_uses\":0,\"token_period\":0,\"token_policies\":null,\
                 \"token_type\":0,\"token_ttl\":0,{ARN},\"policies\":null,\"ttl\":0,\"max_ttl\":0,\"period\":0,\
                 \"bound_cidrs\":null}}\n"
            ),
            format!(
                "{{\"token_bound_cidrs\":[\"10.1.2.3/8\",\"127.0.0.1\",\"2001:db8::/32\"],\
                 \"token_explicit_max_ttl\":7200000000000,\"token_max_ttl\":3600000000000,\
                 \"token_no_default_policy\":true,\"token_num_uses\":3,\"token_period\":0,\"token_policies\":[],\
                 \"token_type\":1,\"token_ttl\":1800000000000,{ARN},\"policies\":[\"a\\u0026b\",\"dev\"],\"ttl\":0,\
                 \"max_ttl\":0,\"period\":0,\"bound_cidrs\":[]}}\n"
            )
            .replace("\"token_policies\":[]", "\"token_policies\":[\"a\\u0026b\",\"dev\"]"),
            format!(
                "{{\"token_bound_cidrs\":[\"\\\"10.0.0.0/33\\\"\"],\"token_explicit_max_ttl\":0,\"token_max_ttl\":0,\
                 \"token_no_default_policy\":false,\"token_num_uses\":0,\"token_period\":0,\"token_policies\":[],\
                 \"token_type\":2,\"token_ttl\":0,\"token_strictly_bind_ip\":true,\"alias_metadata\":{{\"a\":\"b\"}},\
                 {ARN},\"policies\":[],\"ttl\":0,\"max_ttl\":0,\"period\":0,\"bound_cidrs\":null,\
                 \"later\":{{\"n\":1.0}}}}\n"
            ),
        ]
    }

    fn bytes(role: &Role) -> String {
        String::from_utf8(to_go_json(role).unwrap()).unwrap()
    }

    #[test]
    fn entries_of_the_go_plugin_read_and_write_back_as_the_same_bytes() {
        for stored in stored() {
            let role: Role = serde_json::from_str(&stored).unwrap();
            assert_eq!(bytes(&role), stored);
            assert!(role.bindings.arn.is_some());
        }
    }

    #[test]
    fn a_role_older_than_the_prefix_is_upgraded_when_it_is_read() {
        let old = format!(
            "{{{ARN},\"policies\":[\"dev\"],\"ttl\":60000000000,\"max_ttl\":120000000000,\"period\":0,\
             \"bound_cidrs\":[\"10.0.0.0/8\"],\"token_type\":\"batch\"}}"
        );
        let role: Role = serde_json::from_str(&old).unwrap();
        assert_eq!(role.token.ttl, Duration::from_secs(60));
        assert_eq!(role.token.max_ttl, Duration::from_secs(120));
        assert_eq!(role.token.policies, Some(vec!["dev".to_owned()]));
        let shown = role.shown();
        assert_eq!(shown["token_bound_cidrs"], json!(["10.0.0.0/8"]));
        assert_eq!(
            (&shown["token_type"], &shown["ttl"]),
            (&json!("batch"), &json!(60))
        );
        assert!(!shown.contains_key("period"));
    }

    #[test]
    fn a_role_with_only_our_bindings_is_closed_to_the_go_plugin() {
        let role = Role {
            bindings: Bindings {
                arns: vec![ArnPattern::parse("acs:ram::5138828231865461:user/*").unwrap()],
                account_ids: vec![AccountId::parse("5138828231865461").unwrap()],
                role_ids: vec![RoleId::parse("300000000000000001").unwrap()],
                arn: None,
            },
            ..Role::default()
        };
        let written = bytes(&role);
        assert!(written.contains(
            "\"arn\":{\"AccountNumber\":\"\",\"Type\":1,\"RoleName\":\"\",\"RoleAssumerName\":\"\",\"Full\":\"\"}"
        ));
        assert_eq!(serde_json::from_str::<Role>(&written).unwrap(), role);
        assert_eq!(bytes(&serde_json::from_str(&written).unwrap()), written);
    }

    #[test]
    fn a_binding_that_cannot_be_read_does_not_vanish() {
        for member in [
            "\"bound_arns\":[\"acs:ram::1:policy/x\"]",
            "\"bound_arns\":\"acs:ram::11111:role/x\"",
            "\"bound_account_ids\":[\"x\"]",
            "\"bound_role_ids\":[1]",
            "\"arn\":\"acs:ram::11111:role/x\"",
            "\"token_type\":9",
            "\"token_ttl\":\"1h\"",
        ] {
            assert!(
                serde_json::from_str::<Role>(&format!("{{{member}}}")).is_err(),
                "{member}"
            );
        }
        let nobody: Role = serde_json::from_str("{\"arn\":null}").unwrap();
        let arn = Arn::parse("acs:ram::11111:root").unwrap();
        let caller = super::super::binding::Caller {
            arn: &arn,
            role_id: None,
        };
        assert!(nobody.bindings.check(caller).is_err());
    }

    #[test]
    fn a_read_has_upstreams_shape() {
        let role: Role = serde_json::from_str(&stored()[0]).unwrap();
        assert_eq!(
            Value::Object(role.shown()),
            json!({
                "arn": "acs:ram::5138828231865461:role/Dev-Role",
                "bound_arns": [],
                "bound_account_ids": [],
                "bound_role_ids": [],
                "token_bound_cidrs": [],
                "token_explicit_max_ttl": 0,
                "token_max_ttl": 0,
                "token_no_default_policy": false,
                "token_num_uses": 0,
                "token_period": 0,
                "token_policies": [],
                "token_strictly_bind_ip": false,
                "token_ttl": 0,
                "token_type": "default",
                "alias_metadata": {},
            })
        );
    }
}
