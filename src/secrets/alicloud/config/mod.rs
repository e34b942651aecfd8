//! The configuration of a mount: its settings, as they are stored, written and shown. `path` has its API.

pub(super) mod path;
pub(super) mod previous;
mod rotation;
mod values;
mod warnings;

use std::sync::LazyLock;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::alicloud::credentials::{
    Credentials, OidcToken, RoleToAssume, Settings as CredentialSettings, Source, TokenFile,
};
use crate::alicloud::sts::{ExternalId, OidcProviderArn, RoleSessionName};
use crate::alicloud::{Endpoint, Region, endpoint};
use crate::framework::{Change, Error, Field, FieldKind, Setting, Settings, Storage, stored};
pub(super) use crate::secrets::alicloud::config::values::RoleArn;
use crate::secrets::alicloud::config::values::{CredentialSource, quota};
use crate::secrets::alicloud::names;
use crate::secrets::rotation::{RotationSettings, with_rotation};
use crate::secrets::template::Template;

/// Upstream's key.
pub(super) const STORAGE_KEY: &str = "config";

/// RAM's quota of custom policies for each user, unless the account's was raised.
const DEFAULT_CUSTOM_POLICIES: u16 = 10;
/// RAM's quota of system policies for each user, unless the account's was raised.
const DEFAULT_SYSTEM_POLICIES: u16 = 20;

/// More would only last longer than any request does.
const MOST_RETRIES: u8 = 20;

/// What the engine works with. Upstream's two members are stored first, in its order, then ours where they are set, then
/// what this version does not know. The Go plugin skips what it does not know.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    /// Blank, as the secret key, when credentials come from elsewhere.
    #[serde(deserialize_with = "stored::null_as_default")]
    pub(super) access_key: String,
    #[serde(with = "stored::secret")]
    pub(super) secret_key: SecretString,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<Region>,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    ram_endpoint: Option<Endpoint>,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    sts_endpoint: Option<Endpoint>,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    ims_endpoint: Option<Endpoint>,
    /// The account's quota of custom policies for each user, where it was raised.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_custom_policies: Option<u16>,
    /// The account's quota of system policies for each user, where it was raised.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_system_policies: Option<u16>,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    credential_source: Option<CredentialSource>,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    oidc_provider_arn: Option<OidcProviderArn>,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    oidc_token_file: Option<TokenFile>,
    /// The role that every call is made as.
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    role_arn: Option<RoleArn>,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    role_session_name: Option<RoleSessionName>,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    external_id: Option<ExternalId>,
    /// Repetitions of a call that was throttled or failed transiently, where it is not the client's own number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_retries: Option<u8>,
    /// The key pair of the account that the mount had before, for revoking what was made there.
    #[serde(
        deserialize_with = "stored::null_as_default",
        skip_serializing_if = "String::is_empty"
    )]
    previous_access_key: String,
    #[serde(with = "stored::secret", skip_serializing_if = "stored::secret::is_blank")]
    previous_secret_key: SecretString,
    /// Whether roles answer to every spelling of their names also where the host does not ask which path is meant.
    #[serde(
        deserialize_with = "stored::null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub(super) fold_role_names: bool,
    /// The TTL of leases whose role has none. Zero means the mount's.
    #[serde(with = "stored::nanoseconds", skip_serializing_if = "Duration::is_zero")]
    pub(super) default_ttl: Duration,
    /// The maximum TTL of leases whose role has none. Zero means the mount's.
    #[serde(with = "stored::nanoseconds", skip_serializing_if = "Duration::is_zero")]
    pub(super) max_ttl: Duration,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) username_template: Option<Template>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role_session_name_template: Option<Template>,
    #[serde(flatten)]
    pub(super) rotation: RotationSettings,
    /// Ids of keys that rotations have replaced and deleted.
    #[serde(
        deserialize_with = "stored::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    rotated_keys: Vec<String>,
    /// Members that this version does not know, kept as they are.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// What callers write and read.
