//! Environment variables, upstream's names first.

use async_trait::async_trait;
use secrecy::SecretString;

use super::Source;
use super::assume_role::AssumeRoleProvider;
use super::provider_env::{ProviderEnv, SESSION_NAME};
use crate::alicloud::sts::AssumeRole;
use crate::cloud::Client;
use crate::cloud::credentials::{Credentials, Provider, ProviderError};

const NAME: &str = "environment credentials";

/// Keys in `ALICLOUD_*`, or else in `ALIBABA_CLOUD_*`.
///
/// With `ALICLOUD_ROLE_ARN` the keys of `ALICLOUD_*` are used to assume that role, under the name of
/// `ALICLOUD_ROLE_SESSION_NAME` and for `ALICLOUD_ROLE_SESSION_EXPIRATION` seconds.
pub struct EnvironmentProvider {
    client: Client,
    env: ProviderEnv,
}

impl EnvironmentProvider {
    pub(super) fn new(client: Client, env: ProviderEnv) -> Self {
        Self { client, env }
    }

    /// Id, secret and token of one family of names; never mixed with another's.
    fn keys(&self, id: &str, secret: &str, token: &str) -> Result<Option<Credentials>, ProviderError> {
        match (self.env.var(id), self.env.var(secret).map(SecretString::from)) {
            (None, None) => Ok(None),
            (Some(key_id), Some(key_secret)) => {
                let keys = Credentials::new(key_id, key_secret).with_source(Source::Environment.name());
                Ok(Some(match self.env.var(token) {
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

    fn role(&self) -> Result<Option<AssumeRole>, ProviderError> {
        let Some(role_arn) = self.env.var("ALICLOUD_ROLE_ARN") else {
            return Ok(None);
        };
        let session_name = self.env.var("ALICLOUD_ROLE_SESSION_NAME");
        let duration_seconds = match self.env.var("ALICLOUD_ROLE_SESSION_EXPIRATION") {
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
        let upstream = self.keys(
            "ALICLOUD_ACCESS_KEY",
            "ALICLOUD_SECRET_KEY",
            "ALICLOUD_ACCESS_KEY_STS_TOKEN",
        )?;
        let Some(keys) = upstream else {
            return self.keys(
                "ALIBABA_CLOUD_ACCESS_KEY_ID",
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
                "ALIBABA_CLOUD_SECURITY_TOKEN",
            );
        };
        match self.role()? {
            None => Ok(Some(keys)),
            Some(role) => {
                AssumeRoleProvider::new(self.client.clone(), keys.into(), self.env.clone(), role)
                    .load()
                    .await
            }
        }
    }
}
