//! The stored role, in upstream's JSON.

use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::policy_document::PolicyDocument;
use crate::alicloud::ram::{PolicyKind, PolicyRef};
use crate::framework::{Error, Storage, nanoseconds};

/// RAM's quota of custom policies for each user, unless the account's was raised.
pub(super) const DEFAULT_CUSTOM_POLICIES: usize = 10;
/// RAM's quota of system policies for each user, unless the account's was raised.
pub(super) const DEFAULT_SYSTEM_POLICIES: usize = 20;

/// Upstream's prefix. The name after it is lower case.
pub(super) const STORAGE_PREFIX: &str = "role/";

/// A role: either the ARN of a RAM role to assume, or policies for users to make.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Role {
    /// Blank unless this is an STS role. Upstream stored it unchecked, so it is checked when it is used or written.
    pub(super) arn: String,
    /// `None` where the list was never written: upstream keeps that apart from an empty one.
    pub(super) remote_policies: Option<Vec<RemotePolicy>>,
    /// As for `remote_policies`.
    pub(super) inline_policies: Option<Vec<InlinePolicy>>,
    /// Zero means the mount's default.
    pub(super) ttl: Duration,
    /// Zero means the mount's maximum.
    pub(super) max_ttl: Duration,
    /// How long to wait until a new key works; zero means not at all.
    pub(super) wait_for_propagation: Duration,
    /// Members that this version does not know, kept as they are.
    pub(super) unknown: Map<String, Value>,
}

/// A policy that exists in RAM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RemotePolicy {
    pub(super) name: String,
    /// `System` or `Custom`; stored unchecked by upstream.
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// A policy that is made for each user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct InlinePolicy {
    /// An id that upstream calls a hash; the names of the policies in leases are made from it.
    #[serde(rename = "hash")]
    pub(super) id: String,
    #[serde(rename = "policy_document")]
    pub(super) document: PolicyDocument,
}

impl Role {
    pub(super) async fn load(storage: &dyn Storage, name: &str) -> Result<Option<Self>, Error> {
        storage.get_json(&storage_key(name)).await
    }

    pub(super) async fn store(&self, storage: &dyn Storage, name: &str) -> Result<(), Error> {
        storage.put_json(&storage_key(name), self).await
    }

    pub(super) fn remote_policies(&self) -> &[RemotePolicy] {
        self.remote_policies.as_deref().unwrap_or_default()
    }

    pub(super) fn inline_policies(&self) -> &[InlinePolicy] {
        self.inline_policies.as_deref().unwrap_or_default()
    }

    /// What a read shows, in upstream's shape: seconds, and `null` for a list that was never written.
    pub(super) fn shown(&self) -> Result<Map<String, Value>, Error> {
        let json = |result: Result<Value, serde_json::Error>| {
            result.map_err(|error| Error::internal("the role cannot be encoded").with_source(error))
        };
        Ok(Map::from_iter([
            ("role_arn".to_owned(), self.arn.as_str().into()),
            (
                "remote_policies".to_owned(),
                json(serde_json::to_value(&self.remote_policies))?,
            ),
            (
                "inline_policies".to_owned(),
                json(serde_json::to_value(&self.inline_policies))?,
            ),
            ("ttl".to_owned(), self.ttl.as_secs().into()),
            ("max_ttl".to_owned(), self.max_ttl.as_secs().into()),
            (
                "wait_for_propagation".to_owned(),
                self.wait_for_propagation.as_secs().into(),
            ),
        ]))
    }
}

pub(super) fn storage_key(name: &str) -> String {
    format!("{STORAGE_PREFIX}{}", name.to_ascii_lowercase())
}

impl RemotePolicy {
    /// As RAM calls take it. A type that RAM does not have is taken for a custom policy, which RAM then refuses.
    pub(super) fn to_ref(&self) -> PolicyRef {
        PolicyRef {
            name: self.name.clone(),
            kind: self.kind.parse().unwrap_or(PolicyKind::Custom),
        }
    }

    pub(super) fn is_system(&self) -> bool {
        self.kind.parse() == Ok(PolicyKind::System)
    }
}

impl From<&PolicyRef> for RemotePolicy {
    fn from(policy: &PolicyRef) -> Self {
        Self {
            name: policy.name.clone(),
            kind: policy.kind.to_string(),
        }
    }
}

/// A policy out of the stored list. By hand, for the way of serde_json from a value to a type makes `0` of `-0`.
fn stored_inline(stored: Value) -> Option<InlinePolicy> {
    let Value::Object(mut members) = stored else {
        return None;
    };
    let Some(Value::String(id)) = members.remove("hash") else {
        return None;
    };
    Some(InlinePolicy {
        id,
        document: PolicyDocument::new(members.remove("policy_document")?),
    })
}

