//! The end of leases.

use super::*;

fn lease() -> Value {
    json!({
        "secret_type": "alicloud", "role_type": "ram", "role_name": "dev", "username": "vault-u",
        "access_key_id": "LTAIold", "inline_policies": [{"name": "made", "type": "Custom"}],
        "remote_policies": [{"name": "P", "type": "System"}],
    })
}

/// Access first, then what hangs on the user, then the user and what was made for it.
#[tokio::test]
async fn a_removal_deletes_the_keys_first_and_looks_for_nothing_else() {
    let mount = Mount::new([]).await;
    assert!(mount.revoke(lease()).await.unwrap().is_none());
    let actions = mount.actions();
    let first = |action: &str| actions.iter().position(|sent| sent == action).unwrap();
    let last = |action: &str| actions.iter().rposition(|sent| sent == action).unwrap();
    assert!(
        last("DeleteAccessKey") < first("DetachPolicyFromUser"),
        "{actions:?}"
    );
    assert!(last("DetachPolicyFromUser") < first("DeleteUser"), "{actions:?}");
    assert!(
        last("DetachPolicyFromUser") < first("DeletePolicy"),
        "{actions:?}"
    );
    assert_eq!(actions.len(), 6, "{actions:?}");
}

#[tokio::test]
async fn what_others_added_is_looked_up_and_removed_too() {
    let two_keys = Step::Answer(
        200,
        r#"{"RequestId":"R","AccessKeys":{"AccessKey":[{"AccessKeyId":"LTAIold"},{"AccessKeyId":"LTAIother"}]}}"#,
    );
    let policies = Step::Answer(
        200,
        r#"{"RequestId":"R","Policies":{"Policy":[{"PolicyName":"foreign","PolicyType":"Custom"}]}}"#,
    );
    let groups = Step::Answer(
        200,
        r#"{"RequestId":"R","Groups":{"Group":[{"GroupName":"auditors"}]}}"#,
    );
    let mount = Mount::new([
        ("DeleteUser", POLICY_IN_THE_WAY),
        ("ListAccessKeys", two_keys),
        ("ListPoliciesForUser", policies),
        ("ListGroupsForUser", groups),
    ])
    .await;
    assert!(mount.revoke(lease()).await.unwrap().is_none());
    let actions = mount.actions();
    let first = |action: &str| actions.iter().position(|sent| sent == action).unwrap();
    let last = |action: &str| actions.iter().rposition(|sent| sent == action).unwrap();
    for taken_off in [
        "DeleteAccessKey",
        "DeleteLoginProfile",
        "DetachPolicyFromUser",
        "RemoveUserFromGroup",
    ] {
        assert!(last(taken_off) < last("DeleteUser"), "{actions:?}");
    }
    let keys = mount.values("DeleteAccessKey", "UserAccessKeyId");
    assert_eq!(keys, ["LTAIold", "LTAIother"]);
    assert!(
        last("DeleteAccessKey") < first("DetachPolicyFromUser"),
        "{actions:?}"
    );
    let detached = mount.values("DetachPolicyFromUser", "PolicyName");
    assert_eq!(
        detached.last().map(String::as_str),
        Some("foreign"),
        "{detached:?}"
    );
    assert_eq!(mount.times("DeleteUser"), 2);
    let deleted = mount.values("DeletePolicy", "PolicyName");
    assert_eq!(deleted, ["made"], "a policy of others is detached, not deleted");
}

/// The first look at the keys may come before RAM shows them.
#[tokio::test(start_paused = true)]
async fn a_user_that_has_to_stay_keeps_nothing_that_others_gave_it() {
    const UNKNOWN: Step = refused(
        400,
        r#"{"RequestId":"R","Code":"InvalidOperation.User","Message":"This user has something."}"#,
    );
    for refusal in [|| DENIED, || UNKNOWN, || LOST] {
        let other_key = Step::Answer(
            200,
            r#"{"RequestId":"R","AccessKeys":{"AccessKey":[{"AccessKeyId":"LTAIother"}]}}"#,
        );
        let mount = Mount::new(
            [("ListAccessKeys", DONE), ("ListAccessKeys", other_key)]
                .into_iter()
                .chain((0..100).map(|_| ("DeleteUser", refusal()))),
        )
        .await;
        let error = failure(mount.revoke(lease()).await);
        assert!(error.message().starts_with("DeleteUser"), "{error}");
        let keys = mount.values("DeleteAccessKey", "UserAccessKeyId");
        assert_eq!(keys, ["LTAIold", "LTAIother"]);
        assert_eq!(mount.times("DeleteLoginProfile"), 1);
    }
}

/// The key of a mount that was set up for the Go plugin may do no more than what that plugin did.
#[tokio::test]
async fn a_key_that_may_not_look_still_removes_what_is_known() {
    let denied = || LOOK.map(|action| (action, DENIED));
    let mount = Mount::new(
        denied()
            .into_iter()
            .chain(denied())
            .chain([("DeleteUser", POLICY_IN_THE_WAY)]),
    )
    .await;
    // RAM still saw a policy that was detached.
    assert!(mount.revoke(lease()).await.unwrap().is_none());
    for (action, times) in [
        ("DeleteAccessKey", 1),
        ("DetachPolicyFromUser", 2),
        ("DeletePolicy", 1),
        ("DeleteUser", 2),
    ] {
        assert_eq!(mount.times(action), times, "{action}");
    }
}

#[tokio::test]
async fn a_user_that_is_gone_counts_as_removed_and_its_policies_go_too() {
    let mount = Mount::new(["DeleteAccessKey", "DeleteUser"].map(|action| (action, USER_GONE))).await;
    assert!(mount.revoke(lease()).await.unwrap().is_none());
    assert_eq!(mount.times("DeletePolicy"), 1);
    // Detaching is what RAM lets an account do least of.
    assert_eq!(mount.times("DetachPolicyFromUser"), 0);
}

#[tokio::test]
async fn the_first_failure_is_told_and_the_rest_is_removed_all_the_same() {
    let mount = Mount::new([
        ("DetachPolicyFromUser", DENIED),
        ("DeleteUser", POLICY_IN_THE_WAY),
        ("DeleteUser", POLICY_IN_THE_WAY),
        ("ListPoliciesForUser", DONE),
        ("ListPoliciesForUser", DENIED),
    ])
    .await;
    let error = failure(mount.revoke(lease()).await);
    assert_eq!(error.kind(), Kind::Coded(Status::FORBIDDEN));
    assert!(error.message().starts_with("DetachPolicyFromUser"), "{error}");
    assert_eq!(mount.times("DeleteAccessKey"), 1, "access must end in any case");
    assert_eq!(mount.times("DeletePolicy"), 1);
}

#[tokio::test]
async fn leases_of_the_go_plugin_can_be_revoked_also_with_a_null_list() {
    let mount = Mount::new([]).await;
    let internal = json!({
        "secret_type": "alicloud", "role_type": "ram", "role_name": "dev", "username": "token-dev-1600000000-1",
        "access_key_id": "LTAIold", "inline_policies": [], "remote_policies": null,
    });
    assert!(mount.revoke(internal).await.unwrap().is_none());
    assert_eq!(
        (mount.times("DeleteAccessKey"), mount.times("DeleteUser")),
        (1, 1)
    );
    let before = mount.actions().len();
    let sts = json!({"secret_type": "alicloud", "role_type": "sts"});
    assert!(mount.revoke(sts).await.unwrap().is_none());
    assert_eq!(mount.actions().len(), before);
}
