//! The configuration of a mount: its settings, as they are stored, written and shown. Without one, the method behaves as
//! upstream's, which has none.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::signed_request::OfficialHost;
use crate::cloud::Endpoint;
use crate::framework::{Error, Setting, Settings, Storage, stored};

pub(super) const STORAGE_KEY: &str = "config";

/// The most bytes of a server id: it travels in a URL.
const SERVER_ID_LIMIT: usize = 128;

/// What the method works with. Stored as it is: what cannot be read makes the whole configuration unreadable, because
/// without it, the server would take requests that were signed for another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    /// Hosts of STS beside the compiled-in list.
    #[serde(with = "stored::texts")]
    pub(super) sts_endpoints: BTreeSet<Endpoint>,
    /// If it is not empty, those official hosts of STS that requests may be sent to.
    #[serde(with = "stored::texts", skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) allowed_sts_hosts: BTreeSet<OfficialHost>,
    #[serde(deserialize_with = "stored::null_as_default")]
    pub(super) allow_vpc_endpoints: bool,
    /// What a signed request must name.
    #[serde(with = "stored::optional_text")]
    pub(super) server_id: Option<ServerId>,
    #[serde(with = "stored::text")]
    pub(super) ram_alias: RamAlias,
    #[serde(with = "stored::texts")]
    pub(super) ram_metadata: BTreeSet<MetadataField>,
    /// Whether a role answers to every spelling of its name, also where the host cannot know that they are one path.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) fold_role_names: bool,
    /// Members that this version does not know, kept as they are.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// What callers write and read.
pub(super) static SETTINGS: LazyLock<Settings<Config>> = LazyLock::new(|| {
    Settings::new()
        .with(
            Setting::new("sts_endpoints", |config: &mut Config| &mut config.sts_endpoints).describe(
                "Further hosts that are STS, beside the official ones: exact names such as \
                 sts.ap-southeast-6.aliyuncs.com, no patterns.",
            ),
        )
        .with(
            Setting::new("allowed_sts_hosts", |config: &mut Config| &mut config.allowed_sts_hosts).describe(
                "Of the official hosts of STS, those that requests may be sent to, such as sts.aliyuncs.com or \
                 sts.cn-hangzhou.aliyuncs.com. Hosts in sts_endpoints are allowed beside them. Default: all.",
            ),
        )
        .with(
            Setting::new("allow_vpc_endpoints", |config: &mut Config| &mut config.allow_vpc_endpoints).describe(
                "Whether requests may be signed for the VPC hosts of STS, sts-vpc.<region>.aliyuncs.com. They answer \
                 only inside the region's private network. Default: false.",
            ),
        )
        .with(
            Setting::new("server_id", |config: &mut Config| &mut config.server_id).describe(
                "When set, a login must carry the query parameter VaultServerId with this value inside its signature.",
            ),
        )
        .with(
            Setting::text("ram_alias", |config: &mut Config| &mut config.ram_alias)
                .describe(
                    "What the name of an entity alias is: principal_id, role_id, role_arn or arn. Default: \
                     principal_id.",
                )
                .document(|field| field.allowed(RamAlias::WORDS)),
        )
        .with(
            Setting::new("ram_metadata", |config: &mut Config| &mut config.ram_metadata).describe(
                "What goes to the metadata of the entity alias: any of account_id, arn, identity_type, principal_id, \
                 role_arn, role_id, role_name, user_id. OpenBao takes no values with a slash, as arn and role_arn \
                 have, in templated policies. Default: nothing.",
            ),
        )
        .with(
            Setting::new("fold_role_names", |config: &mut Config| &mut config.fold_role_names).describe(
                "Whether role/<name> answers to every spelling of a role's name on hosts that do not ask the plugin \
                 which path is meant (Vault, and OpenBao before 2.7). There, a policy that denies one spelling does not \
                 deny the others. Default: false.",
            ),
        )
});

/// The name of a server, such as its address. Requests carry it in their query, so it has no spaces and is ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerId(String);

/// What the name of an entity alias is made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum RamAlias {
    /// Upstream's choice: one alias for each session, user and account.
    #[default]
    PrincipalId,
    /// The id of the role for its sessions; of users and accounts, which have none, their own id.
    RoleId,
    /// The ARN of the role for its sessions; of users and accounts their own ARN.
    RoleArn,
    /// The caller's ARN, with the session.
    Arn,
}

