//! The configuration of a mount: its settings, as they are stored, written and shown. Without one, the method behaves as
//! upstream's, which has none.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::signed_request::OfficialHost;
use super::tag::TagKey;
use crate::alicloud::{Credentials, endpoint};
use crate::cloud::{Endpoint, checked_text};
use crate::framework::{
    Error, FieldKind, FieldValues, Setting, SettingValue, Settings, Storage, stored, words,
};

pub(super) const STORAGE_KEY: &str = "config";

/// The most bytes of a server id: it travels in a URL.
const SERVER_ID_LIMIT: usize = 128;

/// What the method works with. Stored as it is: what cannot be read makes the whole configuration unreadable, because
/// without it, the server would take requests that were signed for another one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    /// Hosts of STS beside the compiled-in list.
    #[serde(with = "stored::as_shown")]
    pub(super) sts_endpoints: BTreeSet<Endpoint>,
    /// If it is not empty, those official hosts of STS that requests may be sent to.
    #[serde(with = "stored::as_shown", skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) allowed_sts_hosts: BTreeSet<OfficialHost>,
    #[serde(deserialize_with = "stored::null_as_default")]
    pub(super) allow_vpc_endpoints: bool,
    /// What a signed request must name.
    #[serde(with = "stored::as_shown")]
    pub(super) server_id: Option<ServerId>,
    #[serde(with = "stored::as_shown")]
    pub(super) ram_alias: RamAlias,
    #[serde(with = "stored::as_shown")]
    pub(super) ram_metadata: BTreeSet<MetadataField>,
    /// Whether a role answers to every spelling of its name, also where the host cannot know that they are one path.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) fold_role_names: bool,
    /// Tags of RAM roles that go to the alias metadata.
    #[serde(with = "stored::as_shown", skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) ram_tags_metadata: BTreeSet<TagKey>,
    /// Blank, as the secret key, when the credentials for reading tags come from the server's environment.
    #[serde(
        deserialize_with = "stored::null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    access_key: String,
    #[serde(with = "stored::secret", skip_serializing_if = "stored::secret::is_blank")]
    secret_key: SecretString,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    ram_endpoint: Option<Endpoint>,
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
            Setting::new("ram_alias", |config: &mut Config| &mut config.ram_alias)
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
        .with(
            Setting::new("ram_tags_metadata", |config: &mut Config| &mut config.ram_tags_metadata).describe(
                "Keys of tags that sessions of RAM roles in this mount's own account have as metadata of their entity \
                 alias, each as ram_tag_<key>. The tags are read at login with the credentials of this mount, which need \
                 ram:GetRole and ram:ListTagResources. Default: nothing.",
            ),
        )
        .with(Setting::new("access_key", |config: &mut Config| &mut config.access_key).describe(
            "Access key id for reading the tags of RAM roles, for ram_tags_metadata and the bound_tags of roles. It is used \
             for nothing else. Default: the credentials in the server's environment. Written with secret_key.",
        ))
        .with(
            Setting::new("secret_key", |config: &mut Config| &mut config.secret_key)
                .describe("Secret of the access key. It is never read back.")
                .secret(),
        )
        .with(
            Setting::new("ram_endpoint", |config: &mut Config| &mut config.ram_endpoint).describe(
                "Host to call for RAM in place of ram.aliyuncs.com, for a private cloud or a VPC. Whoever runs it decides \
                 which tags a RAM role has.",
            ),
        )
});

