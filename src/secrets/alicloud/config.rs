//! The configuration of a mount.

mod stored;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::role::{DEFAULT_CUSTOM_POLICIES, DEFAULT_SYSTEM_POLICIES};
use crate::alicloud::arn::Identity;
use crate::alicloud::credentials::{OidcToken, RoleToAssume, Settings, Source, TokenFile};
use crate::alicloud::sts::{ExternalId, OidcProviderArn, RoleSessionName};
use crate::alicloud::{Arn, Credentials, Endpoint, Region, endpoint};
use crate::framework::{Error, Storage};

/// Upstream's key.
pub(super) const STORAGE_KEY: &str = "config";

/// The sources that a mount can be held to, as `credential_source` spells them, in the order of the search.
pub(super) const SOURCES: [(&str, Source); 5] = [
    ("config", Source::Stored),
    ("environment", Source::Environment),
    ("oidc", Source::Oidc),
    ("uri", Source::Uri),
    ("ecs", Source::Ecs),
];

/// What the engine works with. Both halves of the key pair are blank when credentials come from elsewhere.
#[derive(Debug, Clone, Default)]
pub(super) struct Config {
    pub(super) access_key: String,
    pub(super) secret_key: SecretString,
    pub(super) region: Option<Region>,
    pub(super) ram_endpoint: Option<Endpoint>,
    pub(super) sts_endpoint: Option<Endpoint>,
    /// The account's quota of custom policies for each user, where it was raised.
    pub(super) max_custom_policies: Option<u16>,
    /// The account's quota of system policies for each user, where it was raised.
    pub(super) max_system_policies: Option<u16>,
    /// The only source of credentials, in place of a search; one of [`SOURCES`].
    pub(super) credential_source: Option<Source>,
    pub(super) oidc_provider_arn: Option<OidcProviderArn>,
    pub(super) oidc_token_file: Option<TokenFile>,
    /// The role that every call is made as.
    pub(super) role_arn: Option<Arn>,
    pub(super) role_session_name: Option<RoleSessionName>,
    pub(super) external_id: Option<ExternalId>,
    /// Repetitions of a call that failed in passing, where it is not the client's own number.
    pub(super) max_retries: Option<u8>,
    /// Members that this version does not know, kept as they are.
    unknown: Map<String, Value>,
}

impl Config {
    pub(super) async fn load(storage: &dyn Storage) -> Result<Option<Self>, Error> {
        storage.get_json(STORAGE_KEY).await
    }

    pub(super) async fn store(&self, storage: &dyn Storage) -> Result<(), Error> {
        storage.put_json(STORAGE_KEY, self).await
    }

    pub(super) fn has_key_pair(&self) -> bool {
        !self.access_key.is_empty() && !self.secret_key.expose_secret().is_empty()
    }

    /// What is to be known for finding credentials.
    pub(super) fn credential_settings(&self) -> Settings {
        let pair = (self.has_key_pair() && matches!(self.credential_source, None | Some(Source::Stored)))
            .then(|| Credentials::new(self.access_key.clone(), self.secret_key.clone()));
        let oidc = self.oidc_provider_arn.clone().zip(self.oidc_token_file.clone());
        Settings {
            pair,
            source: self.credential_source,
            oidc: oidc.map(|(provider, file)| OidcToken { provider, file }),
            role: self.role_arn.clone().map(|arn| RoleToAssume {
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

    pub(super) fn sts_endpoint(&self) -> Endpoint {
        self.sts_endpoint
            .clone()
            .unwrap_or_else(|| endpoint::sts(&self.region.clone().unwrap_or_default()))
    }

    pub(super) fn custom_policies(&self) -> usize {
        self.max_custom_policies
            .map_or(DEFAULT_CUSTOM_POLICIES, usize::from)
    }

    pub(super) fn system_policies(&self) -> usize {
        self.max_system_policies
            .map_or(DEFAULT_SYSTEM_POLICIES, usize::from)
    }
}

/// A source as `credential_source` spells it.
pub(super) fn source_word(source: Source) -> &'static str {
    SOURCES
        .iter()
        .find(|(_, known)| *known == source)
        .map_or("", |(word, _)| *word)
}

/// The source behind a word.
pub(super) fn parse_source(word: &str) -> Result<Source, &'static str> {
    SOURCES
        .iter()
        .find(|(known, _)| *known == word)
        .map(|(_, source)| *source)
        .ok_or("a source is one of config, environment, oidc, uri and ecs")
}

/// An ARN that is a role's.
pub(super) fn parse_role_arn(text: &str) -> Result<Arn, String> {
    match Arn::parse(text) {
        Ok(arn) if matches!(arn.identity(), Identity::Role(_)) => Ok(arn),
        Ok(_) => Err("the arn of a role is acs:ram::<account id>:role/<name>".to_owned()),
        Err(rule) => Err(rule.to_string()),
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
            \"sts_endpoint\":\"sts.example.com\",\"max_custom_policies\":15,\"credential_source\":\"oidc\",\
            \"oidc_provider_arn\":\"acs:ram::12345:oidc-provider/p\",\"oidc_token_file\":\"/run/token\",\
            \"role_arn\":\"acs:ram::12345:role/r\",\"role_session_name\":\"me\",\"external_id\":\"a=b\",\
            \"max_retries\":0,\"rotation\":{\"a\":1.50}}\n";
        let config: Config = serde_json::from_slice(stored).unwrap();
        assert!(!config.has_key_pair());
        assert_eq!(to_go_json(&config).unwrap(), stored);
    }

    #[test]
    fn a_damaged_member_is_named() {
        for (member, value) in [
            ("credential_source", "\"guess\""),
            ("oidc_provider_arn", "\"acs:ram::12345:role/r\""),
            ("oidc_token_file", "\"token\""),
            ("role_arn", "\"acs:ram::12345:user/u\""),
            ("role_session_name", "\"a b\""),
            ("external_id", "\"a\""),
            ("max_retries", "1000"),
        ] {
            let stored = format!("{{\"access_key\":\"\",\"secret_key\":\"\",\"{member}\":{value}}}");
            let error = serde_json::from_str::<Config>(&stored).unwrap_err().to_string();
            assert!(error.starts_with(member), "{error}");
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

    #[test]
    fn sources_have_one_word_each() {
        for (word, source) in SOURCES {
            assert_eq!((source_word(source), parse_source(word)), (word, Ok(source)));
        }
        assert!(parse_source("Config").is_err());
    }
}
