//! A session of a role, asked for with given keys.

use std::fmt;

use async_trait::async_trait;

use super::{Credentials, Provider, ProviderError};
use crate::alicloud::client::Client;
use crate::alicloud::endpoint::Endpoint;
use crate::alicloud::sts::{AssumeRole, Sts};

/// Assumes one role, anew each time it is asked: wrap it in [`super::Cached`].
pub struct AssumeRoleProvider {
    sts: Sts,
    request: AssumeRole,
}

impl AssumeRoleProvider {
    /// Will assume the role with these keys at this endpoint.
    #[must_use]
    pub fn new(client: Client, keys: Credentials, endpoint: Endpoint, request: AssumeRole) -> Self {
        Self {
            sts: client.sts(keys, endpoint),
            request,
        }
    }
}

#[async_trait]
impl Provider for AssumeRoleProvider {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        match self.sts.assume_role(&self.request).await {
            Ok(session) => Ok(Some(session.credentials)),
            Err(error) => {
                let advice = format!(
                    "cannot assume {}, check its trust policy and the keys",
                    self.request.role_arn
                );
                Err(ProviderError::of_call("assumed role credentials", &advice, error))
            }
        }
    }
}

impl fmt::Debug for AssumeRoleProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRoleProvider")
            .field("role_arn", &self.request.role_arn)
            .finish_non_exhaustive()
    }
}