checked_text! {
    /// The name of a server, such as its address. Requests carry it in their query, so it has no spaces and is ASCII.
    pub(super) struct ServerId, |text| {
        let fits =
            (1..=SERVER_ID_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(()).ok_or_else(|| format!("expected 1 to {SERVER_ID_LIMIT} visible ASCII characters"))
    } => String;
}

words! {
    /// What the name of an entity alias is made from.
    #[derive(Default)]
    pub(super) enum RamAlias {
        /// Upstream's choice: one alias for each session, user and account.
        #[default]
        PrincipalId = "principal_id",
        /// The id of the role for its sessions; of users and accounts, which have none, their own id.
        RoleId = "role_id",
        /// The ARN of the role for its sessions; of users and accounts their own ARN.
        RoleArn = "role_arn",
        /// The caller's ARN, with the session.
        Arn = "arn",
    }
}

words! {
    /// A part of the caller's identity that can go to the alias metadata.
    pub(super) enum MetadataField {
        AccountId = "account_id",
        Arn = "arn",
        IdentityType = "identity_type",
        PrincipalId = "principal_id",
        RoleArn = "role_arn",
        RoleId = "role_id",
        RoleName = "role_name",
        UserId = "user_id",
    }
}

/// A blank is the default.
impl SettingValue for RamAlias {
    const KIND: FieldKind = FieldKind::String;

    fn from_field(value: &Value) -> Result<Self, String> {
        Option::<Self>::from_field(value).map(Option::unwrap_or_default)
    }

    fn to_shown(&self) -> Value {
        self.word().into()
    }
}

impl Config {
    /// Changes what was given and leaves the rest.
    ///
    /// # Errors
    /// The first broken rule, as an answer that names the field. Then the configuration is half changed and must not be
    /// used.
    pub(super) fn merge(&mut self, given: &FieldValues) -> Result<(), Error> {
        SETTINGS.merge(self, given)?;
        let both = ["access_key", "secret_key"].map(|name| given.given(name));
        if both == [true, false] || both == [false, true] || self.has_half_a_pair() {
            return Err(Error::bad_request(
                "access_key and secret_key are written together, and both or none of them is blank",
            ));
        }
        Ok(())
    }

    fn has_half_a_pair(&self) -> bool {
        self.access_key.is_empty() != stored::secret::is_blank(&self.secret_key)
    }

    /// The access key for reading tags, if there is one of this mount's own.
    pub(super) fn access_key(&self) -> &str {
        &self.access_key
    }

    pub(super) fn key_pair(&self) -> Option<Credentials> {
        let is_set = !self.access_key.is_empty() && !self.secret_key.expose_secret().is_empty();
        is_set.then(|| Credentials::new(self.access_key.clone(), self.secret_key.clone()))
    }

    pub(super) fn ram_endpoint(&self) -> Endpoint {
        self.ram_endpoint.clone().unwrap_or_else(endpoint::ram)
    }

    pub(super) async fn load(storage: &dyn Storage) -> Result<Option<Self>, Error> {
        storage.get_json(STORAGE_KEY).await
    }

    pub(super) async fn store(&self, storage: &dyn Storage) -> Result<(), Error> {
        storage.put_json(STORAGE_KEY, self).await
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
             \"ram_metadata\":[],\"ram_tags_metadata\":[\"a b\",\"team\"],\"access_key\":\"k\",\"secret_key\":\"s\",\
             \"ram_endpoint\":\"ram.example.com\"}\n",
            "{\"sts_endpoints\":[],\"allow_vpc_endpoints\":false,\"server_id\":\"\",\"ram_alias\":\"principal_id\",\
             \"ram_metadata\":[]}\n",
        ] {
            let config: Config = serde_json::from_str(stored).unwrap();
            assert_eq!(String::from_utf8(to_go_json(&config).unwrap()).unwrap(), stored);
        }
        let none: Config = serde_json::from_str("{}").unwrap();
        assert_eq!(
            to_go_json(&none).unwrap(),
            to_go_json(&Config::default()).unwrap()
        );
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
            r#"{"ram_tags_metadata": [""]}"#,
            r#"{"ram_tags_metadata": "team"}"#,
            r#"{"ram_endpoint": "https://x"}"#,
            r#"{"secret_key": 1}"#,
        ] {
            assert!(serde_json::from_str::<Config>(stored).is_err(), "{stored}");
        }
    }

    #[test]
    fn each_word_is_read_and_printed() {
        for word in RamAlias::WORDS {
            assert_eq!(word.parse::<RamAlias>().unwrap().to_string(), *word);
        }
        assert_eq!(
            "name".parse::<RamAlias>().unwrap_err(),
            "expected one of principal_id, role_id, role_arn, arn"
        );
    }
}
