//! The leases of the engine: what they hold, their renewal and their end.
//!
//! Their type and the name of the user are those of Vault's own engine, so that its leases are revoked here.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;

use crate::aws::iam::AccessKey;
use crate::framework::{
    Context, Error, HandlerResult, Lease, LeaseOptions, LeaseTerms, Response, SecretType, human_duration,
    object,
};
use crate::secrets::aws::config::lease::LeaseConfig;
use crate::secrets::aws::engine::Engine;
use crate::secrets::aws::removal::MadeUser;
use crate::secrets::lease;

/// Vault's name for leases of access keys.
const NAME: &str = "access_keys";

const USER_NAME: &str = "username";
/// Vault's mark of credentials of STS, which a later version of its engine made and which end by themselves.
const IS_STS: &str = "is_sts";
// Ours, where they are known.
const ACCOUNT_ID: &str = "account_id";
const USER_ID: &str = "user_id";
const ACCESS_KEY: &str = "access_key";

pub(super) fn secret(engine: &Arc<Engine>) -> SecretType {
    SecretType::new(NAME, engine, renew, revoke)
}

/// The answer with a user's key.
pub(super) fn response(user: &MadeUser, key: &AccessKey, terms: LeaseTerms) -> Response {
    let data = object([
        ("access_key", Value::from(key.id.as_str())),
        ("secret_key", key.secret.expose_secret().into()),
    ]);
    let known = [
        (USER_NAME, Some(&user.user_name)),
        (ACCOUNT_ID, user.account_id.as_ref()),
        (USER_ID, user.user_id.as_ref()),
        (ACCESS_KEY, user.access_key.as_ref()),
    ];
    let internal = known
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?.as_str()))))
        .collect();
    let options = LeaseOptions {
        ttl: terms.ttl,
        max_ttl: terms.max_ttl,
        renewable: true,
        ..LeaseOptions::default()
    };
    SecretType::response(NAME, data, internal, options)
}

async fn renew(engine: Arc<Engine>, context: Context, lease: Lease) -> HandlerResult {
    if is_sts(&lease) {
        return Ok(None);
    }
    let user = user_of(&lease)?;
    let (terms, mut warnings) = LeaseConfig::terms(&context).await?;
    let asked = match lease.options.increment {
        Duration::ZERO => terms.ttl,
        increment => increment,
    };
    let left = left(&context, lease.options.issue_time, terms.max_ttl);
    if left.is_zero() {
        return Err(Error::bad_request(format!(
            "the lease has reached its longest life of {}, counted from its issue: read new credentials",
            human_duration(terms.max_ttl)
        )));
    }
    let granted = asked.min(left);
    if granted < asked {
        warnings.push(format!(
            "the lease ends in {} at the latest: lease_max, or the mount's maximum, is {} from its issue",
            human_duration(left),
            human_duration(terms.max_ttl)
        ));
    }
    lease::renew(
        &engine.mount,
        &context,
        user,
        granted,
        terms.max_ttl,
        lease.options.issue_time,
    )
    .await?;
    let options = LeaseOptions {
        ttl: granted,
        max_ttl: terms.max_ttl,
        increment: Duration::ZERO,
        ..lease.options
    };
    let mut response = lease.renewed(options);
    response.warnings.extend(warnings);
    Ok(Some(response))
}

/// What is left of the longest life of a lease.
fn left(context: &Context, issued_at: Option<i64>, longest: Duration) -> Duration {
    let age = issued_at.map_or(0, |at| context.clock.now().unix_timestamp() - at);
    longest.saturating_sub(Duration::from_secs(u64::try_from(age).unwrap_or(0)))
}

async fn revoke(engine: Arc<Engine>, context: Context, lease: Lease) -> HandlerResult {
    if !is_sts(&lease) {
        lease::revoke(&*engine, &context, &user_of(&lease)?).await?;
    }
    Ok(None)
}

fn is_sts(lease: &Lease) -> bool {
    lease.internal.get(IS_STS).and_then(Value::as_bool) == Some(true)
}

/// The user that a lease stands for.
fn user_of(lease: &Lease) -> Result<MadeUser, Error> {
    let known = |name| {
        let text = lease.internal.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Ok(MadeUser {
        user_name: known(USER_NAME)
            .ok_or_else(|| Error::internal("secret is missing username internal data"))?,
        access_key: known(ACCESS_KEY),
        user_id: known(USER_ID),
        account_id: known(ACCOUNT_ID),
    })
}