/// Upstream's members in its order, then ours where they are set, then what we do not know. Durations are nanoseconds.
impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role_arn", &self.arn)?;
        map.serialize_entry("remote_policies", &self.remote_policies)?;
        map.serialize_entry("inline_policies", &self.inline_policies)?;
        map.serialize_entry("ttl", &nanoseconds(self.ttl))?;
        map.serialize_entry("max_ttl", &nanoseconds(self.max_ttl))?;
        if !self.wait_for_propagation.is_zero() {
            map.serialize_entry("wait_for_propagation", &nanoseconds(self.wait_for_propagation))?;
        }
        for (key, value) in &self.unknown {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let mut map = Map::deserialize(deserializer)?;
        let mut member = |key: &str| map.remove(key).unwrap_or_default();
        let arn = match member("role_arn") {
            Value::Null => String::new(),
            Value::String(arn) => arn,
            _ => return Err(D::Error::custom("role_arn is not a string")),
        };
        let remote_policies = serde_json::from_value(member("remote_policies")).map_err(D::Error::custom)?;
        let inline_policies = match member("inline_policies") {
            Value::Null => None,
            Value::Array(list) => Some(list.into_iter().map(stored_inline).collect::<Option<_>>()),
            _ => Some(None),
        };
        let inline_policies = inline_policies
            .map(|list| list.ok_or_else(|| D::Error::custom("inline_policies is not a list of policies")))
            .transpose()?;
        let mut duration = |key: &str| match member(key) {
            Value::Null => Ok(Duration::ZERO),
            number => number
                .as_i64()
                .map(|nanoseconds| Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0)))
                .ok_or_else(|| D::Error::custom(format!("{key} is not a number of nanoseconds"))),
        };
        let (ttl, max_ttl) = (duration("ttl")?, duration("max_ttl")?);
        let wait_for_propagation = duration("wait_for_propagation")?;
        Ok(Self {
            arn,
            remote_policies,
            inline_policies,
            ttl,
            max_ttl,
            wait_for_propagation,
            unknown: map,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::to_go_json;

    /// Entries as the Go plugin writes them.
    const STORED: [&str; 5] = [
        "{\"role_arn\":\"acs:ram::1234567890123456:role/dev\",\"remote_policies\":null,\"inline_policies\":null,\
         \"ttl\":0,\"max_ttl\":0}\n",
        "{\"role_arn\":\"\",\"remote_policies\":[{\"name\":\"AliyunOSSReadOnlyAccess\",\"type\":\"System\"}],\
         \"inline_policies\":[],\"ttl\":3600000000000,\"max_ttl\":7200000000000}\n",
        "{\"role_arn\":\"\",\"remote_policies\":null,\"inline_policies\":[{\"hash\":\
         \"0123456789abcdef0123456789abcdef\",\"policy_document\":{\"Statement\":[{\"Action\":\"rds:Describe*\",\
         \"Condition\":{\"IpAddress\":{\"acs:SourceIp\":\"10.0.0.0/8\"}},\"Effect\":\"Allow\",\
         \"Note\":\"a\\u003cb\\u0026c\",\"Number\":9007199254740992,\"Resource\":\"*\"}],\"Version\":\"1\"}},\
         {\"hash\":\"x\",\"policy_document\":null}],\"ttl\":0,\"max_ttl\":0}\n",
        "{\"role_arn\":\"\",\"remote_policies\":[],\"inline_policies\":[],\"ttl\":0,\"max_ttl\":0,\
         \"later\":{\"n\":1.0}}\n",
        // As this version writes it where a wait is set.
        "{\"role_arn\":\"\",\"remote_policies\":[],\"inline_policies\":[],\"ttl\":0,\"max_ttl\":0,\
         \"wait_for_propagation\":30000000000,\"later\":1}\n",
    ];

    #[test]
    fn entries_of_the_go_plugin_read_and_write_back_as_the_same_bytes() {
        for stored in STORED {
            let role: Role = serde_json::from_str(stored).unwrap();
            assert_eq!(String::from_utf8(to_go_json(&role).unwrap()).unwrap(), stored);
        }
    }

    #[test]
    fn every_digit_of_a_document_survives() {
        let stored = "{\"role_arn\":\"\",\"remote_policies\":null,\"inline_policies\":[{\"hash\":\"h\",\"policy_document\":\
                      {\"n\":[-0,-0.0,1e+2,1.50,12345678901234567890.10]}}],\"ttl\":0,\"max_ttl\":0}\n";
        let role: Role = serde_json::from_str(stored).unwrap();
        assert_eq!(String::from_utf8(to_go_json(&role).unwrap()).unwrap(), stored);
    }

    #[test]
    fn policies_of_another_shape_make_the_role_unreadable() {
        for inline in [
            "7",
            "[7]",
            "[{}]",
            r#"[{"hash":"h"}]"#,
            r#"[{"hash":7,"policy_document":{}}]"#,
        ] {
            let stored = format!(r#"{{"inline_policies":{inline}}}"#);
            assert!(serde_json::from_str::<Role>(&stored).is_err(), "{stored}");
        }
    }

    #[test]
    fn a_read_shows_seconds_and_nulls() {
        let role: Role = serde_json::from_str(STORED[1]).unwrap();
        let shown = Value::Object(role.shown().unwrap());
        assert_eq!(shown["ttl"], 3600);
        assert_eq!(shown["wait_for_propagation"], 0);
        assert_eq!(shown["remote_policies"][0]["type"], "System");
        let role: Role = serde_json::from_str(STORED[0]).unwrap();
        assert_eq!(role.shown().unwrap()["inline_policies"], Value::Null);
    }

    #[test]
    fn keys_are_lower_case() {
        assert_eq!(storage_key("Dev"), "role/dev");
    }
}
