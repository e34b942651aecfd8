//! Roles: the settings of a role, as they are stored (in upstream's JSON), written and shown. `path` has its API, `inline`,
//! `remote` and `session_policy` the forms in which clients send policies, `policy` what RAM takes as a policy document,
//! `rules` what a role as a whole must keep, `request` what a request for credentials can choose, and `spelling` to which
//! spelling of its name it answers.

#[cfg(fuzzing)]
pub mod fuzzing;
pub(super) mod path;

pub(super) mod credential_type;
pub(super) mod policies;
pub(super) mod spelling;

mod inline;
pub(super) mod policy;
mod remote;
mod request;
mod rules;
pub(super) mod session_policy;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::alicloud::ims::{AllowedVpc, KeyPolicy, MOST_DAYS, Network, ServiceName};
use crate::alicloud::ram::GroupName;
use crate::alicloud::sts::ExternalId;
use crate::framework::{Error, Field, FieldKind, Setting, Settings, Storage, stored};
use crate::secrets::alicloud::config::RoleArn;
use crate::secrets::alicloud::names::SOURCE_IDENTITY;
use crate::secrets::alicloud::role::credential_type::{CredentialType, DAY};
use crate::secrets::alicloud::role::inline::inline_policies;
use crate::secrets::alicloud::role::policies::{InlinePolicy, RemotePolicy};
use crate::secrets::alicloud::role::policy::PolicyDocument;
use crate::secrets::alicloud::role::remote::remote_policies;
use crate::secrets::alicloud::role::session_policy::session_policy;
use crate::secrets::template::Template;

/// Upstream's prefix. The name after it is lower case.
pub(super) const STORAGE_PREFIX: &str = "role/";

/// A role: either the ARN of a RAM role to assume, or policies for users to make, which have an access key or an API key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Role {
    /// Blank unless this is an STS role. Upstream stored it unchecked, so it is checked when it is used or written.
    #[serde(rename = "role_arn", default, deserialize_with = "stored::null_as_default")]
    pub(super) arn: String,
    /// `None` where the list was never written: upstream keeps that apart from an empty one.
    #[serde(default)]
    pub(super) remote_policies: Option<Vec<RemotePolicy>>,
    /// As for `remote_policies`.
    #[serde(default)]
    pub(super) inline_policies: Option<Vec<InlinePolicy>>,
    /// Zero means the mount's default.
    #[serde(default, with = "stored::nanoseconds")]
    pub(super) ttl: Duration,
    /// Zero means the mount's maximum.
    #[serde(default, with = "stored::nanoseconds")]
    pub(super) max_ttl: Duration,
    /// How long to wait until a new key works; zero means not at all.
    #[serde(
        default,
        with = "stored::nanoseconds",
        skip_serializing_if = "Duration::is_zero"
    )]
    pub(super) wait_for_propagation: Duration,
    /// The name as it was written last, where that is not lower case.
    #[serde(rename = "name", default, skip_serializing_if = "Option::is_none")]
    pub(super) spelling: Option<String>,
    /// RAM roles of which a request chooses one, in place of `arn`.
    #[serde(default, with = "stored::as_shown", skip_serializing_if = "Vec::is_empty")]
    pub(super) role_arns: Vec<RoleArn>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) session_policy: Option<PolicyDocument>,
    /// Whether a request may give the session policy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) allow_session_policy: bool,
    #[serde(default, with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    pub(super) external_id: Option<ExternalId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source_identity: Option<Template>,
    #[serde(default, with = "stored::as_shown", skip_serializing_if = "Vec::is_empty")]
    pub(super) ram_groups: Vec<GroupName>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    #[serde(default, with = "stored::as_shown", skip_serializing_if = "Vec::is_empty")]
    pub(super) allowed_ips: Vec<Network>,
    #[serde(default, with = "stored::as_shown", skip_serializing_if = "Vec::is_empty")]
    pub(super) allowed_vpcs: Vec<AllowedVpc>,
    /// `None` where it was never written: then the other fields tell.
    #[serde(default, with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    pub(super) credential_type: Option<CredentialType>,
    /// Of API keys.
    #[serde(default, with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    pub(super) service_name: Option<ServiceName>,
    /// How long API keys live at the most. Zero means a little longer than their leases.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) service_credential_days: u16,
    /// Members that this version does not know, kept as they are.
    #[serde(flatten)]
    pub(super) unknown: Map<String, Value>,
}

