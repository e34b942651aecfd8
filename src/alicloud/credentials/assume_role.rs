//! A session of a role, asked for with the credentials of another provider.

use async_trait::async_trait;

use super::blames_settings;
use super::provider_env::{ProviderEnv, SESSION_NAME};
use super::settings::RoleToAssume;
use crate::alicloud::sts::{AssumeRole, Sts};
use crate::cloud::Client;
use crate::cloud::credentials::{Credentials, Provider, ProviderError, SharedProvider};

const NAME: &str = "assumed role credentials";

/// Assumes one role, anew each time it is asked: wrap it in [`Cached`](crate::cloud::credentials::Cached). Where its base is not configured, neither
/// is it.
pub struct AssumeRoleProvider {
    client: Client,
    base: SharedProvider,
    env: ProviderEnv,
    request: AssumeRole,
}

impl AssumeRoleProvider {
    /// Will assume the role of this request with what the base gives.
    pub(super) fn new(client: Client, base: SharedProvider, env: ProviderEnv, request: AssumeRole) -> Self {
        Self {
            client,
            base,
            env,
            request,
        }
    }

    /// The same for a role of the settings.
    pub(super) fn of_role(
        client: Client,
        base: SharedProvider,
        env: ProviderEnv,
        role: &RoleToAssume,
    ) -> Self {
        let session_name = role.session_name.as_ref();
        let request = AssumeRole {
            role_arn: role.arn.to_string(),
            session_name: session_name.map_or_else(|| SESSION_NAME.to_owned(), ToString::to_string),
            external_id: role.external_id.as_ref().map(ToString::to_string),
            ..AssumeRole::default()
        };
        Self::new(client, base, env, request)
    }
}

#[async_trait]
impl Provider for AssumeRoleProvider {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        let Some(keys) = self.base.load().await? else {
            return Ok(None);
        };
        let endpoint = self.env.sts(NAME)?;
        let sts = Sts::new(&self.client, self.base.clone(), endpoint);
        match sts.assume_role(&self.request).await {
            Ok(session) => Ok(Some(session.credentials.with_source(keys.source))),
            Err(error) => {
                let check = if blames_settings(error.kind()) {
                    ", check its trust policy and the keys"
                } else {
                    " with the keys"
                };
                let advice = format!(
                    "cannot assume {}{check} (source: {})",
                    self.request.role_arn, keys.source
                );
                Err(ProviderError::of_call(NAME, &advice, error))
            }
        }
    }

    fn invalidate(&self, refused: &Credentials) {
        self.base.invalidate(refused);
    }
}