/// A part of the caller's identity that can go to the alias metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MetadataField {
    AccountId,
    Arn,
    IdentityType,
    PrincipalId,
    RoleArn,
    RoleId,
    RoleName,
    UserId,
}

impl Config {
    pub(super) async fn load(storage: &dyn Storage) -> Result<Option<Self>, Error> {
        storage.get_json(STORAGE_KEY).await
    }

    pub(super) async fn store(&self, storage: &dyn Storage) -> Result<(), Error> {
        storage.put_json(STORAGE_KEY, self).await
    }
}

impl FromStr for ServerId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits =
            (1..=SERVER_ID_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            return Err(format!(
                "expected 1 to {SERVER_ID_LIMIT} visible ASCII characters"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl ServerId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl RamAlias {
    const ALL: [Self; 4] = [Self::PrincipalId, Self::RoleId, Self::RoleArn, Self::Arn];
    pub(super) const WORDS: &'static [&'static str] = &["principal_id", "role_id", "role_arn", "arn"];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::PrincipalId => "principal_id",
            Self::RoleId => "role_id",
            Self::RoleArn => "role_arn",
            Self::Arn => "arn",
        }
    }
}

impl MetadataField {
    const ALL: [Self; 8] = [
        Self::AccountId,
        Self::Arn,
        Self::IdentityType,
        Self::PrincipalId,
        Self::RoleArn,
        Self::RoleId,
        Self::RoleName,
        Self::UserId,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::AccountId => "account_id",
            Self::Arn => "arn",
            Self::IdentityType => "identity_type",
            Self::PrincipalId => "principal_id",
            Self::RoleArn => "role_arn",
            Self::RoleId => "role_id",
            Self::RoleName => "role_name",
            Self::UserId => "user_id",
        }
    }
}

impl FromStr for RamAlias {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|alias| alias.word() == text);
        found.ok_or_else(|| format!("expected one of {}", Self::WORDS.join(", ")))
    }
}

impl FromStr for MetadataField {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|field| field.word() == text);
        found.ok_or_else(|| format!("expected one of {}", Self::ALL.map(Self::word).join(", ")))
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RamAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for MetadataField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::to_go_json;

    #[test]
    fn an_entry_reads_and_writes_back_as_the_same_bytes() {
        for stored in [
            "{\"sts_endpoints\":[\"sts.ap-southeast-6.aliyuncs.com\",\"sts.internal:8443\"],\
             \"allowed_sts_hosts\":[\"sts.aliyuncs.com\"],\"allow_vpc_endpoints\":true,\"server_id\":\"vault.example.com\",\"ram_alias\":\"role_arn\",\
             \"ram_metadata\":[\"account_id\",\"role_name\"],\"fold_role_names\":true,\"later\":{\"n\":1.5}}\n",
            "{\"sts_endpoints\":[],\"allow_vpc_endpoints\":false,\"server_id\":\"\",\"ram_alias\":\"principal_id\",\
             \"ram_metadata\":[]}\n",
        ] {
            let config: Config = serde_json::from_str(stored).unwrap();
            assert_eq!(String::from_utf8(to_go_json(&config).unwrap()).unwrap(), stored);
        }
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    }

    #[test]
    fn what_cannot_be_read_is_not_left_out() {
        for stored in [
            r#"{"server_id": 1}"#,
            r#"{"server_id": "a b"}"#,
            r#"{"sts_endpoints": ["127.0.0.1"]}"#,
            r#"{"allowed_sts_hosts": ["sts.example.com"]}"#,
            r#"{"sts_endpoints": "sts.example.com"}"#,
            r#"{"allow_vpc_endpoints": "yes"}"#,
            r#"{"ram_alias": "name"}"#,
            r#"{"ram_metadata": ["shoe_size"]}"#,
        ] {
            assert!(serde_json::from_str::<Config>(stored).is_err(), "{stored}");
        }
    }

    #[test]
    fn the_words_are_those_of_the_variants() {
        assert_eq!(RamAlias::ALL.map(RamAlias::word), RamAlias::WORDS);
        for field in MetadataField::ALL {
            assert_eq!(field.word().parse(), Ok(field));
        }
    }
}
