//! Environment variables, upstream's names first.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use super::assume_role::AssumeRoleProvider;
use super::{Credentials, Provider, ProviderError, Source};
use crate::alicloud::client::Client;
use crate::alicloud::endpoint::Endpoint;
use crate::alicloud::region::Region;
use crate::alicloud::sts::AssumeRole;

const NAME: &str = "environment credentials";

/// Shown in audit trails when nobody chose a session name.
pub(super) const SESSION_NAME: &str = "vault-plugin-alicloud";

/// The environment as a value: `std::env` in a program, a table in a test. Closures are environments.
pub trait Environment: Send + Sync {
    /// The value of a variable.
    fn var(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String> + Send + Sync> Environment for F {
    fn var(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// The environment of this process. A value that is not Unicode counts as absent.
#[must_use]
pub fn process_environment() -> Arc<dyn Environment> {
    Arc::new(|name: &str| std::env::var(name).ok())
}

/// What all providers are given: the environment, and where STS is.
#[derive(Clone)]
pub(super) struct ProviderEnv {
    pub(super) environment: Arc<dyn Environment>,
    /// An endpoint that the program was told to use, which goes before the environment's.
    pub(super) sts: Option<Endpoint>,
}

impl ProviderEnv {
    /// A variable's value without surrounding white space; a blank one counts as absent.
    pub(super) fn var(&self, name: &str) -> Option<String> {
        let value = self.environment.var(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Whether a variable says `true`, in any letter case.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.var(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Where to exchange keys and tokens.
    pub(super) fn sts(&self, provider: &'static str) -> Result<Endpoint, ProviderError> {
        if let Some(endpoint) = &self.sts {
            return Ok(endpoint.clone());
        }
        let wrong =
            |name: &str, rule: &dyn fmt::Display| ProviderError::new(provider, format!("{name}: {rule}"));
        if let Some(host) = self.var("ALIBABA_CLOUD_STS_ENDPOINT") {
            return Endpoint::parse(&host).map_err(|rule| wrong("ALIBABA_CLOUD_STS_ENDPOINT", &rule));
        }
        let region = match self.var("ALIBABA_CLOUD_STS_REGION") {
            Some(label) => Region::parse(&label).map_err(|rule| wrong("ALIBABA_CLOUD_STS_REGION", &rule))?,
            None => Region::default(),
        };
        if self.flag("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED") {
            let unknown = "this region has no private host for STS";
            return Endpoint::sts_vpc(&region)
                .ok_or_else(|| wrong("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", &unknown));
        }
        Ok(Endpoint::sts(&region))
    }

    /// Id, secret and token of one family of names; never mixed with another's.
    fn keys(&self, id: &str, secret: &str, token: &str) -> Result<Option<Credentials>, ProviderError> {
        match (self.var(id), self.var(secret).map(SecretString::from)) {
            (None, None) => Ok(None),
            (Some(key_id), Some(key_secret)) => {
                let keys = Credentials::new(key_id, key_secret).with_source(Source::Environment);
                Ok(Some(match self.var(token) {
                    Some(token) => keys.with_token(token),
                    None => keys,
                }))
            }
            (Some(_), None) => Err(ProviderError::new(
                NAME,
                format!("{id} is set, and {secret} is not: set both or none"),
            )),
            (None, Some(_)) => Err(ProviderError::new(
                NAME,
                format!("{secret} is set, and {id} is not: set both or none"),
            )),
        }
    }
}

/// Keys in `ALICLOUD_*`, or else in `ALIBABA_CLOUD_*`.
///
/// With `ALICLOUD_ROLE_ARN` the keys of `ALICLOUD_*` are used to assume that role, under the name of
/// `ALICLOUD_ROLE_SESSION_NAME` and for `ALICLOUD_ROLE_SESSION_EXPIRATION` seconds.
pub struct EnvironmentProvider {
    client: Client,
    surroundings: ProviderEnv,
}

impl EnvironmentProvider {
    pub(super) fn new(client: Client, surroundings: ProviderEnv) -> Self {
        Self { client, surroundings }
    }

    fn role(&self) -> Result<Option<AssumeRole>, ProviderError> {
        let Some(role_arn) = self.surroundings.var("ALICLOUD_ROLE_ARN") else {
            return Ok(None);
        };
        let session_name = self.surroundings.var("ALICLOUD_ROLE_SESSION_NAME");
        let duration_seconds = match self.surroundings.var("ALICLOUD_ROLE_SESSION_EXPIRATION") {
            None => None,
            Some(text) => Some(text.parse::<u32>().map_err(|_| {
                ProviderError::new(
                    NAME,
                    "ALICLOUD_ROLE_SESSION_EXPIRATION is a number of seconds, at least 900",
                )
            })?),
        };
        Ok(Some(AssumeRole {
            role_arn,
            session_name: session_name.unwrap_or_else(|| SESSION_NAME.to_owned()),
            // The Go plugin's SDK takes 0 for "not set".
            duration_seconds: duration_seconds.filter(|seconds| *seconds != 0),
            ..AssumeRole::default()
        }))
    }
}

#[async_trait]
impl Provider for EnvironmentProvider {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        let from = &self.surroundings;
        let upstream = from.keys(
            "ALICLOUD_ACCESS_KEY",
            "ALICLOUD_SECRET_KEY",
            "ALICLOUD_ACCESS_KEY_STS_TOKEN",
        )?;
        let Some(keys) = upstream else {
            return from.keys(
                "ALIBABA_CLOUD_ACCESS_KEY_ID",
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
                "ALIBABA_CLOUD_SECURITY_TOKEN",
            );
        };
        match self.role()? {
            None => Ok(Some(keys)),
            Some(role) => {
                AssumeRoleProvider::new(self.client.clone(), keys.into(), from.clone(), role)
                    .load()
                    .await
            }
        }
    }
}

impl fmt::Debug for EnvironmentProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnvironmentProvider")
    }
}
