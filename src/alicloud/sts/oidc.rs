//! AssumeRoleWithOIDC, the anonymous exchange of an identity token for a session.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::assume_role::SessionAnswer;
use super::{AssumedRole, call};
use crate::alicloud::client::Client;
use crate::alicloud::credentials::Source;
use crate::alicloud::endpoint::Endpoint;
use crate::alicloud::error::Result;
use crate::alicloud::parameters::Parameters;

/// What is exchanged. `Debug` hides the token.
#[derive(Clone)]
pub struct AssumeRoleWithOidc {
    /// `acs:ram::<account>:oidc-provider/<name>`.
    pub provider_arn: String,
    /// `acs:ram::<account>:role/<name>`.
    pub role_arn: String,
    /// The raw token, 4 to 20,000 characters.
    pub token: SecretString,
    /// 2 to 64 of `[A-Za-z0-9.@_-]`.
    pub session_name: String,
    /// 900 up to the role's own maximum; the cloud's default is 3,600.
    pub duration_seconds: Option<u32>,
    /// A policy document that narrows the session further, at most 2,048 bytes.
    pub policy: Option<String>,
}

impl fmt::Debug for AssumeRoleWithOidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRoleWithOidc")
            .field("provider_arn", &self.provider_arn)
            .field("role_arn", &self.role_arn)
            .field("session_name", &self.session_name)
            .field("duration_seconds", &self.duration_seconds)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Exchanges an identity token for a session of a role. Unsigned; the token travels in the body.
    ///
    /// # Errors
    /// [`Credentials`](crate::alicloud::Kind::Credentials) for a token that is not accepted,
    /// [`Denied`](crate::alicloud::Kind::Denied) if the role does not trust it,
    /// [`Unexpected`](crate::alicloud::Kind::Unexpected) as for [`assume_role`](super::Sts::assume_role), and every
    /// other kind. The cloud's message is not shown: it may quote the token.
    pub async fn assume_role_with_oidc(
        &self,
        endpoint: &Endpoint,
        request: &AssumeRoleWithOidc,
    ) -> Result<AssumedRole> {
        const OPERATION: &str = "AssumeRoleWithOIDC";
        let seconds = request.duration_seconds.map(|seconds| seconds.to_string());
        let parameters = Parameters::new()
            .with("OIDCProviderArn", request.provider_arn.as_str())
            .with("RoleArn", request.role_arn.as_str())
            .with("OIDCToken", request.token.expose_secret())
            .with("RoleSessionName", request.session_name.as_str())
            .with_some("DurationSeconds", seconds.as_deref())
            .with_some("Policy", request.policy.as_deref());
        let answer: SessionAnswer = self.call(endpoint, None, call(OPERATION, parameters)).await?;
        answer.session(OPERATION, Source::Oidc, self.clock().now())
    }
}
