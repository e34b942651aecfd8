//! `config`: the engine's own credentials, and where it finds the cloud.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::OPERATION_PREFIX;
use super::config::{Config, STORAGE_KEY, parse_role_arn, parse_source, source_word};
use super::engine::Engine;
use super::failure::failed_call;
use super::role::{DEFAULT_CUSTOM_POLICIES, DEFAULT_SYSTEM_POLICIES};
use crate::alicloud::credentials::{Source, TokenFile};
use crate::alicloud::sts::{ExternalId, OidcProviderArn, RoleSessionName};
use crate::alicloud::{CallerIdentity, Endpoint, Region};
use crate::framework::{
    Context, DisplayAttributes, Error, Field, FieldKind, HandlerResult, Operation, Path, Response,
};

/// How long a read of the configuration waits for the cloud to say whose credentials it has.
const PATIENCE: Duration = Duration::from_secs(4);

/// More would only last longer than any request does.
const MOST_RETRIES: u8 = 20;

const SYNOPSIS: &str = "Configure the credentials and the endpoints that the engine uses.";

const DESCRIPTION: &str = "
The access key must belong to a RAM user or role, not to the account itself, and needs the RAM permissions that the
roles call for. The secret key is never read back.

Without a key pair the engine takes credentials from the server's environment, by an OIDC token (RRSA), from a
credentials URI, or from the metadata of the instance that it runs on. The first of these that is configured is used,
also when it does not work; credential_source names one to use in place of the search. With a role_arn, the engine
assumes that role with what it found, and makes every call as that role: so it can act in another account.

What is not given stays as it is, and a blank resets it. With verify, the settings are tried, and nothing is stored
that does not work. A read tells which source is in force, and whose credentials it gives.

