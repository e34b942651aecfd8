//! STS 2015-04-01: who am I, and sessions of roles.

mod assume_role;
mod identity;
mod oidc;
mod session;

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

pub use assume_role::{AssumeRole, AssumedRole};
#[cfg(fuzzing)]
pub use identity::read_identity;
pub use identity::{CallerIdentity, Presigned};
pub use oidc::{AssumeRoleWithOidc, OidcProviderArn, ParseOidcProviderError};
pub use session::{ExternalId, ParseSessionError, RoleSessionName};

use super::client::{Call, Client};
use super::credentials::{Credentials, SharedProvider};
use super::endpoint::Endpoint;
use super::error::Result;
use super::parameters::Parameters;
use super::retry::Idempotency;

/// The version of the API, which signed requests of others must have too.
pub const STS_VERSION: &str = "2015-04-01";

/// STS as seen with the credentials of one provider. Cheap to clone.
#[derive(Clone)]
pub struct Sts {
    client: Client,
    provider: SharedProvider,
    endpoint: Endpoint,
}

impl Sts {
    pub(super) fn new(client: Client, provider: SharedProvider, endpoint: Endpoint) -> Self {
        Self {
            client,
            provider,
            endpoint,
        }
    }

    /// STS as somebody else sees it, with credentials of the same account: their calls wait in the same lines, where the
    /// client has any.
    #[must_use]
    pub fn with_credentials(&self, credentials: Credentials) -> Self {
        Self {
            provider: credentials.into(),
            ..self.clone()
        }
    }

    /// The same for work that must be over in time: all calls together, with their tries, pauses and waiting, end by
    /// then. One call alone may take as long, too.
    #[must_use]
    pub fn within(&self, time: Duration) -> Self {
        Self {
            client: self.client.within(time),
            ..self.clone()
        }
    }

    async fn call<T: DeserializeOwned>(&self, operation: &'static str, parameters: Parameters) -> Result<T> {
        self.client
            .signed_call(&self.endpoint, &self.provider, call(operation, parameters))
            .await
    }
}

/// Every operation of STS may be repeated: the result of a lost call is a token that nobody has.
fn call(operation: &'static str, parameters: Parameters) -> Call {
    Call {
        operation,
        version: STS_VERSION,
        idempotency: Idempotency::Repeatable,
        parameters,
    }
}

impl fmt::Debug for Sts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sts")
            .field("provider", &self.provider)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
