//! API keys of users: what is given out, how long it lives, and how it ends.

use super::*;

async fn issued(role: Value) -> (World, Response) {
    let world = World::new(role).await;
    let response = answer(world.creds().await);
    (world, response)
}

/// A role of API keys with these fields beside the usual ones.
fn with(more: Value) -> Value {
    let mut role = object(api_keys());
    role.extend(object(more));
    role.into()
}

#[tokio::test]
async fn a_user_with_all_that_the_role_says_has_an_api_key_and_no_access_key() {
    let (world, response) = issued(api_keys()).await;
    let user = world.user();
    assert!(user.keys.is_empty());
    let [key] = &user.api_keys[..] else {
        panic!("{user:?}")
    };
    assert_eq!((key.service.as_str(), key.days), ("s.aliyuncs.com", 1));
    assert_eq!(user.groups.len(), 2);
    assert_eq!(
        user.tags,
        BTreeMap::from([("env", "prod"), ("team", "a")].map(|(key, value)| (key.into(), value.into())))
    );
    assert_eq!(user.attached.len(), 3);
    assert!(world.account.things.lock().unwrap().users.contains_key(&key.name));
    assert_eq!(
        Value::from(response.data.unwrap()),
        json!({
            "service_credential_id": key.id, "service_credential_secret": "very-secret",
            "service_name": "s.aliyuncs.com", "expiration": "2024-03-01T23:59:59Z",
        })
    );
    let secret = response.secret.unwrap();
    assert_eq!(
        (secret.lease.ttl.as_secs(), secret.lease.max_ttl.as_secs()),
        (HOUR, 2 * HOUR)
    );
    assert!(secret.lease.renewable);
    let internal = Value::from(secret.internal.clone());
    assert_eq!(internal["service_credential_id"], key.id);
    assert!(internal.get("access_key_id").is_none());
    // The secret is in the answer alone.
    let record = world.storage.list("issued/").await.unwrap().remove(0);
    let record = world
        .storage
        .get(&format!("issued/{record}"))
        .await
        .unwrap()
        .unwrap();
    for kept in [internal.to_string(), String::from_utf8(record).unwrap()] {
        assert!(!kept.contains("very-secret"), "{kept}");
    }
}

#[tokio::test]
async fn its_access_is_closed_before_anything_else_is_taken_off() {
    let (world, response) = issued(api_keys()).await;
    let before = world.actions().len();
    world
        .end_lease(Operation::Revoke, response.secret.unwrap())
        .await
        .unwrap();
    world.assert_nothing_is_left("").await;
    let actions = &world.actions()[before..];
    let at = |action: &str| actions.iter().position(|sent| sent == action).unwrap();
    assert!(at("UpdateServiceCredential") < at("DeleteServiceCredential"));
    assert!(at("DeleteServiceCredential") < at("DetachPolicyFromUser"));
    // RAM is not asked first whether there is one.
    assert_eq!(actions.iter().filter(|sent| *sent == "DeleteUser").count(), 1);
}

#[tokio::test]
async fn what_cannot_be_taken_off_fails_the_revocation_at_once() {
    let (world, response) = issued(api_keys()).await;
    let secret = response.secret.unwrap();
    for action in [
        "ListServiceCredentials",
        "UpdateServiceCredential",
        "DeleteServiceCredential",
    ] {
        *world.account.denied.lock().unwrap() = vec![action];
        let error = failure(world.end_lease(Operation::Revoke, secret.clone()).await);
        assert!(
            error.message().contains(&format!("allow ram:{action}")),
            "{error}"
        );
        // Not taken for something that goes away by itself.
        let tried = world
            .actions()
            .iter()
            .filter(|sent| *sent == "DeleteUser")
            .count();
        assert!(tried <= 3, "{tried}");
    }
    world.account.denied.lock().unwrap().clear();
    world.end_lease(Operation::Revoke, secret).await.unwrap();
    world.assert_nothing_is_left("").await;
}

#[tokio::test]
async fn a_key_ends_by_itself_but_never_before_its_lease() {
    for (more, days, max_ttl) in [
        (json!({"max_ttl": 24 * HOUR}), 2, DAY),
        (json!({"max_ttl": 24 * HOUR - 61}), 1, DAY - 61),
        (
            json!({"max_ttl": 24 * HOUR, "service_credential_days": 1}),
            1,
            DAY,
        ),
        (json!({"service_credential_days": 90}), 90, 2 * HOUR),
        // The mount's own maximum, which the key's days cut.
        (
            json!({"ttl": 0, "max_ttl": 0, "service_credential_days": 1}),
            1,
            DAY,
        ),
        (json!({"ttl": 0, "max_ttl": 0}), 33, 32 * DAY),
    ] {
        for told in [false, true] {
            let world = World::new(with(more.clone())).await;
            world.account.tells_expiration.store(told, Ordering::SeqCst);
            let response = answer(world.creds().await);
            assert_eq!(world.user().api_keys[0].days, days, "{more}");
            let lease = response.secret.unwrap().lease;
            assert_eq!(lease.max_ttl.as_secs(), max_ttl, "{more}");
            assert!(lease.ttl <= lease.max_ttl && response.warnings.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_does_not_pass_the_end_of_the_key() {
    let (world, response) = issued(with(json!({"max_ttl": 20 * HOUR}))).await;
    // The role allows more by now; the key has a day.
    world
        .write_role(with(json!({"max_ttl": 240 * HOUR, "ttl": 48 * HOUR})))
        .await
        .unwrap();
    let mut secret = response.secret.unwrap();
    secret.lease.issue_time = Some(world.account.clock.now().unix_timestamp());
    world.wait(10 * HOUR).await;
    let renewed = answer(world.end_lease(Operation::Renew, secret).await);
    let lease = renewed.secret.unwrap().lease;
    assert_eq!((lease.ttl.as_secs(), lease.max_ttl.as_secs()), (DAY, DAY));
    let [warning] = &renewed.warnings[..] else {
        panic!("{:?}", renewed.warnings)
    };
    assert_eq!(
        warning,
        "the API key ends at 2024-03-01T23:59:59Z: max_ttl of 240h is cut to 24h"
    );
    let record = world.storage.list("issued/").await.unwrap().remove(0);
    let storage: &dyn Storage = &*world.storage;
    let record: Value = storage
        .get_json(&format!("issued/{record}"))
        .await
        .unwrap()
        .unwrap();
    let end = world.account.clock.now().unix_timestamp() + 14 * 3600;
    assert_eq!(record["latest"], end + 600);
}

#[tokio::test]
async fn no_request_chooses_more_than_the_key_lives() {
    let world = World::new(with(
        json!({"ttl": 0, "max_ttl": 0, "service_credential_days": 2}),
    ))
    .await;
    let error = failure(
        world
            .send(Operation::Update, "creds/dev", json!({"ttl": 49 * HOUR}))
            .await,
    );
    assert!(
        error.message().contains("exceeds the 48h that the role allows"),
        "{error}"
    );
    answer(
        world
            .send(Operation::Update, "creds/dev", json!({"ttl": 48 * HOUR}))
            .await,
    );
}

#[tokio::test]
async fn a_user_whose_id_is_not_known_is_looked_up() {
    let (world, response) = issued(api_keys()).await;
    let mut secret = response.secret.unwrap();
    secret.internal.remove("user_id");
    world.end_lease(Operation::Revoke, secret).await.unwrap();
    world.assert_nothing_is_left("").await;
}