pub(super) static SETTINGS: LazyLock<Settings<Config>> = LazyLock::new(|| {
    let own = Settings::new()
        .with(Setting::new("access_key", |config: &mut Config| &mut config.access_key).describe(
            "Access key id with permission to manage RAM users and policies, or to assume roles.",
        ))
        .with(
            Setting::new("secret_key", |config: &mut Config| &mut config.secret_key)
                .describe("Secret of the access key. It is never read back.")
                .secret(),
        )
        .with(
            Setting::new("region", |config: &mut Config| &mut config.region)
                .describe("Region whose STS endpoint is called. Default: us-east-1, as the Go plugin has it fixed.")
                .shown_as(|config| config.region.clone().unwrap_or_default().as_str().into()),
        )
        .with(
            Setting::new("ram_endpoint", |config: &mut Config| &mut config.ram_endpoint)
                .describe("Host to call for RAM in place of ram.aliyuncs.com, for a private cloud or a VPC."),
        )
        .with(Setting::new("sts_endpoint", |config: &mut Config| &mut config.sts_endpoint).describe(
            "Host to call for STS in place of the region's own, such as sts-vpc.<region>.aliyuncs.com.",
        ))
        .with(
            Setting::new("ims_endpoint", |config: &mut Config| &mut config.ims_endpoint).describe(
                "Host to call for IMS, which tags users, in place of ims.aliyuncs.com, for a private cloud or a VPC.",
            ),
        )
        .with(Setting::custom(
            Field::new("max_custom_policies", FieldKind::Int).describe(
                "Custom policies that the account allows for each user. Default: 10, as RAM's. 0 resets it.",
            ),
            |config: &mut Config| &mut config.max_custom_policies,
            |name, value| quota(name, value, DEFAULT_CUSTOM_POLICIES),
            |quota| quota.unwrap_or(DEFAULT_CUSTOM_POLICIES).into(),
        ))
        .with(Setting::custom(
            Field::new("max_system_policies", FieldKind::Int).describe(
                "System policies that the account allows for each user. Default: 20, as RAM's. 0 resets it.",
            ),
            |config: &mut Config| &mut config.max_system_policies,
            |name, value| quota(name, value, DEFAULT_SYSTEM_POLICIES),
            |quota| quota.unwrap_or(DEFAULT_SYSTEM_POLICIES).into(),
        ))
        .with(
            Setting::new("credential_source", |config: &mut Config| &mut config.credential_source)
                .describe(
                    "Source of the credentials: config, environment, oidc, uri or ecs. Default: the first of these that \
                     is configured.",
                )
                .document(|field| field.allowed(CredentialSource::WORDS)),
        )
        .with(Setting::new("oidc_provider_arn", |config: &mut Config| &mut config.oidc_provider_arn).describe(
            "ARN of the RAM OIDC provider that trusts the token's issuer: acs:ram::<account id>:oidc-provider/<name>. Default: \
             ALIBABA_CLOUD_OIDC_PROVIDER_ARN, with the token file of the environment.",
        ))
        .with(Setting::new("oidc_token_file", |config: &mut Config| &mut config.oidc_token_file).describe(
            "Absolute path of the file that holds the OIDC token. Written with oidc_provider_arn.",
        ))
        .with(Setting::new("role_arn", |config: &mut Config| &mut config.role_arn).describe(
            "ARN of a RAM role, possibly in another account, to assume for every call: acs:ram::<account id>:role/<name>.",
        ))
        .with(
            Setting::new("role_session_name", |config: &mut Config| &mut config.role_session_name)
                .describe("Name of the session of role_arn in audit trails. Default: vault-plugin-alicloud."),
        )
        .with(
            Setting::new("external_id", |config: &mut Config| &mut config.external_id)
                .describe("External id that the trust policy of role_arn asks for."),
        )
        .with(Setting::custom(
            Field::new("max_retries", FieldKind::Int)
                .describe(
                    "Repetitions of a call that was throttled or failed transiently, 0 to 20. Default: 12. -1 resets it.",
                )
                .documented_default(-1),
            |config: &mut Config| &mut config.max_retries,
            |_, value| max_retries(value),
            |retries| retries.map_or(-1, i64::from).into(),
        ))
        .with(
            Setting::new("previous_access_key", |config: &mut Config| {
                &mut config.previous_access_key
            })
            .describe(
                "Access key id of the account that the mount had before. It is used only to revoke leases of that \
                 account, and removed when the last of them is gone. Written with previous_secret_key.",
            ),
        )
        .with(
            Setting::new("previous_secret_key", |config: &mut Config| {
                &mut config.previous_secret_key
            })
            .describe("Secret of previous_access_key. It is never read back.")
            .secret(),
        )
        .with(
            Setting::new("fold_role_names", |config: &mut Config| {
                &mut config.fold_role_names
            })
            .describe(
                "Whether a role answers to every spelling of its name also on a server that does not ask which path a \
                 request means: Vault, and OpenBao before 2.7. There, a policy that denies one spelling of a path does \
                 not deny the others. Default: false, where a role answers to the spelling that it was written with.",
            ),
        )
        .with(
            Setting::new("default_ttl", |config: &mut Config| &mut config.default_ttl).describe(
                "TTL of the leases of roles without a ttl of their own. Default: the mount's default TTL, or an hour for STS \
                 credentials. 0 resets it.",
            ),
        )
        .with(
            Setting::new("max_ttl", |config: &mut Config| &mut config.max_ttl).describe(
                "Maximum TTL of the leases of roles without a max_ttl of their own, renewals included. Default: the mount's \
                 maximum TTL, which nothing exceeds. 0 resets it.",
            ),
        )
        .with(Setting::custom(
            Field::new("username_template", FieldKind::String).describe(
                "Template for the names of RAM users, with .DisplayName and .RoleName. It must keep 10 characters of random. \
                 Default: vault-<display name>-<role>-<unix time>-<10 random characters>.",
            ),
            |config: &mut Config| &mut config.username_template,
            |_, given| names::USERNAME.read(given),
            shown,
        ))
        .with(Setting::custom(
            Field::new("role_session_name_template", FieldKind::String).describe(
                "Template for the names of the sessions of RAM roles, with .DisplayName and .RoleName. Default: as for the \
                 names of users.",
            ),
            |config: &mut Config| &mut config.role_session_name_template,
            |_, given| names::SESSION_NAME.read(given),
            shown,
        ));
    with_rotation(own)
});

