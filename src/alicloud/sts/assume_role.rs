//! AssumeRole.

use serde::Deserialize;
use time::OffsetDateTime;

use super::Sts;
use crate::alicloud::credentials::Source;
use crate::alicloud::wire::WireCredentials;
use crate::cloud::credentials::Credentials;
use crate::cloud::{Error, Parameters, Result};

/// What a session of a role is asked for with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssumeRole {
    /// `acs:ram::<account>:role/<name>`.
    pub role_arn: String,
    /// 2 to 64 of `[A-Za-z0-9.@_-]`; seen in audit trails.
    pub session_name: String,
    /// 900 up to the role's own maximum (3,600 to 43,200); the cloud's default is 3,600.
    pub duration_seconds: Option<u32>,
    /// 2 to 1,224 of `[A-Za-z0-9_+=,.@:/-]`, if the role's trust policy wants one.
    pub external_id: Option<String>,
    /// 2 to 64 of `[A-Za-z0-9_+=,.@-]`; seen in audit trails, also of roles that the session assumes.
    pub source_identity: Option<String>,
    /// A policy document of up to 2,048 bytes: the session may do what both the role and it allow.
    pub policy: Option<String>,
}

/// A session of a role. It cannot be ended before its time.
#[derive(Debug, Clone)]
pub struct AssumedRole {
    /// Key id, secret, token, and the expiration once more.
    pub credentials: Credentials,
    /// When the cloud stops accepting them; in the future when the answer came.
    pub expiration: OffsetDateTime,
}

#[derive(Deserialize)]
pub(super) struct SessionAnswer {
    #[serde(rename = "Credentials")]
    credentials: Option<WireCredentials>,
}

impl SessionAnswer {
    /// Accepts only a session that can be used: all four parts, and time left.
    pub(super) fn session(
        self,
        operation: &'static str,
        source: Source,
        now: OffsetDateTime,
    ) -> Result<AssumedRole> {
        let (credentials, expiration) = self
            .credentials
            .unwrap_or_default()
            .usable(source, now)
            .map_err(|text| Error::unexpected(operation, text))?;
        Ok(AssumedRole {
            credentials,
            expiration,
        })
    }
}

impl Sts {
    /// Asks for a session of a role.
    ///
    /// # Errors
    /// [`Denied`](crate::cloud::Kind::Denied) if the permission is missing, the role does not trust the caller, or the
    /// caller is the account itself; [`Unexpected`](crate::cloud::Kind::Unexpected) for an answer whose credentials
    /// lack a part or have expired; and every other kind.
    pub async fn assume_role(&self, request: &AssumeRole) -> Result<AssumedRole> {
        const OPERATION: &str = "AssumeRole";
        let seconds = request.duration_seconds.map(|seconds| seconds.to_string());
        let parameters = Parameters::new()
            .with("RoleArn", request.role_arn.as_str())
            .with("RoleSessionName", request.session_name.as_str())
            .with_some("DurationSeconds", seconds.as_deref())
            .with_some("ExternalId", request.external_id.as_deref())
            .with_some("SourceIdentity", request.source_identity.as_deref())
            .with_some("Policy", request.policy.as_deref());
        let answer: SessionAnswer = self.call(OPERATION, parameters).await?;
        answer.session(OPERATION, Source::AssumeRole, self.0.clock().now())
    }
}
