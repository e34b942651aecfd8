//! `config`: the engine's own credentials, and where it finds the cloud.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::alicloud::CallerIdentity;
use crate::alicloud::credentials::Source;
use crate::framework::{
    Context, DisplayAttributes, Error, Field, FieldKind, FieldValues, HandlerResult, NoArguments, Operation,
    Path, Response, above_maximum, object,
};
use crate::secrets::alicloud::config::values::CredentialSource;
use crate::secrets::alicloud::config::warnings::warnings as doubts;
use crate::secrets::alicloud::config::{Config, SETTINGS, STORAGE_KEY};
use crate::secrets::alicloud::engine::{Engine, OPERATIONS};
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::names::{SESSION_NAME, USERNAME};
use crate::secrets::alicloud::static_roles;
use crate::secrets::lease;

/// How long a read of the configuration waits for the cloud to say whose credentials it has.
pub(in crate::secrets::alicloud) const IDENTITY_TIMEOUT: Duration = Duration::from_secs(4);

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

Templates for the names of users and sessions are tried when they are written; the answer has an example. They are in the
syntax of Vault's username templates: text, and actions such as {{ .DisplayName | truncate 20 }}, with the functions
random, truncate, truncate_sha256, uppercase, lowercase, replace, sha256, base64, unix_time, unix_time_millis, timestamp,
uuid and printf.

RAM has one endpoint for the whole cloud. STS has one in each region; the region does not limit where the credentials
are good.
";

pub(in crate::secrets::alicloud) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("config")
        .fields(SETTINGS.fields())
        .field(Field::new("verify", FieldKind::Bool).describe(
            "Try these settings before they are stored, and answer with the identity. Nothing is stored that does not \
             work.",
        ))
        .display(OPERATIONS)
        .on(Operation::Update, engine, write)
        .calls_cloud()
        .displayed(DisplayAttributes::default().verb("configure"))
        .on(Operation::Read, engine, read)
        .calls_cloud()
        .displayed(DisplayAttributes::default().suffix("configuration"))
        .on(Operation::Delete, engine, delete)
        .displayed(DisplayAttributes::default().suffix("configuration"))
        .help(SYNOPSIS, DESCRIPTION)
}

#[derive(Debug, Deserialize)]
pub(super) struct Write {
    verify: Option<bool>,
    #[serde(flatten)]
    given: FieldValues,
}

async fn write(engine: Arc<Engine>, context: Context, arguments: Write) -> HandlerResult {
    let _one_writer = context.unless_cancelled(engine.locks.lock(STORAGE_KEY)).await?;
    let stored = Config::load(&*context.storage).await?;
    let verify = arguments.verify == Some(true);
    // To try what is there changes nothing, and makes no configuration where there is none.
    let only_tried = verify && !SETTINGS.any_given(&arguments.given);
    let config = arguments.applied_to(stored.clone(), lease::now(&context))?;
    let mut answer = None;
    if verify {
        let (credentials, sts) = engine.trial_of(&config, &context.request.mount_point).await?;
        let identity = sts.get_caller_identity().await.map_err(failed_call)?;
        answer = Some(Response::data(shown(
            Source::named(credentials.source),
            Some(&identity),
        )));
    }
    if only_tried {
        return Ok(answer);
    }
    let before = match &stored {
        Some(stored) if stored.credential_settings() != config.credential_settings() => {
            account_of(&engine, &context, stored).await
        }
        _ => None,
    };
    if let Some(before) = &before {
        // Leases that do not say their account are of this one.
        engine.mount.binding.bind(&context, before).await?;
    }
    let mut doubts = doubts(&config, engine.credentials.unread_variables());
    let given = &arguments.given;
    if given.given("default_ttl") || given.given("max_ttl") {
        let ttls = [("default_ttl", config.default_ttl), ("max_ttl", config.max_ttl)];
        doubts.extend(above_maximum(&ttls, context.system.max_lease_ttl().await?));
    }
    let examples = examples(&config, given, &context)?;
    config.store(&*context.storage).await?;
    if !examples.is_empty() {
        answer
            .get_or_insert_default()
            .data
            .get_or_insert_default()
            .extend(examples);
    }
    if !doubts.is_empty() {
        answer.get_or_insert_default().warnings.extend(doubts);
    }
    if let Some(before) = before
        && let Some(now) = account_of(&engine, &context, &config).await
        && before != now
    {
        let leases = lease::leases_of::<Engine>(&context, &before).await?;
        let has_roles = static_roles::are_in(&context, &before).await?;
        if leases > 0 || has_roles {
            let has_previous = config.previous_credentials().is_some();
            let warning = moved_warning(leases, has_roles, &before, &now, has_previous);
            answer.get_or_insert_default().warnings.push(warning);
        }
    }
    Ok(answer)
}

