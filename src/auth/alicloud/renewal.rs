//! Renewal of tokens.
//!
//! Nothing is asked of STS: the request that proved the identity is used up. So the identity that the login recorded is
//! compared with the role as it is now. Tags are no part of that identity: if the role has `bound_tags`, RAM is asked for
//! those that the RAM role has now. As upstream has it, the terms are those of the role as it is now, and the policies and
//! everything else stay as they were at login.

use std::sync::Arc;

use super::binding::{Caller, NotBound};
use super::config::Config;
use super::identity::{ARN, ROLE_ID, ROLE_NAME};
use super::method::Method;
use super::role::{Role, is_name};
use crate::alicloud::Arn;
use crate::framework::{Auth, Context, Error, HandlerResult, Response, Status};

pub(super) async fn renew(method: Arc<Method>, context: Context, mut auth: Auth) -> HandlerResult {
    let recorded = |key: &str| {
        auth.metadata
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let arn = recorded(ARN)
        .ok_or_else(|| Error::bad_request("unable to retrieve arn from metadata during renewal"))?;
    let arn = Arn::parse(arn).map_err(|error| {
        Error::bad_request(format!("the arn in the token's metadata is not an arn: {error}"))
    })?;
    let role_name =
        recorded(ROLE_NAME).ok_or_else(|| Error::bad_request("error retrieving role_name during renewal"))?;
    let role = if is_name(role_name) {
        Role::load(&*context.storage, role_name).await?
    } else {
        None
    };
    let role = role.ok_or_else(|| Error::bad_request("role entry not found"))?;
    let caller = Caller {
        arn: &arn,
        role_id: recorded(ROLE_ID),
    };
    let not_bound = |broken: NotBound| Error::bad_request(broken.to_string());
    role.check_bindings(caller).map_err(not_bound)?;
    if !role.bound_tags.is_empty() {
        let Ok(_permit) = method.renewals.try_acquire() else {
            return Err(Error::coded(
                Status::UNAVAILABLE,
                "too many renewals of this mount wait for the tags of RAM roles; try again later",
            ));
        };
        let config = Config::load(&*context.storage).await?.unwrap_or_default();
        let tags = method.tags_of(&context, &config, caller).await?;
        role.check_tags(tags.as_deref()).map_err(not_bound)?;
    }
    role.token.renew(&mut auth);
    Ok(Some(Response::auth(auth)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::auth::alicloud::method::RENEWALS;
    use crate::auth::alicloud::testing::backend;
    use crate::cloud::testing::{Script, Step};
    use crate::framework::{
        FixedSystem, Kind, LeaseOptions, MemoryStorage, Operation, Request, Storage, StorageError, TokenType,
        testing,
    };

    /// Of a token that the Go plugin issued: there is nothing but metadata.
    fn token(metadata: &[(&str, &str)]) -> Auth {
        Auth {
            lease: LeaseOptions {
                ttl: Duration::from_secs(1),
                max_ttl: Duration::from_secs(2),
                renewable: true,
                increment: Duration::from_secs(99),
                issue_time: Some(7),
            },
            display_name: "alicloud-300:i-1".to_owned(),
            policies: vec!["then".to_owned()],
            metadata: metadata
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            token_type: TokenType::Service,
            num_uses: 5,
            ..Auth::default()
        }
    }

    const METADATA: [(&str, &str); 3] = [
        ("arn", "acs:ram::12345:assumed-role/Dev/i-1"),
        ("role_name", "r"),
        ("role_id", "300"),
    ];

    async fn renew_with(role: Option<Value>, auth: Auth) -> HandlerResult {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        if let Some(role) = role {
            let stored: Result<(), StorageError> = storage.put("role/r", role.to_string().into_bytes()).await;
            stored.unwrap();
        }
        let mut request = Request::new(Operation::Renew, "login");
        request.auth = Some(auth);
        let services = testing::services(storage, FixedSystem::default());
        let backend = backend(&Script::default());
        let context = testing::context_of(&backend, request, services, CancellationToken::new());
        backend.handle(context).await
    }

    fn stored_arn(role: &str) -> Value {
        json!({"AccountNumber": "12345", "Type": 0, "RoleName": role, "RoleAssumerName": "", "Full": "f"})
    }

    #[tokio::test]
    async fn the_terms_are_the_roles_and_the_rest_stays() {
        let role = json!({
            "arn": stored_arn("dev"), "token_ttl": 60_000_000_000_u64, "token_max_ttl": 0,
            "token_period": 30_000_000_000_u64, "token_policies": ["now"], "token_num_uses": 1,
            "bound_role_ids": ["300"], "bound_account_ids": ["12345"],
        });
        let before = token(&METADATA);
        let after = renew_with(Some(role), before.clone()).await.unwrap().unwrap();
        assert!(after.data.is_none());
        let lease = LeaseOptions {
            ttl: Duration::from_secs(60),
            max_ttl: Duration::ZERO,
            ..before.lease
        };
        let expected = Auth {
            lease,
            period: Duration::from_secs(30),
            ..before
        };
        assert!(after.auth.unwrap() == expected);
    }

    /// Renewals hold permits that the reads and writes of all mounts need.
    #[tokio::test(start_paused = true)]
    async fn only_so_many_renewals_of_a_mount_wait_for_tags() {
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let role =
            json!({"arn": stored_arn("Dev"), "bound_role_ids": ["300"], "bound_tags": {"team": "blue"}});
        for (key, stored) in [
            ("role/r", role),
            ("config", json!({"access_key": "k", "secret_key": "s"})),
        ] {
            let written: Result<(), StorageError> = storage.put(key, stored.to_string().into_bytes()).await;
            written.unwrap();
        }
        let backend = backend(&Script::by_call(|_| Step::Silence));
        let renewals = (0..RENEWALS + 8).map(|_| {
            let mut request = Request::new(Operation::Renew, "login");
            request.auth = Some(token(&METADATA));
            let services = testing::services(Arc::clone(&storage), FixedSystem::default());
            backend.handle(testing::context_of(
                &backend,
                request,
                services,
                CancellationToken::new(),
            ))
        });
        let answers = futures_util::future::join_all(renewals).await;
        let refusals = answers.into_iter().map(|answer| answer.err().unwrap());
        let (at_once, late): (Vec<_>, Vec<_>) =
            refusals.partition(|refusal| refusal.message().contains("too many renewals"));
        assert_eq!((at_once.len(), late.len()), (8, RENEWALS));
        for refusal in at_once.iter().chain(&late) {
            assert_eq!(refusal.kind(), Kind::Coded(Status::UNAVAILABLE), "{refusal}");
        }
    }

    #[tokio::test]
    async fn the_bindings_must_still_hold() {
        let other = |key: &'static str, value: &'static str| {
            let mut metadata = BTreeMap::from(METADATA);
            metadata.insert(key, value);
            token(&metadata.into_iter().collect::<Vec<_>>())
        };
        let good = json!({"arn": stored_arn("Dev"), "bound_role_ids": ["300"]});
        for (role, auth, refusal) in [
            (None, token(&METADATA), "role entry not found"),
            (
                Some(good.clone()),
                other("role_name", "gone"),
                "role entry not found",
            ),
            (
                Some(good.clone()),
                other("role_name", "../role/r"),
                "role entry not found",
            ),
            (
                Some(good.clone()),
                other("role_name", ""),
                "error retrieving role_name during renewal",
            ),
            (
                Some(good.clone()),
                token(&[]),
                "unable to retrieve arn from metadata during renewal",
            ),
            (
                Some(good.clone()),
                other("arn", "x"),
                "the arn in the token's metadata is not an arn",
            ),
            (
                Some(good.clone()),
                other("role_id", "301"),
                "the caller's role id is not among",
            ),
            (
                Some(good.clone()),
                other("role_id", ""),
                "the role has bound_role_ids",
            ),
            (
                Some(json!({"arn": stored_arn("dev2")})),
                token(&METADATA),
                "the caller's arn does not match the role's arn",
            ),
            (
                Some(json!({"arn": stored_arn("dev"), "bound_account_ids": ["54321"]})),
                token(&METADATA),
                "the caller's account is not among",
            ),
        ] {
            let error = renew_with(role, auth).await.err().unwrap();
            assert_eq!(error.kind(), Kind::BadRequest);
            assert!(error.message().starts_with(refusal), "{refusal}: {error}");
        }
        assert!(renew_with(Some(good), token(&METADATA)).await.is_ok());
    }
}
