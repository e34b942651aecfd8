//! AssumeRoleWithOIDC, the anonymous exchange of an identity token for a session.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::assume_role::SessionAnswer;
use super::{AssumedRole, call};
use crate::alicloud::arn::{AccountId, ParseArnError};
use crate::alicloud::client::Client;
use crate::alicloud::credentials::Source;
use crate::alicloud::endpoint::Endpoint;
use crate::alicloud::error::Result;
use crate::alicloud::parameters::Parameters;

/// An OIDC identity provider of an account: `acs:ram::<account>:oidc-provider/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcProviderArn(String);

/// The rule that the ARN of an OIDC provider broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseOidcProviderError {
    /// The account.
    #[error(transparent)]
    Account(ParseArnError),
    /// Anything else.
    #[error(
        "the arn of an oidc provider is acs:ram::<account id>:oidc-provider/<name>, the name of 1 to 128 letters, \
         digits and any of . _ -"
    )]
    Shape,
}

impl OidcProviderArn {
    /// Reads an ARN.
    ///
    /// # Errors
    /// Names the broken rule.
    pub fn parse(text: &str) -> Result<Self, ParseOidcProviderError> {
        let parts = text
            .strip_prefix("acs:ram::")
            .and_then(|rest| rest.split_once(":oidc-provider/"));
        let Some((account, name)) = parts else {
            return Err(ParseOidcProviderError::Shape);
        };
        AccountId::parse(account).map_err(ParseOidcProviderError::Account)?;
        let fits = (1..=128).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseOidcProviderError::Shape)
        }
    }

    /// The ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OidcProviderArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is exchanged. `Debug` hides the token.
#[derive(Clone)]
pub struct AssumeRoleWithOidc {
    /// The provider that vouches for the token.
    pub provider_arn: OidcProviderArn,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_a_provider_is_of_a_provider() {
        let arn = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123";
        assert_eq!(OidcProviderArn::parse(arn).unwrap().to_string(), arn);
        for (text, error) in [
            ("", ParseOidcProviderError::Shape),
            ("acs:ram::1234567890123456:role/r", ParseOidcProviderError::Shape),
            (
                "acs:ram::1234567890123456:oidc-provider/",
                ParseOidcProviderError::Shape,
            ),
            (
                "acs:ram::1234567890123456:oidc-provider/a/b",
                ParseOidcProviderError::Shape,
            ),
            (
                "acs:ram:cn:1234567890123456:oidc-provider/a",
                ParseOidcProviderError::Shape,
            ),
            (
                "acs:ram::me:oidc-provider/a",
                ParseOidcProviderError::Account(ParseArnError::Account),
            ),
        ] {
            assert_eq!(OidcProviderArn::parse(text), Err(error), "{text}");
        }
    }
}
