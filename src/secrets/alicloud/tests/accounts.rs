//! Users are removed in the account that they were made in.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::*;

const OTHER_IDENTITY: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","AccountId":"6543210987654321","Arn":"acs:ram::6543210987654321:user/u","PrincipalId":"1"}"#,
);
const STS_DENIES: Step = refused(
    403,
    r#"{"RequestId":"R","Code":"NoPermission","Message":"denied"}"#,
);
const HERE: &str = "1234567890123456";
const OTHER: &str = "6543210987654321";

/// A mount with a lease, whose `config` then names a key of another account.
async fn moved(more: Value) -> (Mount, Secret) {
    let mount = Mount::new([]).await;
    let secret = answer(mount.creds().await).secret.unwrap();
    assert_eq!(secret.internal["account_id"], HERE);
    let user = mount.user();
    assert_eq!(mount.record(&user).await["account_id"], HERE);
    let mount = mount.restarted([
        ("GetCallerIdentity", IDENTITY),
        ("GetCallerIdentity", OTHER_IDENTITY),
    ]);
    let mut data = object(json!({"access_key": "LTAIother", "secret_key": "other"}));
    data.extend(object(more));
    let warnings = answer(mount.write_config(data.into()).await).warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for text in [HERE, OTHER, "left: 1"] {
        assert!(warnings[0].contains(text), "{warnings:?}");
    }
    (mount, secret)
}

#[tokio::test]
async fn a_lease_of_another_account_is_not_revoked_in_this_one() {
    let (mount, secret) = moved(json!({})).await;
    let error = failure(mount.end_lease(Operation::Revoke, secret.clone()).await);
    assert_eq!(error.kind(), Kind::Coded(Status::CONFLICT));
    for text in [HERE, OTHER, "previous_access_key"] {
        assert!(error.message().contains(text), "{error}");
    }
    assert_eq!((mount.times("DeleteUser"), mount.records().await.len()), (0, 1));
    // Back again, it goes.
    mount
        .write_config(json!({"access_key": "LTAIconfigured", "secret_key": "hush"}))
        .await
        .unwrap();
    mount.end_lease(Operation::Revoke, secret).await.unwrap();
    assert_eq!((mount.times("DeleteUser"), mount.records().await.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_previous_key_revokes_and_is_forgotten_with_the_last_lease() {
    let previous = json!({"previous_access_key": "LTAIconfigured", "previous_secret_key": "hush"});
    let (mut mount, secret) = moved(previous).await;
    let read = answer(mount.handle(Request::new(Operation::Read, "config")).await);
    let read = Value::Object(read.data.unwrap());
    assert_eq!(read["previous_access_key"], "LTAIconfigured");
    assert!(!read.to_string().contains("hush"), "{read}");
    mount.tick(json!({})).await.unwrap();
    mount.end_lease(Operation::Revoke, secret).await.unwrap();
    assert_eq!(mount.values("DeleteUser", "AccessKeyId"), ["LTAIconfigured"]);

    // Leases without a record may be left for as long as one can live.
    let has_previous = |config: &Value| config.get("previous_secret_key").is_some();
    mount.tick(json!({"immediate": true})).await.unwrap();
    assert!(has_previous(&mount.stored("config").await));
    mount.system.max_ttl = Duration::ZERO;
    let storage: &dyn Storage = &*mount.storage;
    let mut account = mount.stored("account").await;
    account["since"] = json!(1);
    storage.put_json("account", &account).await.unwrap();
    // A static role there may have to be deleted, and the end of a rotation that could not be settled be tried again.
    let rotation = json!({"account_id": HERE, "user_name": "u", "old_key": "LTAIold", "begun": u64::MAX});
    for (key, entry) in [
        ("static-role/app", json!({"username": "app", "account_id": HERE})),
        (
            "wal/1",
            json!({"type": "root rotation", "data": rotation, "created_at": 1}),
        ),
    ] {
        storage.put_json(key, &entry).await.unwrap();
        mount.tick(json!({"immediate": true})).await.unwrap();
        assert!(has_previous(&mount.stored("config").await), "{key}");
        storage.delete(key).await.unwrap();
    }
    mount.tick(json!({"immediate": true})).await.unwrap();
    assert!(!has_previous(&mount.stored("config").await));
}

#[tokio::test]
async fn a_lease_that_says_no_account_is_of_the_first_one() {
    let mount = Mount::new([]).await;
    mount.tick(json!({})).await.unwrap();
    assert_eq!(mount.stored("account").await["account_id"], HERE);
    let mount = mount.restarted([("GetCallerIdentity", OTHER_IDENTITY)]);
    let lease = json!({
        "secret_type": "alicloud", "role_type": "ram", "role_name": "dev", "username": "token-dev-1",
        "access_key_id": "LTAIold", "inline_policies": [], "remote_policies": null,
    });
    let error = failure(mount.revoke(lease).await);
    assert!(
        error.message().contains(HERE) && error.message().contains(OTHER),
        "{error}"
    );
    assert_eq!(mount.times("DeleteUser"), 0);
}

#[tokio::test(start_paused = true)]
async fn credentials_are_made_also_when_sts_does_not_tell_the_account() {
    let mount = Mount::new([("GetCallerIdentity", STS_DENIES)]).await;
    let secret = answer(mount.creds().await).secret.unwrap();
    assert!(!secret.internal.contains_key("account_id"));
    // It is not asked each time.
    answer(mount.creds().await);
    assert_eq!(mount.values("GetCallerIdentity", "Action").len(), 1);
    mount.end_lease(Operation::Revoke, secret).await.unwrap();
    assert_eq!(mount.times("DeleteUser"), 1);
}

#[tokio::test]
async fn another_key_of_the_same_account_is_no_move() {
    let mount = Mount::new([]).await;
    answer(mount.creds().await);
    let written = mount
        .write_config(json!({"access_key": "LTAIsecond", "secret_key": "second"}))
        .await;
    assert!(written.unwrap().is_none());
}

#[tokio::test]
async fn a_user_that_renamed_itself_goes_with_its_lease() {
    let users = Step::Answer(
        200,
        r#"{"RequestId":"R","Users":{"User":[{"UserName":"mallory","UserId":"7","Comments":"mine"}]}}"#,
    );
    let mount = Mount::new([("DeleteUser", USER_GONE), ("ListUsers", users)]).await;
    let lease = json!({
        "secret_type": "alicloud", "role_type": "ram", "role_name": "dev", "username": "vault-u",
        "access_key_id": "LTAIold", "inline_policies": [], "remote_policies": null, "user_id": "7",
    });
    mount.revoke(lease).await.unwrap();
    assert_eq!(mount.values("DeleteUser", "UserName"), ["vault-u", "mallory"]);
    assert_eq!(
        mount.values("DeleteAccessKey", "UserName").last().unwrap(),
        "mallory"
    );
}

#[tokio::test]
async fn a_user_that_renamed_itself_is_found_by_owner_tag_and_key_where_its_id_is_not_known() {
    let users = Step::Answer(
        200,
        r#"{"RequestId":"R","Users":{"User":[
            {"UserName":"vault-u2","UserId":"8",
             "Comments":"Made by Vault: mount 0b2c7f0e-1111-2222-3333-444455556666, request 2, for x"},
            {"UserName":"bystander","UserId":"9","Comments":"made by hand"},
            {"UserName":"mallory","UserId":"7",
             "Comments":"Made by Vault: mount 0b2c7f0e-1111-2222-3333-444455556666, request 1, for x"}]}}"#,
    );
    let keys = |listed| Step::Answer(200, listed);
    const NONE: &str = r#"{"RequestId":"R","AccessKeys":{"AccessKey":[{"AccessKeyId":"LTAIother"}]}}"#;
    const ITS: &str = r#"{"RequestId":"R","AccessKeys":{"AccessKey":[{"AccessKeyId":"LTAIold"}]}}"#;
    let mount = Mount::new([
        ("DeleteUser", USER_GONE),
        ("ListUsers", users),
        // The first look is at the name that is gone.
        ("ListAccessKeys", USER_GONE),
        ("ListAccessKeys", keys(NONE)),
        ("ListAccessKeys", keys(ITS)),
    ])
    .await;
    let lease = json!({
        "secret_type": "alicloud", "role_type": "ram", "role_name": "dev", "username": "vault-u",
        "access_key_id": "LTAIold", "inline_policies": [], "remote_policies": null,
    });
    mount.revoke(lease).await.unwrap();
    let looked_at = mount.values("ListAccessKeys", "UserName");
    assert_eq!(looked_at.get(..3).unwrap(), ["vault-u", "vault-u2", "mallory"]);
    assert_eq!(mount.values("DeleteUser", "UserName"), ["vault-u", "mallory"]);
    assert_eq!(
        mount.values("DeleteAccessKey", "UserName").last().unwrap(),
        "mallory"
    );
}

