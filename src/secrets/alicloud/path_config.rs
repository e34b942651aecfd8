//! `config`: the engine's own credentials, and where it finds the cloud.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::{Config, STORAGE_KEY};
use super::role::{DEFAULT_CUSTOM_POLICIES, DEFAULT_SYSTEM_POLICIES};
use super::{Engine, OPERATION_PREFIX};
use crate::alicloud::{Endpoint, Region};
use crate::framework::{
    Context, DisplayAttributes, Error, Field, FieldKind, Operation, Outcome, Path, Response,
};

const SYNOPSIS: &str = "Configure the access key and the endpoints that the engine uses.";

const DESCRIPTION: &str = "
The access key must belong to a RAM user or role, not to the account itself, and needs the RAM permissions that the
roles call for. The secret key is never read back.

Without a key pair the engine takes credentials from the server's environment, from an OIDC token (RRSA), or from the
metadata of the instance that it runs on, in this order, at each use.

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
        .display(DisplayAttributes {
            prefix: Some(OPERATION_PREFIX),
            ..DisplayAttributes::default()
        })
        .on(Operation::Update, engine, write)
        .displayed(DisplayAttributes {
            verb: Some("configure"),
            ..DisplayAttributes::default()
        })
        .on(Operation::Read, engine, read)
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
}

#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

async fn write(engine: Arc<Engine>, context: Context, arguments: Write) -> Outcome {
    let _one_writer = engine.locks.lock(STORAGE_KEY).await;
    let stored = Config::load(&*context.storage).await?;
    let config = arguments.apply_to(stored)?;
    config.store(&*context.storage).await?;
    Ok(None)
}

async fn read(_: Arc<Engine>, context: Context, _: Nothing) -> Outcome {
    let Some(config) = Config::load(&*context.storage).await? else {
        return Ok(None);
    };
    let endpoint =
        |endpoint: &Option<Endpoint>| endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(Some(Response::data(Map::from_iter([
        ("access_key".to_owned(), Value::from(config.access_key.as_str())),
        (
            "region".to_owned(),
            config.region.clone().unwrap_or_default().as_str().into(),
        ),
        ("ram_endpoint".to_owned(), endpoint(&config.ram_endpoint).into()),
        ("sts_endpoint".to_owned(), endpoint(&config.sts_endpoint).into()),
        ("max_custom_policies".to_owned(), config.custom_policies().into()),
        ("max_system_policies".to_owned(), config.system_policies().into()),
    ]))))
}

async fn delete(engine: Arc<Engine>, context: Context, _: Nothing) -> Outcome {
    let _one_writer = engine.locks.lock(STORAGE_KEY).await;
    context.storage.delete(STORAGE_KEY).await?;
    Ok(None)
}

impl Write {
    /// What is not given stays as it is: Terraform writes the key pair alone, again and again.
    fn apply_to(self, stored: Option<Config>) -> Result<Config, Error> {
        let only_other_fields = self.access_key.is_none()
            && self.secret_key.is_none()
            && (self.region.is_some()
                || self.ram_endpoint.is_some()
                || self.sts_endpoint.is_some()
                || self.max_custom_policies.is_some()
                || self.max_system_policies.is_some());
        let mut config = stored.unwrap_or_default();
        if !only_other_fields {
            // Upstream's texts, for a pair that must be written as one.
            let access_key = self
                .access_key
                .ok_or_else(|| Error::answer("access_key is required"))?;
            let secret_key = self
                .secret_key
                .ok_or_else(|| Error::answer("secret_key is required"))?;
            // A pasted key often brings white space along, which no key has.
            let access_key = access_key.trim().to_owned();
            let secret_key = SecretString::from(secret_key.expose_secret().trim());
            match (access_key.is_empty(), secret_key.expose_secret().is_empty()) {
                (true, false) => return Err(Error::answer("access_key is blank, but secret_key is not")),
                (false, true) => return Err(Error::answer("secret_key is blank, but access_key is not")),
                _ => (config.access_key, config.secret_key) = (access_key, secret_key),
            }
        }
        if let Some(region) = self.region {
            config.region = unless_blank(&region, Region::parse).map_err(|e| named("region", &e))?;
        }
        if let Some(host) = self.ram_endpoint {
            config.ram_endpoint =
                unless_blank(&host, Endpoint::parse).map_err(|e| named("ram_endpoint", &e))?;
        }
        if let Some(host) = self.sts_endpoint {
            config.sts_endpoint =
                unless_blank(&host, Endpoint::parse).map_err(|e| named("sts_endpoint", &e))?;
        }
        if let Some(limit) = self.max_custom_policies {
            config.max_custom_policies = quota("max_custom_policies", limit, DEFAULT_CUSTOM_POLICIES)?;
        }
        if let Some(limit) = self.max_system_policies {
            config.max_system_policies = quota("max_system_policies", limit, DEFAULT_SYSTEM_POLICIES)?;
        }
        Ok(config)
    }
}

/// Blank resets a setting to its default.
fn unless_blank<T, E>(text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<Option<T>, E> {
    let text = text.trim();
    if text.is_empty() {
        Ok(None)
    } else {
        parse(text).map(Some)
    }
}

fn named(field: &'static str, error: &dyn std::error::Error) -> Error {
    Error::answer(format!("{field}: {error}"))
}

fn quota(field: &'static str, limit: i64, default: usize) -> Result<Option<u16>, Error> {
    match limit {
        0 => Ok(None),
        1..=1000 => Ok(u16::try_from(limit)
            .ok()
            .filter(|limit| usize::from(*limit) != default)),
        _ => Err(Error::answer(format!(
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
    fn a_wrong_setting_is_named() {
        for (arguments, field) in [
            (json!({"region": "cn hangzhou"}), "region"),
            (json!({"ram_endpoint": "http://ram.example.com"}), "ram_endpoint"),
            (json!({"sts_endpoint": "user@sts.example.com"}), "sts_endpoint"),
            (json!({"max_custom_policies": -1}), "max_custom_policies"),
        ] {
            let refusal = apply(arguments, None).unwrap_err();
            assert!(refusal.starts_with(field), "{refusal}");
        }
    }
}