/// What callers write and read.
pub(super) static SETTINGS: LazyLock<Settings<Role>> = LazyLock::new(|| {
    Settings::new()
        .with(Setting::new("role_arn", |role: &mut Role| &mut role.arn).describe(
            "ARN of the role to be assumed. If provided, inline_policies and remote_policies should be blank. \
             At creation time, this role must have configured trusted actors, and the access key and secret that \
             will be used to assume the role (in /config) must qualify as a trusted actor.",
        ))
        .with(Setting::custom(
            Field::new("inline_policies", FieldKind::String)
                .describe("JSON of policies to be dynamically applied to users of this role: a list of documents.")
                .kept_as_sent(),
            |role: &mut Role| &mut role.inline_policies,
            |_, given| inline_policies(given).map(Some),
            |policies| shown(policies.as_deref(), InlinePolicy::shown),
        ))
        .with(Setting::custom(
            Field::new("remote_policies", FieldKind::StringSlice)
                .describe(
                    "The name and type of each remote policy to be applied. Example: \
                     \"name:AliyunRDSReadOnlyAccess,type:System\".",
                )
                .kept_as_sent(),
            |role: &mut Role| &mut role.remote_policies,
            |_, given| remote_policies(given).map(Some),
            |policies| shown(policies.as_deref(), RemotePolicy::shown),
        ))
        .with(Setting::new("ttl", |role: &mut Role| &mut role.ttl).describe(
            "Duration in seconds after which the issued credentials should expire. Defaults to 0, in which case \
             the value will fallback to the system/mount defaults, or to an hour for STS credentials, which live \
             for 15 minutes at the least.",
        ))
        .with(
            Setting::new("max_ttl", |role: &mut Role| &mut role.max_ttl)
                .describe("The maximum allowed lifetime of credentials issued using this role."),
        )
        .with(
            Setting::new("wait_for_propagation", |role: &mut Role| &mut role.wait_for_propagation).describe(
                "How long to wait, 60 seconds at the most, until a new access key works, before it is given out. \
                 Default: 0, in which case a key is given out at once and may be refused for some seconds. Not for STS \
                 credentials, which work at once.",
            ),
        )
        .with(
            Setting::new("role_arns", |role: &mut Role| &mut role.role_arns)
                .describe(
                    "ARNs of RAM roles in place of role_arn: a request for credentials chooses one with its role_arn, which it \
                     must give if there are several.",
                )
                .shown_if_set(),
        )
        .with(
            Setting::custom(
                Field::new("session_policy", FieldKind::String)
                    .describe(
                        "JSON of a policy document that further limits the sessions of the RAM role: they may do what both \
                         allow. At most 2,048 bytes.",
                    )
                    .kept_as_sent(),
                |role: &mut Role| &mut role.session_policy,
                |_, given| session_policy(given),
                |policy| policy.as_ref().map(PolicyDocument::text).into(),
            )
            .shown_if_set(),
        )
        .with(
            Setting::new("allow_session_policy", |role: &mut Role| &mut role.allow_session_policy)
                .describe(
                    "Whether a request for credentials may give a session_policy, which can only narrow what the RAM role \
                     allows. Excludes session_policy. Default: false.",
                )
                .shown_if_set(),
        )
        .with(
            Setting::new("external_id", |role: &mut Role| &mut role.external_id)
                .describe("External id that the trust policy of the RAM role asks for.")
                .shown_if_set(),
        )
        .with(
            Setting::custom(
                Field::new("source_identity", FieldKind::String).describe(
                    "Source identity of the sessions of the RAM role: seen in audit trails, also when they assume further \
                     roles. A template, such as {{identity.entity.name}}.",
                ),
                |role: &mut Role| &mut role.source_identity,
                |_, given| SOURCE_IDENTITY.read(given),
                |template| template.as_ref().map(ToString::to_string).into(),
            )
            .shown_if_set(),
        )
        .with(
            Setting::new("ram_groups", |role: &mut Role| &mut role.ram_groups)
                .describe("Names of the RAM groups, at most 10, that users of this role are made members of.")
                .shown_if_set(),
        )
        .with(
            Setting::new("tags", |role: &mut Role| &mut role.tags)
                .describe("Tags of the users of this role, at most 20, as key=value.")
                .shown_if_set(),
        )
        .with(
            Setting::new("description", |role: &mut Role| &mut role.description)
                .describe(
                    "What the role is for, at most 128 characters. Users of this role have as much of it in their comments as \
                     fits beside the owner tag, and their policies have it in their description.",
                )
                .shown_if_set(),
        )
        .with(
            Setting::new("allowed_ips", |role: &mut Role| &mut role.allowed_ips)
                .describe(
                    "Public IP addresses and CIDR blocks, at most 50, from which the access keys of this role can be used: they \
                     become the network policy of each key, which then can be used from nowhere else but allowed_vpcs.",
                )
                .shown_if_set(),
        )
        .with(
            Setting::new("allowed_vpcs", |role: &mut Role| &mut role.allowed_vpcs)
                .describe(
                    "VPCs from which the access keys of this role can be used, as vpc-<id>, or as vpc-<id>=<IP address or CIDR \
                     block> for a network within it, several times for several. AllowAllVPC stands for any VPC.",
                )
                .shown_if_set(),
        )
        .with(
            Setting::new("credential_type", |role: &mut Role| &mut role.credential_type)
                .describe(
                    "What the role gives out: access_key, assumed_role or service_credential, an API key for one service. \
                     Default: assumed_role for roles with role_arn or role_arns, access_key for others.",
                )
                .document(|field| field.allowed(&["", "access_key", "assumed_role", "service_credential"]))
                .shown_if_set(),
        )
        .with(
            Setting::new("service_name", |role: &mut Role| &mut role.service_name)
                .describe(
                    "The service that API keys are for, by its name in RAM. Required for the credential_type \
                     service_credential.",
                )
                .shown_if_set(),
        )
        .with(
            Setting::custom(
                Field::new("service_credential_days", FieldKind::Int).describe(
                    "Days after which an API key ends by itself, 1 to 36600; no lease lives longer. Default: 0, in which case \
                     a key lives up to a day longer than its lease can.",
                ),
                |role: &mut Role| &mut role.service_credential_days,
                |_, given| credential_type::days(given),
                |days| (*days).into(),
            )
            .shown_if_set(),
        )
});

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(days: &u16) -> bool {
    *days == 0
}