/// A name for each template that was given.
fn examples(config: &Config, given: &FieldValues, context: &Context) -> Result<Map<String, Value>, Error> {
    let mut examples = Map::new();
    for (field, member, of, template) in [
        (
            "username_template",
            "username_example",
            USERNAME,
            &config.username_template,
        ),
        (
            "role_session_name_template",
            "role_session_name_example",
            SESSION_NAME,
            &config.role_session_name_template,
        ),
    ] {
        if let (true, Some(template)) = (given.given(field), template) {
            let example = of.example(template, context.clock.now())?;
            examples.insert(member.to_owned(), example.into());
        }
    }
    Ok(examples)
}

/// The account of these settings, as far as that can be told at once.
async fn account_of(engine: &Engine, context: &Context, config: &Config) -> Option<String> {
    let cloud = engine.cloud_of(context, config).await.ok()?;
    engine.account_of(context, &cloud).await
}

fn moved_warning(leases: usize, has_roles: bool, before: &str, now: &str, has_previous: bool) -> String {
    let consequence = if has_previous {
        "They are revoked with previous_access_key, if that is of their account".to_owned()
    } else {
        format!(
            "They cannot be revoked with these credentials: write a key of account {before} to previous_access_key and \
             previous_secret_key"
        )
    };
    let roles = if has_roles {
        ". Keys of its static roles are left, too, which need the same"
    } else {
        ""
    };
    format!(
        "the mount moves from account {before} to account {now}; leases of account {before} that are left: {leases}. \
         {consequence}{roles}"
    )
}

async fn read(engine: Arc<Engine>, context: Context, _: NoArguments) -> HandlerResult {
    let Some(config) = Config::load(&*context.storage).await? else {
        return Ok(None);
    };
    let mut data = SETTINGS.shown(&config);
    let (in_force, warnings) = in_force(&engine, &config, &context.request.mount_point).await;
    data.extend(in_force);
    data.extend(config.rotation.shown_times());
    let mut response = Response::data(data);
    response.warnings = warnings;
    response
        .warnings
        .extend(doubts(&config, engine.credentials.unread_variables()));
    response.warnings.extend(engine.root.warning());
    Ok(Some(response))
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
    let asked = tokio::time::timeout(IDENTITY_TIMEOUT, asked).await;
    let mut warnings = Vec::new();
    let identity = match asked {
        Ok(Ok(identity)) => Some(identity),
        Ok(Err(error)) => {
            warnings.push(format!(
                "could not determine the caller identity: {}",
                error.message()
            ));
            None
        }
        Err(_) => {
            warnings
                .push("could not determine the caller identity: the cloud did not answer in time".to_owned());
            None
        }
    };
    (shown(source, identity.as_ref()), warnings)
}

fn shown(source: Option<Source>, identity: Option<&CallerIdentity>) -> Map<String, Value> {
    let of = |text: fn(&CallerIdentity) -> String| Value::from(identity.map(text).unwrap_or_default());
    object([
        (
            "credential_source_in_force",
            source
                .map(|source| CredentialSource(source).to_string())
                .unwrap_or_default()
                .into(),
        ),
        ("identity_arn", of(|identity| identity.arn.to_string())),
        ("identity_type", of(|identity| identity.identity_type.clone())),
        ("account_id", of(|identity| identity.account_id.to_string())),
    ])
}