/// An answer of STS that comes so late that nobody waits for it.
fn late_identity() -> Step {
    let Step::Answer(status, body) = IDENTITY else {
        panic!("{IDENTITY:?}");
    };
    Step::AnswerLater(Duration::from_secs(8), status, body)
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_the_account_nor_for_anothers_lookup() {
    let mount = Mount::new([("GetCallerIdentity", late_identity())]).await;
    let started = Instant::now();
    for secret in join_all((0..5).map(|_| mount.creds())).await {
        assert!(!answer(secret).secret.unwrap().internal.contains_key("account_id"));
    }
    assert_eq!(started.elapsed().as_secs(), 2);
    tokio::time::sleep(Duration::from_secs(7)).await;
    // The answer was not lost on those who did not wait for it.
    let started = Instant::now();
    assert_eq!(
        answer(mount.creds().await).secret.unwrap().internal["account_id"],
        HERE
    );
    assert_eq!(
        (
            started.elapsed().as_secs(),
            mount.values("GetCallerIdentity", "Action").len()
        ),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_lookup_nobody_waits_for_the_next() {
    let mount = Mount::new([
        ("GetCallerIdentity", STS_DENIES),
        ("GetCallerIdentity", late_identity()),
    ])
    .await;
    let times = || mount.values("GetCallerIdentity", "Action").len();
    answer(mount.creds().await);
    assert_eq!(times(), 1);
    let started = Instant::now();
    tokio::time::sleep(Duration::from_secs(21)).await;
    for secret in join_all((0..5).map(|_| mount.creds())).await {
        assert!(!answer(secret).secret.unwrap().internal.contains_key("account_id"));
    }
    assert_eq!(started.elapsed().as_secs(), 21);
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(
        answer(mount.creds().await).secret.unwrap().internal["account_id"],
        HERE
    );
    assert_eq!(times(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_mount_of_two_accounts_makes_no_user_whose_account_is_not_known() {
    let (mount, _) = moved(json!({})).await;
    let [user] = mount.records().await.try_into().unwrap();
    answer(mount.creds().await);
    let mount = mount.restarted([("GetCallerIdentity", STS_DENIES)]);
    let error = failure(mount.creds().await);
    assert_eq!(error.kind(), Kind::Coded(Status::UNAVAILABLE));
    assert!(error.message().contains("two accounts"), "{error}");
    assert_eq!(
        (
            mount.times("CreateUser"),
            mount.record(&user).await["account_id"].clone()
        ),
        (0, json!(HERE))
    );
}
