//! Issuing: what is left when a step fails.

use super::*;

const USER_EXISTS: Step = refused(
    409,
    r#"{"RequestId":"R","Code":"EntityAlreadyExists.User","Message":"The user exists."}"#,
);
const KEY_IN_THE_WAY: Step = refused(
    409,
    r#"{"RequestId":"R","Code":"DeleteConflict.User.AccessKey","Message":"The user has access keys."}"#,
);
const ONE_KEY: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","AccessKeys":{"AccessKey":[{"AccessKeyId":"LTAIother","Status":"Active"}]}}"#,
);

#[tokio::test]
async fn credentials_leave_a_record_and_a_lease_as_upstream_has_it() {
    let mount = Mount::new([]).await;
    let response = answer(mount.creds().await);
    assert_eq!(
        mount.actions(),
        ["CreateUser", "AttachPolicyToUser", "CreateAccessKey"]
    );
    assert_eq!(mount.wal_entries().await, 0);
    assert_eq!(mount.records().await, [mount.user()]);
    assert_eq!(response.data.unwrap()["secret_key"], "new-secret");
    let secret = response.secret.unwrap();
    assert_eq!(secret.lease.ttl.as_secs(), 3600);
    assert_eq!(secret.lease.max_ttl.as_secs(), 7200);
    assert!(secret.lease.renewable);
    assert_eq!(
        secret.internal["remote_policies"],
        json!([{"name": "P", "type": "System"}])
    );
    assert_eq!(secret.internal["role_name"], "dev");
    let record = mount.record(&mount.user()).await;
    assert!(!record.to_string().contains("new-secret"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_undone_at_once_is_undone_by_the_tick() {
    let mount = Mount::new([("CreateAccessKey", DENIED), ("DeleteUser", DENIED)]).await;
    let error = failure(mount.creds().await);
    assert_eq!(error.kind(), Kind::Coded(Status::FORBIDDEN));
    assert!(error.message().contains("NoPermission"), "{error}");
    assert!(error.message().contains("R-DENIED"), "{error}");
    assert!(error.message().contains("will be retried"), "{error}");
    assert_eq!(mount.wal_entries().await, 1);

    // An entry this young may belong to a request that is still at work.
    let before = mount.actions().len();
    assert!(mount.tick(json!({})).await.unwrap().is_none());
    assert_eq!((mount.wal_entries().await, mount.actions().len()), (1, before));

    // A tick that fails leaves the entry for the next; one that finds nothing left is done.
    let mount = mount.restarted([("DeleteUser", DENIED), ("DeleteUser", USER_GONE)]);
    mount.tick(json!({"immediate": true})).await.unwrap();
    assert_eq!(mount.wal_entries().await, 1);
    mount.tick(json!({"immediate": true})).await.unwrap();
    assert_eq!(mount.wal_entries().await, 0);
    assert_eq!(mount.times("DetachPolicyFromUser"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_answer_was_lost_is_found_deleted_and_replaced() {
    let mount = Mount::new([("CreateAccessKey", LOST), ("ListAccessKeys", ONE_KEY)]).await;
    let response = answer(mount.creds().await);
    assert_eq!(response.data.unwrap()["access_key"], "LTAInew");
    assert_eq!((mount.wal_entries().await, mount.records().await.len()), (0, 1));
    let sent = mount.script.sent();
    let deleted: Vec<_> = sent
        .iter()
        .filter(|sent| sent.value("Action") == Some("DeleteAccessKey"))
        .map(|sent| sent.value("UserAccessKeyId"))
        .collect();
    assert_eq!(deleted, [Some("LTAIother")]);
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_answer_was_lost_is_undone_when_it_may_not_be_looked_for() {
    // Not in time, that is: it is found when the user is removed.
    let mount = Mount::new([
        ("CreateAccessKey", LOST),
        ("ListAccessKeys", DENIED),
        ("ListAccessKeys", DONE),
        ("DeleteUser", KEY_IN_THE_WAY),
        ("ListAccessKeys", ONE_KEY),
    ])
    .await;
    let error = failure(mount.creds().await);
    assert_eq!(error.kind(), Kind::Coded(Status::UNAVAILABLE));
    assert!(error.message().contains("InternalError"), "{error}");
    assert_eq!(mount.wal_entries().await, 0);
    assert_eq!(mount.times("DeleteAccessKey"), 1);
    assert_eq!(mount.actions().last().unwrap(), "DeleteUser");
}

/// The lost call may be carried out after the keys were looked for.
#[tokio::test(start_paused = true)]
async fn a_key_that_appears_late_is_deleted_before_another_is_given_out() {
    let two_keys = Step::Answer(
        200,
        r#"{"RequestId":"R","AccessKeys":{"AccessKey":[{"AccessKeyId":"LTAIlate"},{"AccessKeyId":"LTAInew"}]}}"#,
    );
    let mount = Mount::new([
        ("CreateAccessKey", LOST),
        ("ListAccessKeys", DONE),
        ("ListAccessKeys", two_keys),
    ])
    .await;
    let response = answer(mount.creds().await);
    assert_eq!(response.data.unwrap()["access_key"], "LTAInew");
    assert_eq!(mount.values("DeleteAccessKey", "UserAccessKeyId"), ["LTAIlate"]);
}

const KEY_UNKNOWN: Step = refused(
    404,
    r#"{"RequestId":"R","Code":"InvalidAccessKeyId.NotFound","Message":"not found"}"#,
);
/// A mount whose role waits three seconds for its keys.
async fn waiting_mount(steps: impl IntoIterator<Item = (&'static str, Step)>) -> Mount {
    // The first question is whose credentials the mount has.
    let mount = Mount::new([("GetCallerIdentity", IDENTITY)].into_iter().chain(steps)).await;
    let role = "{\"role_arn\":\"\",\"remote_policies\":[{\"name\":\"P\",\"type\":\"System\"}],\
                \"inline_policies\":null,\"ttl\":0,\"max_ttl\":0,\"wait_for_propagation\":3000000000}\n";
    mount.store_role(role).await;
    mount
}

#[tokio::test(start_paused = true)]
async fn a_role_may_wait_until_its_key_works() {
    let looks = [KEY_UNKNOWN, KEY_UNKNOWN, IDENTITY];
    let mount = waiting_mount(looks.map(|look| ("GetCallerIdentity", look))).await;
    let response = answer(mount.creds().await);
    assert_eq!(response.data.unwrap()["access_key"], "LTAInew");
    let sent = mount.script.sent();
    for look in &sent[4..] {
        assert_eq!(look.value("Action"), Some("GetCallerIdentity"));
        assert_eq!(look.value("AccessKeyId"), Some("LTAInew"));
    }
    assert_eq!((sent.len(), mount.wal_entries().await), (7, 0));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_does_not_work_in_time_is_undone() {
    let looks = (0..50).map(|_| ("GetCallerIdentity", KEY_UNKNOWN));
    let mount = waiting_mount(looks).await;
    let error = failure(mount.creds().await);
    assert_eq!(error.kind(), Kind::Coded(Status::UNAVAILABLE));
    for text in ["wait_for_propagation", "3s", "InvalidAccessKeyId.NotFound"] {
        assert!(error.message().contains(text), "{error}");
    }
    for action in ["DeleteAccessKey", "DetachPolicyFromUser", "DeleteUser"] {
        assert_eq!(mount.times(action), 1, "{action}");
    }
    assert_eq!((mount.wal_entries().await, mount.records().await.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaves_the_wal_entry_for_a_later_look() {
    // Nothing is found right now; the call may still be on its way.
    let mount = Mount::new([
        ("CreateUser", LOST),
        ("CreateUser", DENIED),
        ("DeleteUser", USER_GONE),
    ])
    .await;
    assert_eq!(
        failure(mount.creds().await).kind(),
        Kind::Coded(Status::FORBIDDEN)
    );
    assert_eq!(mount.wal_entries().await, 1);
    // It had been: the tick finds the user and removes it.
    let mount = mount.restarted([]);
    mount.tick(json!({"immediate": true})).await.unwrap();
    assert_eq!(mount.times("DeleteUser"), 1);
    assert_eq!(mount.wal_entries().await, 0);
}

#[tokio::test]
async fn a_user_of_somebody_else_is_left_alone_and_another_name_is_taken() {
    let mount = Mount::new([("CreateUser", USER_EXISTS), ("GetUser", UNMARKED_USER)]).await;
    answer(mount.creds().await);
    assert_eq!(
        mount.actions(),
        [
            "CreateUser",
            "GetUser",
            "CreateUser",
            "AttachPolicyToUser",
            "CreateAccessKey"
        ]
    );
    let names = mount.values("CreateUser", "UserName");
    assert_ne!(names[0], names[1]);
    assert_eq!((mount.wal_entries().await, mount.records().await.len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_tick_leaves_a_user_of_somebody_else_alone_too() {
    let mount = Mount::new([]).await;
    let storage: &dyn Storage = &*mount.storage;
    let made = json!({"user_name": "vault-u", "policies": ["vault-u-1-x"], "attached": []});
    storage
        .put_json("wal/1", &json!({"type": "user", "data": made, "created_at": 1}))
        .await
        .unwrap();
    let mount = mount.restarted([("GetUser", UNMARKED_USER)]);
    mount.tick(json!({})).await.unwrap();
    assert_eq!(mount.actions(), ["GetUser", "DeletePolicy"]);
    assert_eq!(mount.wal_entries().await, 0);
}

#[tokio::test]
async fn a_user_made_by_an_earlier_try_is_recognised_by_its_comment() {
    let ours = Step::Answer(
        200,
        r#"{"RequestId":"R","User":{"UserName":"u",
            "Comments":"Made by Vault: mount 0b2c7f0e-1111-2222-3333-444455556666, request , for alicloud/creds/dev"}}"#,
    );
    let mount = Mount::new([("CreateUser", USER_EXISTS), ("GetUser", ours)]).await;
    answer(mount.creds().await);
    assert_eq!(
        mount.actions(),
        ["CreateUser", "GetUser", "AttachPolicyToUser", "CreateAccessKey"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_made_but_cannot_be_found_yet_is_left_to_the_tick() {
    let mount = Mount::new([("AttachPolicyToUser", DENIED), ("DeleteUser", USER_GONE)]).await;
    failure(mount.creds().await);
    assert_eq!(mount.actions().last().unwrap(), "DeleteUser");
    assert_eq!(mount.wal_entries().await, 1);
}

#[tokio::test(start_paused = true)]
async fn the_tick_ends_memberships_that_it_cannot_list() {
    let mount = Mount::new([("CreateAccessKey", DENIED), ("DeleteUser", DENIED)]).await;
    let role = "{\"role_arn\":\"\",\"remote_policies\":null,\"inline_policies\":null,\"ttl\":0,\"max_ttl\":0,\
                \"ram_groups\":[\"auditors\"]}\n";
    mount.store_role(role).await;
    failure(mount.creds().await);
    assert_eq!(mount.values("AddUserToGroup", "GroupName"), ["auditors"]);
    let mount = mount.restarted([("ListGroupsForUser", DENIED)]);
    mount.tick(json!({"immediate": true})).await.unwrap();
    assert_eq!(mount.values("RemoveUserFromGroup", "GroupName"), ["auditors"]);
    assert_eq!(mount.wal_entries().await, 0);
}

#[tokio::test]
async fn what_was_surely_not_made_needs_no_undoing() {
    let mount = Mount::new([("CreateUser", DENIED)]).await;
    assert_eq!(
        failure(mount.creds().await).kind(),
        Kind::Coded(Status::FORBIDDEN)
    );
    assert_eq!(mount.actions(), ["CreateUser"]);
    assert_eq!(mount.wal_entries().await, 0);
}

#[tokio::test]
async fn nothing_is_made_for_a_caller_who_has_gone_away() {
    let mount = Mount::new([]).await;
    mount.cancelled.cancel();
    failure(mount.creds().await);
    assert_eq!(mount.actions(), Vec::<String>::new());
    assert_eq!(mount.wal_entries().await, 0);
}

#[tokio::test(start_paused = true)]
async fn storage_that_refuses_a_write_leaves_nothing_that_is_forgotten() {
    // The account of older leases; the WAL entry; the record in its place, and then also what notes that the undo is done.
    for (write, made) in [(1, false), (2, false), (3, true)] {
        let mount = Mount::new([]).await;
        mount.storage.refuse_from(write);
        let error = failure(mount.creds().await);
        assert_eq!(error.kind(), Kind::Internal, "{write}");
        assert!(error.message().contains("storage is full"), "{error}");
        assert_eq!(mount.times("DeleteUser"), usize::from(made), "{write}");
        assert_eq!(mount.times("DeleteAccessKey"), usize::from(made), "{write}");
        // The entry could not be deleted: the tick finds that nothing is left.
        assert_eq!(mount.wal_entries().await, usize::from(made), "{write}");
        mount.storage.refuse_from(0);
        let mount = mount.restarted([("DeleteUser", USER_GONE)]);
        mount.tick(json!({"immediate": true})).await.unwrap();
        assert_eq!(mount.wal_entries().await, 0, "{write}");
        assert_eq!(mount.records().await, Vec::<String>::new(), "{write}");
    }
}

const PRINCIPAL: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","User":{"UserId":"1","UserPrincipalName":"u@alias.onaliyun.com"}}"#,
);

/// A mount whose role has keys for one address.
async fn restricted_mount(steps: impl IntoIterator<Item = (&'static str, Step)>) -> Mount {
    let mount = Mount::new([("GetUser", PRINCIPAL)].into_iter().chain(steps)).await;
    let role = "{\"role_arn\":\"\",\"remote_policies\":[{\"name\":\"P\",\"type\":\"System\"}],\"inline_policies\":null,\
                \"ttl\":0,\"max_ttl\":0,\"wait_for_propagation\":3000000000,\"allowed_ips\":[\"203.0.113.1\"]}\n";
    mount.store_role(role).await;
    mount
}

#[tokio::test]
async fn a_key_has_its_network_policy_when_it_is_given_out() {
    let mount = restricted_mount([]).await;
    answer(mount.creds().await);
    let sent = mount.script.sent();
    let actions: Vec<_> = sent.iter().filter_map(|sent| sent.value("Action")).collect();
    // This server may be shut out afterwards: it tries the key before.
    assert_eq!(
        actions[actions.len() - 3..],
        ["CreateAccessKey", "GetCallerIdentity", "SetAccessKeyPolicy"]
    );
    let last = sent.last().unwrap();
    assert_eq!(last.value("AccessKeyId"), Some("LTAIconfigured"));
    assert_eq!(last.value("UserPrincipalName"), Some("u@alias.onaliyun.com"));
    assert_eq!(last.value("UserAccessKeyId"), Some("LTAInew"));
    assert!(last.value("AccessKeyPolicy").unwrap().contains("203.0.113.1"));
}

#[tokio::test(start_paused = true)]
async fn a_key_without_its_network_policy_is_undone() {
    let lost = || (0..50).map(|_| ("SetAccessKeyPolicy", LOST));
    for (steps, status) in [
        (vec![("SetAccessKeyPolicy", DENIED)], Status::FORBIDDEN),
        (lost().collect(), Status::UNAVAILABLE),
    ] {
        let mount = restricted_mount(steps).await;
        let error = failure(mount.creds().await);
        assert_eq!(error.kind(), Kind::Coded(status), "{error}");
        for action in ["DeleteAccessKey", "DeleteUser"] {
            assert_eq!(mount.times(action), 1, "{action}");
        }
        assert_eq!((mount.wal_entries().await, mount.records().await.len()), (0, 0));
    }
}

#[tokio::test]
async fn without_the_name_for_it_no_key_is_left() {
    let mount = restricted_mount([]).await;
    let mount = mount.restarted([("GetUser", DENIED)]);
    let error = failure(mount.creds().await);
    assert!(error.message().contains("ram:GetUser"), "{error}");
    for action in ["CreateAccessKey", "DeleteAccessKey", "DeleteUser"] {
        assert_eq!(mount.times(action), 1, "{action}");
    }
}