RAM has one endpoint for the whole cloud. STS has one in each region; the region does not limit where the credentials
are good.
";

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("config")
        .field(
            Field::new("access_key", FieldKind::String).describe(
                "Access key id with permission to manage RAM users and policies, or to assume roles.",
            ),
        )
        .field(
            Field::new("secret_key", FieldKind::String)
                .describe("Secret of the access key. It is never read back.")
                .sensitive(),
        )
        .field(Field::new("region", FieldKind::String).describe(
            "Region whose STS endpoint is called. Default: us-east-1, as the Go plugin has it fixed.",
        ))
        .field(
            Field::new("ram_endpoint", FieldKind::String)
                .describe("Host to call for RAM in place of ram.aliyuncs.com, for a private cloud or a VPC."),
        )
        .field(Field::new("sts_endpoint", FieldKind::String).describe(
            "Host to call for STS in place of the region's own, such as sts-vpc.<region>.aliyuncs.com.",
        ))
        .field(Field::new("max_custom_policies", FieldKind::Int).describe(
            "Custom policies that the account allows for each user. Default: 10, as RAM's. 0 resets it.",
        ))
        .field(Field::new("max_system_policies", FieldKind::Int).describe(
            "System policies that the account allows for each user. Default: 20, as RAM's. 0 resets it.",
        ))
        .field(
            Field::new("credential_source", FieldKind::String)
                .describe(
                    "Source of the credentials: config, environment, oidc, uri or ecs. Default: the first of these that \
                     is configured.",
                )
                .allowed(&["", "config", "environment", "oidc", "uri", "ecs"]),
        )
        .field(Field::new("oidc_provider_arn", FieldKind::String).describe(
            "ARN of the OIDC provider that vouches for the token: acs:ram::<account id>:oidc-provider/<name>. Default: \
             ALIBABA_CLOUD_OIDC_PROVIDER_ARN, with the token file of the environment.",
        ))
        .field(Field::new("oidc_token_file", FieldKind::String).describe(
            "Absolute path of the file that holds the OIDC token. Written with oidc_provider_arn.",
        ))
        .field(Field::new("role_arn", FieldKind::String).describe(
            "ARN of a RAM role, also of another account, that every call is made as: acs:ram::<account id>:role/<name>.",
        ))
        .field(
            Field::new("role_session_name", FieldKind::String)
                .describe("Name of the session of role_arn in audit trails. Default: vault-plugin-alicloud."),
        )
        .field(
            Field::new("external_id", FieldKind::String)
                .describe("External id that the trust policy of role_arn asks for."),
        )
        .field(
            Field::new("max_retries", FieldKind::Int)
                .describe(
                    "Repetitions of a call that was throttled or failed in passing, 0 to 20. Default: 12. -1 resets it.",
                )
                .documented_default(-1),
        )
        .field(Field::new("verify", FieldKind::Bool).describe(
            "Try these settings before they are stored, and answer with the identity. Nothing is stored that does not \
             work.",
        ))
        .display(DisplayAttributes {
            prefix: Some(OPERATION_PREFIX),
            ..DisplayAttributes::default()
        })
        .on(Operation::Update, engine, write)
        .calls_cloud()
        .displayed(DisplayAttributes {
            verb: Some("configure"),
            ..DisplayAttributes::default()
        })
        .on(Operation::Read, engine, read)
        .calls_cloud()
        .displayed(DisplayAttributes {
            suffix: Some("configuration"),
            ..DisplayAttributes::default()
        })
        .on(Operation::Delete, engine, delete)
        .displayed(DisplayAttributes {
            suffix: Some("configuration"),
            ..DisplayAttributes::default()
        })
        .help(SYNOPSIS, DESCRIPTION)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Write {
    access_key: Option<String>,
    secret_key: Option<SecretString>,
    region: Option<String>,
    ram_endpoint: Option<String>,
    sts_endpoint: Option<String>,
    max_custom_policies: Option<i64>,
    max_system_policies: Option<i64>,
    credential_source: Option<String>,
    oidc_provider_arn: Option<String>,
    oidc_token_file: Option<String>,
    role_arn: Option<String>,
    role_session_name: Option<String>,
    external_id: Option<String>,
    max_retries: Option<i64>,
    verify: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

async fn write(engine: Arc<Engine>, context: Context, arguments: Write) -> HandlerResult {
    let _one_writer = engine.locks.lock(STORAGE_KEY).await;
    let stored = Config::load(&*context.storage).await?;
    let verify = arguments.verify == Some(true);
    // To try what is there changes nothing, and makes no configuration where there is none.
    let only_tried = verify && !arguments.sets_something();
    let config = arguments.apply_to(stored)?;
    let mut answer = None;
    if verify {
        let (credentials, sts) = engine.trial_of(&config, &context.request.mount_point).await?;
        let identity = sts.get_caller_identity().await.map_err(failed_call)?;
        answer = Some(Response::data(shown(
            Source::named(credentials.source),
            Some(&identity),
        )));
    }
    if !only_tried {
        config.store(&*context.storage).await?;
    }
    Ok(answer)
}

async fn read(engine: Arc<Engine>, context: Context, _: Nothing) -> HandlerResult {
    let Some(config) = Config::load(&*context.storage).await? else {
        return Ok(None);
    };
    let mut data = settings(&config);
    let (in_force, warnings) = in_force(&engine, &config, &context.request.mount_point).await;
    data.extend(in_force);
    let mut response = Response::data(data);
    response.warnings = warnings;
    Ok(Some(response))
}

/// The settings, without a secret. What is not set reads as blank, or as its default where that is the engine's own.
fn settings(config: &Config) -> Map<String, Value> {
    fn text(value: Option<&impl ToString>) -> Value {
        value.map(ToString::to_string).unwrap_or_default().into()
    }
    let retries = config.max_retries.map_or(-1, i64::from);
    let source = config.credential_source.map(source_word);
    Map::from_iter(
        [
            ("access_key", Value::from(config.access_key.as_str())),
            (
                "region",
                config.region.clone().unwrap_or_default().as_str().into(),
            ),
            ("ram_endpoint", text(config.ram_endpoint.as_ref())),
            ("sts_endpoint", text(config.sts_endpoint.as_ref())),
            ("max_custom_policies", config.custom_policies().into()),
            ("max_system_policies", config.system_policies().into()),
            ("credential_source", text(source.as_ref())),
            ("oidc_provider_arn", text(config.oidc_provider_arn.as_ref())),
            ("oidc_token_file", text(config.oidc_token_file.as_ref())),
            ("role_arn", text(config.role_arn.as_ref())),
            ("role_session_name", text(config.role_session_name.as_ref())),
            ("external_id", text(config.external_id.as_ref())),
            ("max_retries", retries.into()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

/// Which source is in force, and whose credentials it gives, as far as that can be told at once. The rest are warnings:
/// a configuration that does not work must be readable all the same.
async fn in_force(engine: &Engine, config: &Config, mount_point: &str) -> (Map<String, Value>, Vec<String>) {
    let mut source = None;
    let asked = async {
        let (credentials, sts) = engine.identity_of(config, mount_point).await?;
        source = Source::named(credentials.source);
        sts.get_caller_identity().await.map_err(failed_call)
    };
    let asked = tokio::time::timeout(PATIENCE, asked).await;
    let mut warnings = Vec::new();
    let identity = match asked {
        Ok(Ok(identity)) => Some(identity),
        Ok(Err(error)) => {
            warnings.push(format!(
                "whose credentials these are cannot be told: {}",
                error.message()
            ));
            None
        }
        Err(_) => {
            warnings.push(
                "whose credentials these are cannot be told: the cloud did not answer in time".to_owned(),
            );
            None
        }
    };
    if source == Some(Source::Environment)
        && config.credential_source.is_none()
        && config.oidc_provider_arn.is_some()
    {
        warnings.push(
            "the environment's access key goes before oidc_provider_arn: set credential_source=oidc to use the latter"
                .to_owned(),
        );
    }
    (shown(source, identity.as_ref()), warnings)
}

fn shown(source: Option<Source>, identity: Option<&CallerIdentity>) -> Map<String, Value> {
    let of = |text: fn(&CallerIdentity) -> String| Value::from(identity.map(text).unwrap_or_default());
    Map::from_iter(
        [
            (
                "credential_source_in_force",
                source.map(source_word).unwrap_or_default().into(),
            ),
            ("identity_arn", of(|identity| identity.arn.to_string())),
            ("identity_type", of(|identity| identity.identity_type.clone())),
            ("account_id", of(|identity| identity.account_id.to_string())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}

async fn delete(engine: Arc<Engine>, context: Context, _: Nothing) -> HandlerResult {
    let _one_writer = engine.locks.lock(STORAGE_KEY).await;
    context.storage.delete(STORAGE_KEY).await?;
    Ok(None)
}

impl Write {
    /// Whether a setting beside the key pair is given.
    fn sets_another(&self) -> bool {
        [
            &self.region,
            &self.ram_endpoint,
            &self.sts_endpoint,
            &self.credential_source,
            &self.oidc_provider_arn,
            &self.oidc_token_file,
            &self.role_arn,
            &self.role_session_name,
            &self.external_id,
        ]
        .iter()
        .any(|text| text.is_some())
            || [
                self.max_custom_policies,
                self.max_system_policies,
                self.max_retries,
            ]
            .iter()
            .any(Option::is_some)
    }

    fn sets_something(&self) -> bool {
        self.access_key.is_some() || self.secret_key.is_some() || self.sets_another()
    }

    /// What is not given stays as it is: Terraform writes the key pair alone, again and again.
    fn apply_to(self, stored: Option<Config>) -> Result<Config, Error> {
        let leaves_the_pair = self.access_key.is_none()
            && self.secret_key.is_none()
            && (self.sets_another() || self.verify == Some(true));
        let mut config = stored.unwrap_or_default();
        if !leaves_the_pair {
            (config.access_key, config.secret_key) = pair(self.access_key, self.secret_key)?;
        }
        set(&mut config.region, "region", self.region, Region::parse)?;
        set(
            &mut config.ram_endpoint,
            "ram_endpoint",
            self.ram_endpoint,
            Endpoint::parse,
        )?;
        set(
            &mut config.sts_endpoint,
            "sts_endpoint",
            self.sts_endpoint,
            Endpoint::parse,
        )?;
        if let Some(limit) = self.max_custom_policies {
            config.max_custom_policies = quota("max_custom_policies", limit, DEFAULT_CUSTOM_POLICIES)?;
        }
        if let Some(limit) = self.max_system_policies {
            config.max_system_policies = quota("max_system_policies", limit, DEFAULT_SYSTEM_POLICIES)?;
        }
        set(
            &mut config.credential_source,
            "credential_source",
            self.credential_source,
            parse_source,
        )?;
        set(
            &mut config.oidc_provider_arn,
            "oidc_provider_arn",
            self.oidc_provider_arn,
            OidcProviderArn::parse,
        )?;
        set(
            &mut config.oidc_token_file,
            "oidc_token_file",
            self.oidc_token_file,
            TokenFile::parse,
        )?;
        set(&mut config.role_arn, "role_arn", self.role_arn, parse_role_arn)?;
        set(
            &mut config.role_session_name,
            "role_session_name",
            self.role_session_name,
            RoleSessionName::parse,
        )?;
        set(
            &mut config.external_id,
            "external_id",
            self.external_id,
            ExternalId::parse,
        )?;
        if let Some(retries) = self.max_retries {
            config.max_retries = max_retries(retries)?;
        }
        whole(&config)?;
        Ok(config)
    }
}

/// The key pair, with upstream's texts: it must be written as one.
fn pair(
    access_key: Option<String>,
    secret_key: Option<SecretString>,
) -> Result<(String, SecretString), Error> {
    let access_key = access_key.ok_or_else(|| Error::bad_request("access_key is required"))?;
    let secret_key = secret_key.ok_or_else(|| Error::bad_request("secret_key is required"))?;
    // A pasted key often brings white space along, which no key has.
    let access_key = access_key.trim().to_owned();
    let secret_key = SecretString::from(secret_key.expose_secret().trim());
    match (access_key.is_empty(), secret_key.expose_secret().is_empty()) {
        (true, false) => Err(Error::bad_request("access_key is blank, but secret_key is not")),
        (false, true) => Err(Error::bad_request("secret_key is blank, but access_key is not")),
        _ => Ok((access_key, secret_key)),
    }
}

/// Settings that only work together.
fn whole(config: &Config) -> Result<(), Error> {
    let refused = |text: &'static str| Err(Error::bad_request(text));
    if config.oidc_provider_arn.is_some() != config.oidc_token_file.is_some() {
        return refused("oidc_provider_arn and oidc_token_file are set or blanked together");
    }
    if config.external_id.is_some() && config.role_arn.is_none() {
        return refused("external_id needs a role_arn: set that, or blank external_id too");
    }
    if config.role_session_name.is_some() && config.role_arn.is_none() {
        return refused("role_session_name needs a role_arn: set that, or blank role_session_name too");
    }
    if config.credential_source == Some(Source::Stored) && !config.has_key_pair() {
        return refused("credential_source is config, which needs access_key and secret_key");
    }
    Ok(())
}

/// Changes a setting that is given; a blank resets it.
fn set<T, E: std::fmt::Display>(
    setting: &mut Option<T>,
    name: &'static str,
    given: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<(), Error> {
    let Some(text) = given else {
        return Ok(());
    };
    let text = text.trim();
    *setting = if text.is_empty() {
        None
    } else {
        Some(parse(text).map_err(|rule| Error::bad_request(format!("{name}: {rule}")))?)
    };
    Ok(())
}

fn max_retries(retries: i64) -> Result<Option<u8>, Error> {
    match u8::try_from(retries) {
        Err(_) if retries == -1 => Ok(None),
        Ok(retries) if retries <= MOST_RETRIES => Ok(Some(retries)),
        _ => Err(Error::bad_request(format!(
            "max_retries must be between 0 and {MOST_RETRIES}, or -1 for the default"
        ))),
    }
}

fn quota(field: &'static str, limit: i64, default: usize) -> Result<Option<u16>, Error> {
    match limit {
        0 => Ok(None),
        1..=1000 => Ok(u16::try_from(limit)
            .ok()
            .filter(|limit| usize::from(*limit) != default)),
        _ => Err(Error::bad_request(format!(
            "{field} must be between 1 and 1000, or 0 for RAM's default of {default}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(arguments: Value, stored: Option<Config>) -> Result<Config, String> {
        let write: Write = serde_json::from_value(arguments).unwrap();
        write.apply_to(stored).map_err(|error| error.to_string())
    }

    #[test]
    fn a_pair_is_written_whole_or_not_at_all() {
        for (arguments, refusal) in [
            (json!({}), "access_key is required"),
            (json!({"secret_key": "s"}), "access_key is required"),
            (json!({"access_key": "a"}), "secret_key is required"),
            (
                json!({"access_key": "a", "region": "cn-hangzhou"}),
                "secret_key is required",
            ),
            (
                json!({"access_key": "a", "secret_key": ""}),
                "secret_key is blank, but access_key is not",
            ),
            (
                json!({"access_key": " ", "secret_key": "s"}),
                "access_key is blank, but secret_key is not",
            ),
        ] {
            assert_eq!(
                apply(arguments.clone(), None).unwrap_err(),
                refusal,
                "{arguments}"
            );
        }
        assert!(
            apply(json!({"access_key": " a\n", "secret_key": "s"}), None)
                .unwrap()
                .has_key_pair()
        );
        assert!(
            !apply(json!({"access_key": "", "secret_key": ""}), None)
                .unwrap()
                .has_key_pair()
        );
    }

    #[test]
    fn what_is_not_given_stays() {
        let first = apply(
            json!({"access_key": "a", "secret_key": "s", "region": "cn-hangzhou", "ram_endpoint": "ram.example.com"}),
            None,
        )
        .unwrap();
        let pair_alone = apply(json!({"access_key": "b", "secret_key": "t"}), Some(first)).unwrap();
        assert_eq!(pair_alone.region.as_ref().unwrap().as_str(), "cn-hangzhou");
        let region_alone = apply(json!({"region": "", "ram_endpoint": ""}), Some(pair_alone)).unwrap();
        assert_eq!(
            (region_alone.access_key.as_str(), &region_alone.region),
            ("b", &None)
        );
        assert!(region_alone.ram_endpoint.is_none());
    }

    #[test]
    fn the_pair_alone_leaves_every_setting() {
        let all = json!({
            "access_key": "a", "secret_key": "s", "region": "cn-hangzhou", "ram_endpoint": "ram.example.com",
            "sts_endpoint": "sts.example.com", "max_custom_policies": 15, "max_system_policies": 25,
            "credential_source": "config", "oidc_provider_arn": "acs:ram::12345:oidc-provider/p",
            "oidc_token_file": "/run/token", "role_arn": "acs:ram::12345:role/r", "role_session_name": "me",
            "external_id": "id", "max_retries": 0,
        });
        let first = apply(all, None).unwrap();
        let before = settings(&first);
        let after = settings(&apply(json!({"access_key": "b", "secret_key": "t"}), Some(first)).unwrap());
        assert_eq!(after["access_key"], "b");
        for (name, value) in before.iter().filter(|(name, _)| *name != "access_key") {
            assert_eq!(&after[name], value, "{name}");
        }
    }

    #[test]
    fn blanks_reset_what_can_be_reset() {
        let set = json!({
            "credential_source": "oidc", "oidc_provider_arn": "acs:ram::12345:oidc-provider/p",
            "oidc_token_file": "/run/token", "role_arn": "acs:ram::12345:role/r", "role_session_name": "me",
            "external_id": "id", "max_retries": 0,
        });
        let blanks = json!({
            "credential_source": "", "oidc_provider_arn": "", "oidc_token_file": " ", "role_arn": "",
            "role_session_name": "", "external_id": "", "max_retries": -1,
        });
        let reset = apply(blanks, Some(apply(set, None).unwrap())).unwrap();
        assert_eq!(settings(&reset), settings(&Config::default()));
    }

    #[test]
    fn a_trial_leaves_the_pair() {
        let first = apply(json!({"access_key": "a", "secret_key": "s"}), None).unwrap();
        let tried = apply(json!({"verify": true}), Some(first)).unwrap();
        assert!(tried.has_key_pair());
        assert!(apply(json!({"verify": true}), None).is_ok());
        assert!(apply(json!({"verify": false}), None).is_err());
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (arguments, field) in [
            (json!({"region": "cn hangzhou"}), "region"),
            (json!({"ram_endpoint": "http://ram.example.com"}), "ram_endpoint"),
            (json!({"sts_endpoint": "user@sts.example.com"}), "sts_endpoint"),
            (json!({"max_custom_policies": -1}), "max_custom_policies"),
            (json!({"credential_source": "guess"}), "credential_source"),
            (json!({"credential_source": "config"}), "credential_source"),
            (
                json!({"oidc_provider_arn": "acs:ram::12345:role/r"}),
                "oidc_provider_arn",
            ),
            (
                json!({"oidc_provider_arn": "acs:ram::12345:oidc-provider/p"}),
                "oidc_provider_arn",
            ),
            (
                json!({"oidc_token_file": "/run/token"}),
                "oidc_provider_arn and oidc_token_file",
            ),
            (
                json!({"oidc_token_file": "run/token", "oidc_provider_arn": "acs:ram::12345:oidc-provider/p"}),
                "oidc_token_file",
            ),
            (json!({"role_arn": "acs:ram::12345:user/u"}), "role_arn"),
            (json!({"role_arn": "acs:ram::12345:assumed-role/r/s"}), "role_arn"),
            (json!({"role_session_name": "me"}), "role_session_name"),
            (
                json!({"role_session_name": "m e", "role_arn": "acs:ram::12345:role/r"}),
                "role_session_name",
            ),
            (json!({"external_id": "id"}), "external_id"),
            (
                json!({"external_id": "i", "role_arn": "acs:ram::12345:role/r"}),
                "external_id",
            ),
            (json!({"max_retries": 21}), "max_retries"),
            (json!({"max_retries": -2}), "max_retries"),
        ] {
            let refusal = apply(arguments, None).unwrap_err();
            assert!(refusal.starts_with(field), "{refusal}");
        }
    }
}
