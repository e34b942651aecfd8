//! STS credentials: how long they are asked for, and the lease that goes with them.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::alicloud::sts::{AssumeRole, AssumedRole};
use crate::alicloud::{Arn, Kind};
use crate::framework::{Context, Error, LeaseOptions, Response, TtlCap, human_duration, object};
use crate::secrets::alicloud::cloud::Cloud;
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::role::Role;
use crate::secrets::alicloud::role::policy::{MAX_SESSION_BYTES, PolicyDocument};
use crate::secrets::alicloud::ttl::DEFAULT_SESSION;
use crate::secrets::alicloud::{lease, names, ttl};
use crate::secrets::identity::Identity;

/// The least that STS takes as `DurationSeconds`.
pub(super) const SHORTEST_SESSION: Duration = Duration::from_secs(900);
/// The most that a RAM role's maximum session duration can be.
pub(super) const LONGEST_SESSION: Duration = Duration::from_secs(43_200);

/// What one session is asked for with.
pub(super) struct Wish {
    /// Zero means the role's.
    pub(super) ttl: Duration,
    /// The mount's maximum.
    pub(super) limit: Duration,
    /// Of the RAM role.
    pub(super) arn: String,
    pub(super) policy: Option<PolicyDocument>,
}

/// Assumes the RAM role and makes the lease.
pub(super) async fn issue(
    cloud: &Cloud,
    context: &Context,
    role_name: &str,
    role: &Role,
    config: &Config,
    wish: Wish,
    identity: Option<&Identity>,
) -> Result<Response, Error> {
    let wanted = if wish.ttl.is_zero() { role.ttl } else { wish.ttl };
    let ttl = ttl::of_session(role, config, wish.limit, wish.ttl)?;
    let mut warnings = Vec::new();
    if wanted > ttl {
        warnings.push(
            TtlCap {
                field: "ttl",
                asked: wanted,
                given: ttl,
            }
            .warning(),
        );
    }
    let asked = ttl.clamp(SHORTEST_SESSION, LONGEST_SESSION);
    let mut call = AssumeRole {
        role_arn: wish.arn,
        session_name: names::session(
            config.role_session_name_template.as_ref(),
            context,
            role_name,
            identity,
        )?,
        duration_seconds: u32::try_from(asked.as_secs()).ok(),
        external_id: role.external_id.as_ref().map(ToString::to_string),
        source_identity: role
            .source_identity
            .as_ref()
            .map(|template| names::source_identity(template, context, role_name, identity))
            .transpose()?,
        policy: wish
            .policy
            .map(|policy| policy.filled(identity, MAX_SESSION_BYTES))
            .transpose()?,
    };
    let mut cut_by_role = false;
    let assumed = match cloud.sts.assume_role(&call).await {
        // The RAM role may allow less than was asked for. The text of that refusal names no number.
        Err(refused) if refused.kind() == Kind::Invalid && asked > DEFAULT_SESSION => {
            let allowed = longest_session_of(cloud, &call.role_arn)
                .await
                .filter(|allowed| *allowed < asked);
            let Some(allowed) = allowed else {
                return Err(failed_call(refused));
            };
            call.duration_seconds = u32::try_from(allowed.as_secs()).ok();
            cut_by_role = true;
            warnings.push(format!(
                "the RAM role allows sessions of at most {}; the ttl of {} was capped",
                human_duration(allowed),
                human_duration(ttl)
            ));
            cloud.sts.assume_role(&call).await.map_err(failed_call)?
        }
        answer => answer.map_err(failed_call)?,
    };
    response(assumed, context.clock.now(), ttl, warnings, cut_by_role)
}

/// The RAM role's maximum session duration. Reading it needs `ram:GetRole`; without that, the maximum that every role
/// has is the answer.
async fn longest_session_of(cloud: &Cloud, arn: &str) -> Option<Duration> {
    let arn: Arn = arn.parse().ok()?;
    let read = cloud.ram.max_session_seconds(arn.role_name()?).await;
    let seconds = read.ok().flatten();
    Some(seconds.map_or(DEFAULT_SESSION, |seconds| Duration::from_secs(u64::from(seconds))))
}

/// The lease ends with the credentials, or before them where the role or the mount wants less than the cloud gives.
fn response(
    assumed: AssumedRole,
    now: OffsetDateTime,
    wish: Duration,
    mut warnings: Vec<String>,
    cut_by_role: bool,
) -> Result<Response, Error> {
    let expiration = assumed.expiration;
    let seconds = (expiration - now).whole_seconds();
    let lifetime = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let expires = expiration.format(&Rfc3339).map_err(|error| {
        Error::internal("the expiration of the credentials cannot be written").with_source(error)
    })?;
    // A second or two are lost on the way; only a lease that is shorter on purpose deserves a word.
    if wish + Duration::from_secs(60) < lifetime {
        warnings.push(format!(
            "the lease is cut to {}, but STS credentials cannot be shorter than {} nor be revoked: they are good until {expires}",
            human_duration(wish),
            human_duration(SHORTEST_SESSION)
        ));
    }
    if lifetime + Duration::from_secs(60) < wish && !cut_by_role {
        warnings.push(format!(
            "the credentials end at {expires}: the lease of {} is cut to {}",
            human_duration(wish),
            human_duration(lifetime)
        ));
    }
    let ttl = lifetime.min(wish).max(Duration::from_secs(1));
    let credentials = &assumed.credentials;
    let token = credentials
        .security_token
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .unwrap_or_default();
    let data = object([
        ("access_key", Value::from(credentials.access_key_id.as_str())),
        ("secret_key", credentials.access_key_secret.expose_secret().into()),
        ("security_token", token.into()),
        ("expiration", expires.into()),
    ]);
    let options = LeaseOptions {
        ttl,
        max_ttl: ttl,
        renewable: false,
        ..LeaseOptions::default()
    };
    let mut response = lease::session_response(data, options);
    response.warnings = warnings;
    Ok(response)
}
