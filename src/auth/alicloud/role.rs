//! A role: who may log in by it, and what tokens it gives, as it is stored, written and shown.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arn_pattern::ArnPattern;
use super::role_arn::{self, ParseRoleArnError, RoleArn};
use super::role_id::RoleId;
use super::tag::{ParseTagKeyError, Tags, is_key, is_value};
use crate::alicloud::AccountId;
/// Whether a role can have this name, in any letter case. The path takes no other, so nothing else is ever stored.
pub(super) use crate::framework::is_name;
use crate::framework::{
    DeprecatedFields, Error, Excerpt, Field, FieldKind, FieldValues, Setting, SettingValue, Settings,
    Storage, TokenParameters, stored,
};

/// Upstream's prefix. The name after it is lower case.
pub(super) const STORAGE_PREFIX: &str = "role/";

/// A role, stored with upstream's members in its order, then our bindings where they are set. The Go plugin skips what it
/// does not know: under it, a role with our bindings is as strict as its `arn`, and closed without one. A binding that
/// cannot be read makes the whole role unreadable: left out, it would open the role to others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    #[serde(flatten)]
    pub(super) token: TokenParameters,
    /// Upstream's only binding.
    #[serde(with = "role_arn::stored")]
    pub(super) arn: Option<RoleArn>,
    #[serde(flatten)]
    pub(super) deprecated: DeprecatedFields,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Vec::is_empty")]
    pub(super) bound_arns: Vec<ArnPattern>,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Vec::is_empty")]
    pub(super) bound_account_ids: Vec<AccountId>,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Vec::is_empty")]
    pub(super) bound_role_ids: Vec<RoleId>,
    /// Tags that the caller's RAM role must have, beside what another binding asks for.
    #[serde(
        deserialize_with = "stored::null_as_default",
        skip_serializing_if = "Tags::is_empty"
    )]
    pub(super) bound_tags: Tags,
    /// The name as it was spelled when the role was last written, unless that was in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// Members that this version does not know, kept as they are.
    #[serde(flatten)]
    pub(super) unknown: Map<String, Value>,
}

/// The bindings, as callers write and read them.
pub(super) static BINDINGS: LazyLock<Settings<Role>> = LazyLock::new(|| {
    Settings::new()
        .with(
            Setting::custom(
                Field::new("arn", FieldKind::String),
                |role: &mut Role| &mut role.arn,
                |_, value| parse_arn(value.as_str().unwrap_or_default().trim()),
                |arn| arn.as_ref().map_or("", RoleArn::as_str).into(),
            )
            .describe("ARN of the RAM role to bind to this role: acs:ram::<account id>:role/<name>."),
        )
        .with(
            Setting::new("bound_arns", |role: &mut Role| &mut role.bound_arns).describe(
                "ARNs of RAM roles and RAM users that may log in, beside the one in arn. The name can end in one *: \
                 acs:ram::<account id>:role/dev-*.",
            ),
        )
        .with(
            Setting::new("bound_account_ids", |role: &mut Role| &mut role.bound_account_ids)
                .describe("Accounts that a caller must belong to. Without other bindings, every principal of these accounts can log in."),
        )
        .with(
            Setting::new("bound_role_ids", |role: &mut Role| &mut role.bound_role_ids).describe(
                "Ids of RAM roles that a caller must be a session of. The id changes when a role is deleted and created \
                 again.",
            ),
        )
        .with(Setting::custom(
            Field::new("bound_tags", FieldKind::KvPairs).describe(
                "Tags that the caller's RAM role must have, as key=value: all of them, with exactly these values. Another \
                 binding is needed beside them. Only sessions of RAM roles in the account of the mount's credentials can \
                 then log in.",
            ),
            |role: &mut Role| &mut role.bound_tags,
            |_, value| parse_tags(value),
            SettingValue::to_shown,
        ))
});

/// RAM's quota of tags for each role.
const MOST_TAGS: usize = 20;