fn shown(template: &Option<Template>) -> Value {
    template
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
        .into()
}

impl Config {
    pub(super) async fn load(storage: &dyn Storage) -> Result<Option<Self>, Error> {
        storage.get_json(STORAGE_KEY).await
    }

    pub(super) async fn store(&self, storage: &dyn Storage) -> Result<(), Error> {
        storage.put_json(STORAGE_KEY, self).await
    }

    /// What [`Self::store`] does, as a change to be made together with others.
    pub(super) fn put(&self) -> Result<Change, Error> {
        Change::put_json(STORAGE_KEY.to_owned(), self)
    }

    pub(super) fn has_key_pair(&self) -> bool {
        !self.access_key.is_empty() && !self.secret_key.expose_secret().is_empty()
    }

    /// Whether credentials come from what the server's environment offers.
    pub(super) fn finds_credentials_outside(&self) -> bool {
        !self.has_key_pair() && self.oidc_provider_arn.is_none()
    }

    /// What is to be known for finding credentials.
    pub(super) fn credential_settings(&self) -> CredentialSettings {
        let pair = (self.has_key_pair() && matches!(self.source(), None | Some(Source::Stored)))
            .then(|| Credentials::new(self.access_key.clone(), self.secret_key.clone()));
        let oidc = self.oidc_provider_arn.clone().zip(self.oidc_token_file.clone());
        CredentialSettings {
            pair,
            source: self.source(),
            oidc: oidc.map(|(provider, file)| OidcToken { provider, file }),
            role: self.role_arn.clone().map(|RoleArn(arn)| RoleToAssume {
                arn,
                session_name: self.role_session_name.clone(),
                external_id: self.external_id.clone(),
            }),
            // The environment may know an STS; what the mount was told goes before it.
            sts: (self.sts_endpoint.is_some() || self.region.is_some()).then(|| self.sts_endpoint()),
        }
    }

    pub(super) fn ram_endpoint(&self) -> Endpoint {
        self.ram_endpoint.clone().unwrap_or_else(endpoint::ram)
    }

    pub(super) fn ims_endpoint(&self) -> Endpoint {
        self.ims_endpoint.clone().unwrap_or_else(endpoint::ims)
    }

    pub(super) fn sts_endpoint(&self) -> Endpoint {
        self.sts_endpoint
            .clone()
            .unwrap_or_else(|| endpoint::sts(&self.region.clone().unwrap_or_default()))
    }

    /// How many custom policies a user can have.
    pub(super) fn custom_policies(&self) -> usize {
        self.max_custom_policies.unwrap_or(DEFAULT_CUSTOM_POLICIES).into()
    }

    /// How many system policies a user can have.
    pub(super) fn system_policies(&self) -> usize {
        self.max_system_policies.unwrap_or(DEFAULT_SYSTEM_POLICIES).into()
    }

    /// The account of the role that every call is made as, if there is one.
    pub(super) fn account_of_role(&self) -> Option<String> {
        let RoleArn(arn) = self.role_arn.as_ref()?;
        Some(arn.account().to_string())
    }

    /// The credentials of the account that the mount had before.
    pub(super) fn previous_credentials(&self) -> Option<Credentials> {
        let secret = &self.previous_secret_key;
        (!self.previous_access_key.is_empty() && !secret.expose_secret().is_empty())
            .then(|| Credentials::new(self.previous_access_key.clone(), secret.clone()))
    }

