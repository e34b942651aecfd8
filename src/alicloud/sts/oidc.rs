//! AssumeRoleWithOIDC, the anonymous exchange of an identity token for a session.

use secrecy::{ExposeSecret, SecretString};

use super::assume_role::SessionAnswer;
use super::{AssumedRole, SERVICE, call};
use crate::alicloud::answer::read;
use crate::alicloud::arn::{AccountId, ParseArnError};
use crate::alicloud::credentials::Source;
use crate::cloud::{Client, Endpoint, Parameters, Result, checked_text};

checked_text! {
    /// An OIDC identity provider of an account: `acs:ram::<account>:oidc-provider/<name>`.
    pub struct OidcProviderArn, check => ParseOidcProviderError;
}

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

fn check(text: &str) -> Result<(), ParseOidcProviderError> {
    let parts = text
        .strip_prefix("acs:ram::")
        .and_then(|rest| rest.split_once(":oidc-provider/"));
    let (account, name) = parts.ok_or(ParseOidcProviderError::Shape)?;
    AccountId::parse(account).map_err(ParseOidcProviderError::Account)?;
    let fits = (1..=128).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    fits.then_some(()).ok_or(ParseOidcProviderError::Shape)
}

/// What is exchanged.
#[derive(Clone)]
pub struct AssumeRoleWithOidc {
    /// The provider that issued the token.
    pub provider_arn: OidcProviderArn,
    /// `acs:ram::<account>:role/<name>`.
    pub role_arn: String,
    /// The raw token, 4 to 20,000 characters.
    pub token: SecretString,
    /// 2 to 64 of `[A-Za-z0-9.@_-]`.
    pub session_name: String,
}

/// Exchanges an identity token for a session of a role. Unsigned; the token travels in the body.
///
/// # Errors
/// [`Credentials`](crate::cloud::Kind::Credentials) for a token that is not accepted,
/// [`Denied`](crate::cloud::Kind::Denied) if the role does not trust it,
/// [`Unexpected`](crate::cloud::Kind::Unexpected) as for [`assume_role`](super::Sts::assume_role), and every other kind.
/// The cloud's message is not shown: it may quote the token.
pub async fn assume_role_with_oidc(
    client: &Client,
    endpoint: &Endpoint,
    request: &AssumeRoleWithOidc,
) -> Result<AssumedRole> {
    const OPERATION: &str = "AssumeRoleWithOIDC";
    let parameters = Parameters::new()
        .with("OIDCProviderArn", request.provider_arn.as_str())
        .with("RoleArn", request.role_arn.as_str())
        .with("OIDCToken", request.token.expose_secret())
        .with("RoleSessionName", request.session_name.as_str());
    let answer = client
        .call(&SERVICE, endpoint, None, &call(OPERATION, parameters))
        .await?;
    read::<SessionAnswer>(OPERATION, &answer)?.session(OPERATION, Source::Oidc, client.clock().now())
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