async fn delete(engine: Arc<Engine>, context: Context, _: NoArguments) -> HandlerResult {
    let _one_writer = context.unless_cancelled(engine.locks.lock(STORAGE_KEY)).await?;
    context.storage.delete(STORAGE_KEY).await?;
    Ok(None)
}

impl Write {
    /// What is not given stays as it is: Terraform writes the key pair alone, again and again.
    fn applied_to(&self, stored: Option<Config>, now: u64) -> Result<Config, Error> {
        let mut config = stored.unwrap_or_default();
        let before = config.rotation.clone();
        self.check_pair()?;
        SETTINGS.merge(&mut config, &self.given)?;
        config.rotation.written::<Config>(&before, &self.given, now)?;
        config.check()?;
        Ok(config)
    }

    /// The key pair, with upstream's texts: it must be written as one, and alone unless something else is written.
    fn check_pair(&self) -> Result<(), Error> {
        let refused = |text: &'static str| Err(Error::bad_request(text));
        let given = |name: &str| self.given.get(name).and_then(Value::as_str).map(str::trim);
        match (given("access_key"), given("secret_key")) {
            (None, None) if SETTINGS.any_given(&self.given) || self.verify == Some(true) => Ok(()),
            (None, _) => refused("access_key is required"),
            (_, None) => refused("secret_key is required"),
            (Some(""), Some(secret)) if !secret.is_empty() => {
                refused("access_key is blank, but secret_key is not")
            }
            (Some(key), Some("")) if !key.is_empty() => refused("secret_key is blank, but access_key is not"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(arguments: Value, stored: Option<Config>) -> Result<Config, String> {
        let write: Write = serde_json::from_value(arguments).unwrap();
        write.applied_to(stored, 0).map_err(|error| error.to_string())
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
            "sts_endpoint": "sts.example.com", "ims_endpoint": "ims.example.com", "max_custom_policies": 15, "max_system_policies": 25,
            "credential_source": "config", "oidc_provider_arn": "acs:ram::12345:oidc-provider/p",
            "oidc_token_file": "/run/token", "role_arn": "acs:ram::12345:role/r", "role_session_name": "me",
            "external_id": "id", "max_retries": 0, "default_ttl": 3600, "max_ttl": 7200,
            "username_template": " v-{{random 20}}\n", "role_session_name_template": "{{.RoleName | truncate 20}}-x",
        });
        let first = apply(all, None).unwrap();
        let before = SETTINGS.shown(&first);
        let after =
            SETTINGS.shown(&apply(json!({"access_key": "b", "secret_key": "t"}), Some(first)).unwrap());
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
            "external_id": "id", "max_retries": 0, "default_ttl": 60, "max_ttl": 120,
            "username_template": "{{random 20}}", "role_session_name_template": "{{.RoleName | truncate 20}}-x",
        });
        let blanks = json!({
            "credential_source": "", "oidc_provider_arn": "", "oidc_token_file": " ", "role_arn": "",
            "role_session_name": "", "external_id": "", "max_retries": -1, "default_ttl": 0, "max_ttl": 0,
            "username_template": "", "role_session_name_template": " ",
        });
        let reset = apply(blanks, Some(apply(set, None).unwrap())).unwrap();
        assert_eq!(SETTINGS.shown(&reset), SETTINGS.shown(&Config::default()));
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
            (json!({"ims_endpoint": "ims/x"}), "ims_endpoint"),
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
            (
                json!({"username_template": "{{ .RoleName }}"}),
                "username_template",
            ),
            (
                json!({"role_session_name_template": "{{ x }}"}),
                "role_session_name_template",
            ),
            (
                json!({"default_ttl": 61, "max_ttl": 60}),
                "default_ttl exceeds max_ttl",
            ),
        ] {
            let refusal = apply(arguments, None).unwrap_err();
            assert!(refusal.starts_with(field), "{refusal}");
        }
    }
}
