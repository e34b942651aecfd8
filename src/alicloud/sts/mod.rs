//! STS 2015-04-01: who am I, and sessions of roles.

mod assume_role;
mod identity;
mod oidc;
mod session;

use serde::de::DeserializeOwned;

pub use assume_role::{AssumeRole, AssumedRole};
#[cfg(fuzzing)]
pub use identity::read_identity;
pub use identity::{CallerIdentity, Presigned, send_presigned};
pub use oidc::{AssumeRoleWithOidc, OidcProviderArn, assume_role_with_oidc};
pub use session::{ExternalId, RoleSessionName};

use crate::alicloud::answer::read;
use crate::alicloud::service::Rpc;
use crate::cloud::credentials::{Credentials, SharedProvider};
use crate::cloud::{Api, Call, Client, Deadline, Endpoint, Idempotency, Parameters, Result};

/// The version of the API, which signed requests of others must have too.
pub const STS_VERSION: &str = "2015-04-01";

const SERVICE: Rpc = Rpc { version: STS_VERSION };

/// STS as seen with the credentials of one provider. Cheap to clone.
#[derive(Clone)]
pub struct Sts(Api);

impl Sts {
    /// STS as seen with these credentials, or with what this provider gives at the time of each call.
    pub fn new(client: &Client, provider: impl Into<SharedProvider>, endpoint: Endpoint) -> Self {
        Self(Api::new(client, SERVICE, endpoint, provider))
    }

    /// STS as somebody else sees it, with credentials of the same account.
    pub fn with_credentials(&self, credentials: Credentials) -> Self {
        Self(self.0.with_credentials(credentials))
    }

    /// The same for work that nobody waits for: see [`Client::in_background`].
    #[must_use]
    pub fn in_background(&self) -> Self {
        Self(self.0.in_background())
    }

    /// The same for work that must be over by then: see [`Client::by`].
    pub fn by(&self, deadline: Deadline) -> Self {
        Self(self.0.by(deadline))
    }

    async fn call<T: DeserializeOwned>(&self, operation: &'static str, parameters: Parameters) -> Result<T> {
        read(operation, &self.0.call(&call(operation, parameters)).await?)
    }
}

/// Every operation of STS may be repeated: the result of a lost call is a token that nobody has.
fn call(operation: &'static str, parameters: Parameters) -> Call {
    Call {
        operation,
        idempotency: Idempotency::Repeatable,
        parameters,
    }
}

#[cfg(test)]
mod tests;