fn parse_tags(value: &Value) -> Result<Tags, Error> {
    let refused = |rule: String| Error::bad_request(format!("bound_tags: {rule}"));
    let tags = Tags::from_field(value).map_err(refused)?;
    if tags.len() > MOST_TAGS {
        let rule = format!("{} tags, but a RAM role can have {MOST_TAGS}", tags.len());
        return Err(refused(rule));
    }
    for (key, value) in &tags {
        let shown = Excerpt(key);
        if !is_key(key) {
            return Err(refused(format!("{shown:?}: {ParseTagKeyError}")));
        }
        if !is_value(value) {
            let rule = format!(
                "{shown:?}: the value of a tag has at most 256 characters, and no control characters"
            );
            return Err(refused(rule));
        }
    }
    Ok(tags)
}

/// Reads the ARN of a role, or nothing from a blank. Upstream's texts, with the values that it means to show.
fn parse_arn(text: &str) -> Result<Option<RoleArn>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    let refused = |error: ParseRoleArnError| match error {
        ParseRoleArnError::Arn(rule) => format!("unable to parse arn {:?}: {rule}", Excerpt(text)),
        _ => format!(
            "only role arn types are supported at this time, but {} was provided; arn: {error}",
            Excerpt(text)
        ),
    };
    RoleArn::parse(text)
        .map(Some)
        .map_err(|error| Error::bad_request(refused(error)))
}

impl Role {
    pub(super) async fn load(storage: &dyn Storage, name: &str) -> Result<Option<Self>, Error> {
        let role: Option<Self> = storage.get_json(&storage_key(name)).await?;
        Ok(role.map(|mut role| {
            role.token.upgrade(&role.deprecated);
            role
        }))
    }

    pub(super) async fn store(&self, storage: &dyn Storage, name: &str) -> Result<(), Error> {
        storage.put_json(&storage_key(name), self).await
    }

    /// What a read shows, in upstream's form.
    pub(super) fn shown(&self) -> Map<String, Value> {
        let mut data = BINDINGS.shown(self);
        data.extend(self.token.shown(&self.deprecated));
        data
    }

    /// Changes what was given and leaves the rest.
    ///
    /// # Errors
    /// The first broken rule, as an answer that names the field. Then the role is half changed and must not be used.
    pub(super) fn merge(&mut self, given: &FieldValues) -> Result<(), Error> {
        BINDINGS.merge(self, given)?;
        self.token.merge(&mut self.deprecated, given)
    }

    /// Whether nobody can log in.
    pub(super) fn has_no_binding(&self) -> bool {
        self.arn.is_none()
            && self.bound_arns.is_empty()
            && self.bound_account_ids.is_empty()
            && self.bound_role_ids.is_empty()
    }
}

pub(super) fn storage_key(name: &str) -> String {
    format!("{STORAGE_PREFIX}{}", name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
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
            assert!(role.arn.is_some());
        }
    }

    #[test]
    fn a_role_older_than_the_prefix_is_upgraded_when_it_is_read() {
        let old = format!(
            "{{{ARN},\"policies\":[\"dev\"],\"ttl\":60000000000,\"max_ttl\":120000000000,\"period\":0,\
             \"bound_cidrs\":[\"10.0.0.0/8\"],\"token_type\":\"batch\"}}"
        );
        let mut role: Role = serde_json::from_str(&old).unwrap();
        role.token.upgrade(&role.deprecated);
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
            bound_arns: vec!["acs:ram::5138828231865461:user/*".parse().unwrap()],
            bound_account_ids: vec![AccountId::parse("5138828231865461").unwrap()],
            bound_role_ids: vec!["300000000000000001".parse().unwrap()],
            bound_tags: Tags::from([("a&b".to_owned(), "*".to_owned())]),
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
            "\"bound_tags\":[\"a=b\"]",
            "\"bound_tags\":{\"a\":1}",
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
        assert!(nobody.has_no_binding());
    }

    #[test]
    fn the_spelling_of_a_name_is_stored_where_it_is_not_lower_case() {
        let mut role: Role = serde_json::from_str(&stored()[0]).unwrap();
        role.name = Some("Prod-Admin".to_owned());
        let written = bytes(&role);
        assert!(
            written.ends_with("\"bound_cidrs\":null,\"name\":\"Prod-Admin\"}\n"),
            "{written}"
        );
        assert_eq!(serde_json::from_str::<Role>(&written).unwrap(), role);
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
                "bound_tags": {},
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
