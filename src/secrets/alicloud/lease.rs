//! The leases of the engine: what they hold, their renewal and their end.
//!
//! Leases keep what upstream's keep, under the same names, so that leases of either plugin can be renewed and revoked
//! by the other.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::alicloud::ram::{AccessKey, PolicyRef};
use crate::framework::{
    Context, Error, Excerpt, HandlerResult, Lease, LeaseOptions, LeaseTerms, Response, SecretType, TtlCap,
    object, words,
};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::ram_user::{API_KEY_ID, ApiKey};
use crate::secrets::alicloud::removal::MadeUser;
use crate::secrets::alicloud::role::Role;
use crate::secrets::alicloud::role::policies::RemotePolicy;
use crate::secrets::alicloud::{key_expiration, ttl};
use crate::secrets::lease;

/// Upstream's name for its one kind of lease.
const NAME: &str = "alicloud";

const ROLE_TYPE: &str = "role_type";
const ROLE_NAME: &str = "role_name";
const USER_NAME: &str = "username";
const ACCESS_KEY_ID: &str = "access_key_id";
const INLINE_POLICIES: &str = "inline_policies";
const REMOTE_POLICIES: &str = "remote_policies";
// Ours, where they are known. The Go plugin skips them.
const ACCOUNT_ID: &str = "account_id";
const USER_ID: &str = "user_id";
// Ours, where there are some.
const GROUPS: &str = "ram_groups";

words! {
    /// What a lease stands for, by its `role_type`.
    enum RoleType {
        /// A RAM user.
        Ram = "ram",
        /// STS credentials.
        Sts = "sts",
    }
}

impl RoleType {
    fn of(lease: &Lease) -> Result<Self, Error> {
        let word = text(lease, ROLE_TYPE)?;
        let unknown = |_| format!("unrecognized {ROLE_TYPE} {:?} in the lease", Excerpt(word));
        word.parse().map_err(unknown).map_err(Error::internal)
    }
}

pub(super) fn secret(engine: &Arc<Engine>) -> SecretType {
    SecretType::new(NAME, engine, renew, revoke)
}

/// The answer with STS credentials.
pub(super) fn session_response(data: Map<String, Value>, lease: LeaseOptions) -> Response {
    SecretType::response(
        NAME,
        data,
        object([(ROLE_TYPE, RoleType::Sts.word().into())]),
        lease,
    )
}

/// The answer with a user's key.
pub(super) fn user_response(
    role_name: &str,
    role: &Role,
    user: &MadeUser,
    key: &AccessKey,
    terms: LeaseTerms,
) -> Response {
    let data = object([
        ("access_key", Value::from(key.id.as_str())),
        ("secret_key", key.secret.expose_secret().into()),
    ]);
    let mut internal = internal_of(role_name, role, user);
    internal.insert(ACCESS_KEY_ID.to_owned(), key.id.as_str().into());
    SecretType::response(NAME, data, internal, options(terms))
}

/// The answer with a user's API key.
pub(super) fn api_key_response(
    role_name: &str,
    role: &Role,
    user: &MadeUser,
    key: &ApiKey,
    terms: LeaseTerms,
) -> Response {
    let mut internal = internal_of(role_name, role, user);
    internal.extend(key.internal());
    SecretType::response(NAME, key.data(), internal, options(terms))
}

/// What the lease of a user keeps, but for its key.
fn internal_of(role_name: &str, role: &Role, user: &MadeUser) -> Map<String, Value> {
    let made = user.policies.iter().map(PolicyRef::custom);
    let made: Value = made.map(|policy| RemotePolicy::from(&policy).shown()).collect();
    // Upstream keeps a list that was never written apart from an empty one.
    let remote = role.remote_policies.as_ref();
    let remote = remote.map_or(Value::Null, |policies| {
        policies.iter().map(RemotePolicy::shown).collect()
    });
    let mut internal = object([
        (ROLE_TYPE, Value::from(RoleType::Ram.word())),
        (ROLE_NAME, role_name.to_ascii_lowercase().into()),
        (USER_NAME, user.user_name.as_str().into()),
        (INLINE_POLICIES, made),
        (REMOTE_POLICIES, remote),
    ]);
    for (name, value) in [(ACCOUNT_ID, &user.account_id), (USER_ID, &user.user_id)] {
        if let Some(value) = value {
            internal.insert(name.to_owned(), value.as_str().into());
        }
    }
    if !user.groups.is_empty() {
        internal.insert(GROUPS.to_owned(), user.groups.clone().into());
    }
    internal
}

fn options(terms: LeaseTerms) -> LeaseOptions {
    LeaseOptions {
        ttl: terms.ttl,
        max_ttl: terms.max_ttl,
        renewable: true,
        ..LeaseOptions::default()
    }
}