    /// Forgets the credentials of the account that the mount had before.
    pub(super) fn forget_previous(&mut self) {
        self.previous_access_key.clear();
        self.previous_secret_key = SecretString::default();
    }

    fn source(&self) -> Option<Source> {
        self.credential_source.map(|CredentialSource(source)| source)
    }

    /// Whether settings are there that only work together.
    fn check(&self) -> Result<(), Error> {
        let refused = |text: &'static str| Err(Error::bad_request(text));
        if self.oidc_provider_arn.is_some() != self.oidc_token_file.is_some() {
            return refused("oidc_provider_arn and oidc_token_file must be set or cleared together");
        }
        let has_secret = !self.previous_secret_key.expose_secret().is_empty();
        if has_secret == self.previous_access_key.is_empty() {
            return refused("previous_access_key and previous_secret_key are set or blanked together");
        }
        if self.external_id.is_some() && self.role_arn.is_none() {
            return refused("external_id requires role_arn: set role_arn, or clear external_id");
        }
        if self.role_session_name.is_some() && self.role_arn.is_none() {
            return refused("role_session_name needs a role_arn: set that, or blank role_session_name too");
        }
        if self.credential_source == Some(CredentialSource(Source::Stored)) && !self.has_key_pair() {
            return refused("credential_source is config, which needs access_key and secret_key");
        }
        if !self.max_ttl.is_zero() && self.default_ttl > self.max_ttl {
            return refused("default_ttl exceeds max_ttl");
        }
        self.check_rotation()
    }
}

fn max_retries(given: &Value) -> Result<Option<u8>, Error> {
    let retries = given.as_i64().unwrap_or(i64::MIN);
    match u8::try_from(retries) {
        Err(_) if retries == -1 => Ok(None),
        Ok(retries) if retries <= MOST_RETRIES => Ok(Some(retries)),
        _ => Err(Error::bad_request(format!(
            "max_retries must be between 0 and {MOST_RETRIES}, or -1 for the default"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::to_go_json;

    #[test]
    fn an_entry_of_the_go_plugin_reads_and_writes_back_as_the_same_bytes() {
        let stored = b"{\"access_key\":\"LTAIabc\",\"secret_key\":\"s\\u0026t\"}\n";
        let config: Config = serde_json::from_slice(stored).unwrap();
        assert!(config.has_key_pair());
        assert_eq!(to_go_json(&config).unwrap(), stored);
    }

    #[test]
    fn own_and_unknown_members_survive() {
        let stored = b"{\"access_key\":\"\",\"secret_key\":\"\",\"region\":\"cn-hangzhou\",\
            \"sts_endpoint\":\"sts.example.com\",\"ims_endpoint\":\"ims.example.com\",\"max_custom_policies\":15,\"credential_source\":\"oidc\",\
            \"oidc_provider_arn\":\"acs:ram::12345:oidc-provider/p\",\"oidc_token_file\":\"/run/token\",\
            \"role_arn\":\"acs:ram::12345:role/r\",\"role_session_name\":\"me\",\"external_id\":\"a=b\",\
            \"max_retries\":0,\"default_ttl\":3600000000000,\"max_ttl\":7200000000000,\
            \"username_template\":\"v-{{ random 20 }}\\n\",\"role_session_name_template\":\"{{ .RoleName }}-x\",\"rotation\":{\"a\":1.5}}\n";
        let config: Config = serde_json::from_slice(stored).unwrap();
        assert!(!config.has_key_pair());
        assert_eq!(to_go_json(&config).unwrap(), stored);
    }

    #[test]
    fn a_damaged_member_makes_the_configuration_unreadable() {
        for (member, value) in [
            ("credential_source", "\"guess\""),
            ("oidc_provider_arn", "\"acs:ram::12345:role/r\""),
            ("oidc_token_file", "\"token\""),
            ("role_arn", "\"acs:ram::12345:user/u\""),
            ("role_session_name", "\"a b\""),
            ("external_id", "\"a\""),
            ("max_retries", "1000"),
            ("username_template", "\"{{\""),
        ] {
            let stored = format!("{{\"access_key\":\"\",\"secret_key\":\"\",\"{member}\":{value}}}");
            assert!(serde_json::from_str::<Config>(&stored).is_err(), "{stored}");
        }
    }

    #[test]
    fn the_secret_does_not_print() {
        let config = Config {
            secret_key: "hush".into(),
            ..Config::default()
        };
        assert!(!format!("{config:?} {:?}", config.credential_settings()).contains("hush"));
    }
}