/// A list that was never written shows as null.
fn shown<T>(policies: Option<&[T]>, show: fn(&T) -> Value) -> Value {
    policies.map_or(Value::Null, |policies| policies.iter().map(show).collect())
}

impl Role {
    pub(super) async fn load(storage: &dyn Storage, name: &str) -> Result<Option<Self>, Error> {
        storage.get_json(&storage_key(name)).await
    }

    pub(super) async fn store(&self, storage: &dyn Storage, name: &str) -> Result<(), Error> {
        storage.put_json(&storage_key(name), self).await
    }

    /// Whether it assumes RAM roles.
    pub(super) fn assumes(&self) -> bool {
        !self.arn.is_empty() || !self.role_arns.is_empty()
    }

    /// The network policy of its access keys. `None`: they have none of their own.
    ///
    /// # Errors
    /// It breaks a limit of RAM's.
    pub(super) fn key_policy(&self) -> Result<Option<KeyPolicy>, Error> {
        KeyPolicy::new(&self.allowed_ips, &self.allowed_vpcs)
            .map_err(|error| Error::bad_request(format!("allowed_ips and allowed_vpcs: {error}")))
    }

    /// Whether its users have API keys in place of access keys.
    pub(super) fn has_api_keys(&self) -> bool {
        self.credential_type == Some(CredentialType::ServiceCredential)
    }

    /// What no lease lives longer than, whatever the role, the configuration and the mount say: the life of its API key.
    pub(super) fn longest_life(&self) -> Duration {
        match (self.has_api_keys(), self.service_credential_days) {
            (false, _) => Duration::MAX,
            (true, 0) => DAY * u32::from(MOST_DAYS),
            (true, days) => DAY * u32::from(days),
        }
    }

    pub(super) fn remote_policies(&self) -> &[RemotePolicy] {
        self.remote_policies.as_deref().unwrap_or_default()
    }

    pub(super) fn inline_policies(&self) -> &[InlinePolicy] {
        self.inline_policies.as_deref().unwrap_or_default()
    }
}

pub(super) fn storage_key(name: &str) -> String {
    format!("{STORAGE_PREFIX}{}", name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::to_go_json;

    /// Entries as the Go plugin writes them.
    const STORED: [&str; 8] = [
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
        // As this version writes everything else.
        "{\"role_arn\":\"\",\"remote_policies\":null,\"inline_policies\":null,\"ttl\":0,\"max_ttl\":0,\
         \"role_arns\":[\"acs:ram::1234567890123456:role/a\",\"acs:ram::1234567890123456:role/b\"],\"session_policy\":\
         {\"Statement\":[{\"Action\":\"oss:*\",\"Effect\":\"Allow\",\"Resource\":\"\\u003c\"}],\"Version\":\"1\"},\
         \"external_id\":\"agreed\",\"source_identity\":\"jane\",\"later\":1}\n",
        "{\"role_arn\":\"\",\"remote_policies\":[],\"inline_policies\":[],\"ttl\":0,\"max_ttl\":0,\
         \"ram_groups\":[\"g\",\"h\"],\"tags\":{\"a\":\"1\",\"b\":\"\"},\"description\":\"what \\u0026 why\",\
         \"allowed_ips\":[\"10.0.0.0/8\"],\"allowed_vpcs\":[\"vpc-a\",\"vpc-b=10.0.0.1\"],\"later\":1}\n",
        "{\"role_arn\":\"\",\"remote_policies\":[],\"inline_policies\":[],\"ttl\":0,\"max_ttl\":0,\
         \"credential_type\":\"service_credential\",\"service_name\":\"s\",\"service_credential_days\":7,\"later\":1}\n",
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
    fn keys_are_lower_case() {
        assert_eq!(storage_key("Dev"), "role/dev");
    }
}