async fn renew(engine: Arc<Engine>, context: Context, lease: Lease) -> HandlerResult {
    if RoleType::of(&lease)? == RoleType::Sts {
        return Ok(None);
    }
    let role_name = text(&lease, ROLE_NAME)?;
    let Some(role) = Role::load(&*context.storage, role_name).await? else {
        return Err(Error::bad_request(format!(
            "role {} has been deleted so no further renewals are allowed",
            Excerpt(role_name)
        )));
    };
    let config = Config::load(&*context.storage).await?.unwrap_or_default();
    let (terms, cuts) = ttl::of_user(
        &role,
        &config,
        LeaseTerms::of_mount(&*context.system).await?,
        Duration::ZERO,
    )?;
    let (terms, of_key) = key_expiration::limit_renewal(&lease, terms, context.clock.now());
    let options = LeaseOptions {
        ttl: terms.ttl,
        max_ttl: terms.max_ttl,
        ..lease.options
    };
    // The server grants what the caller asks for before what the role says.
    let granted = if options.increment.is_zero() {
        terms.ttl
    } else {
        options.increment
    };
    lease::renew(
        &engine.mount,
        &context,
        user_of(&lease)?,
        granted,
        terms.max_ttl,
        options.issue_time,
    )
    .await?;
    let mut response = lease.renewed(options);
    response
        .warnings
        .extend(cuts.iter().map(TtlCap::warning).chain(of_key));
    Ok(Some(response))
}

async fn revoke(engine: Arc<Engine>, context: Context, lease: Lease) -> HandlerResult {
    if RoleType::of(&lease)? == RoleType::Sts {
        // STS credentials cannot be revoked; they end by themselves.
        return Ok(None);
    }
    lease::revoke(&*engine, &context, &user_of(&lease)?).await?;
    Ok(None)
}

/// The user that a lease stands for.
fn user_of(lease: &Lease) -> Result<MadeUser, Error> {
    let known = |name| {
        lease
            .internal
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    Ok(MadeUser {
        user_name: text(lease, USER_NAME)?.to_owned(),
        user_id: known(USER_ID),
        account_id: known(ACCOUNT_ID),
        access_keys: known(ACCESS_KEY_ID).into_iter().collect(),
        attached: list(lease, REMOTE_POLICIES)?,
        groups: list(lease, GROUPS)?,
        service_credential: known(API_KEY_ID).is_some(),
        policies: list(lease, INLINE_POLICIES)?
            .into_iter()
            .map(|policy: RemotePolicy| policy.name)
            .collect(),
    })
}

fn text<'a>(lease: &'a Lease, key: &str) -> Result<&'a str, Error> {
    match lease.internal.get(key).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(Error::internal(format!("secret is missing {key} internal data"))),
    }
}

/// A list. The Go plugin wrote `null` for a role that never had one, and could then not revoke the lease.
fn list<T: DeserializeOwned>(lease: &Lease, key: &str) -> Result<Vec<T>, Error> {
    match lease.internal.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(list) => serde_json::from_value(list.clone())
            .map_err(|error| Error::internal(format!("malformed {key} internal data")).with_source(error)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lease(internal: Value) -> Lease {
        let Value::Object(internal) = internal else {
            panic!("an object")
        };
        Lease {
            internal,
            options: LeaseOptions::default(),
            data: Map::new(),
        }
    }

    #[test]
    fn lists_of_the_go_plugin_are_understood_also_as_null() {
        let lease =
            lease(json!({"inline_policies": [{"name": "a", "type": "Custom"}], "remote_policies": null}));
        let inline: Vec<RemotePolicy> = list(&lease, INLINE_POLICIES).unwrap();
        assert_eq!(inline[0].name, "a");
        assert!(list::<RemotePolicy>(&lease, REMOTE_POLICIES).unwrap().is_empty());
        assert!(
            text(&lease, USER_NAME)
                .unwrap_err()
                .message()
                .contains("secret is missing username internal data")
        );
    }

    #[test]
    fn a_lease_keeps_what_the_go_plugin_needs_to_revoke_it() {
        let role = Role {
            remote_policies: None,
            ..Role::default()
        };
        let key = AccessKey {
            id: "LTAI1".to_owned(),
            secret: "hush".into(),
        };
        let terms = LeaseTerms {
            ttl: Duration::from_secs(60),
            max_ttl: Duration::from_secs(90),
        };
        let user = MadeUser {
            user_name: "vault-u".to_owned(),
            policies: vec!["p".to_owned()],
            account_id: Some("1234567890123456".to_owned()),
            user_id: Some("7".to_owned()),
            ..MadeUser::default()
        };
        let response = user_response("Dev", &role, &user, &key, terms);
        let internal = Value::Object(response.secret.unwrap().internal);
        assert_eq!(
            internal,
            json!({
                "secret_type": "alicloud",
                "role_type": "ram",
                "role_name": "dev",
                "username": "vault-u",
                "access_key_id": "LTAI1",
                "inline_policies": [{"name": "p", "type": "Custom"}],
                "remote_policies": null,
                "account_id": "1234567890123456",
                "user_id": "7",
            })
        );
    }
}
