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
async fn a_removal_closes_access_first_and_takes_what_others_added() {
    let two_keys = Step::Answer(
        200,
        r#"{"RequestId":"R","AccessKeys":{"AccessKey":[{"AccessKeyId":"LTAIold"},{"AccessKeyId":"LTAIother"}]}}"#,
    );
    let policies = Step::Answer(
        200,
        r#"{"RequestId":"R","Policies":{"Policy":[{"PolicyName":"P","PolicyType":"System"},
            {"PolicyName":"foreign","PolicyType":"Custom"}]}}"#,
    );
    let groups = Step::Answer(
        200,
        r#"{"RequestId":"R","Groups":{"Group":[{"GroupName":"auditors"}]}}"#,
    );
    let mount = Mount::new([
        ("ListAccessKeys", two_keys),
        ("ListPoliciesForUser", policies),
        ("ListGroupsForUser", groups),
    ])
    .await;
    assert!(mount.revoke(lease()).await.unwrap().is_none());
    let actions = mount.actions();
    let first = |action: &str| actions.iter().position(|sent| sent == action).unwrap();
    let last = |action: &str| actions.iter().rposition(|sent| sent == action).unwrap();
    for open in ["DeleteAccessKey", "DeleteLoginProfile"] {
        assert!(last(open) < first("DetachPolicyFromUser"), "{actions:?}");
    }
    assert!(last("RemoveUserFromGroup") < first("DeleteUser"));
    assert!(last("DetachPolicyFromUser") < first("DeletePolicy"));
    assert_eq!(mount.times("DeleteAccessKey"), 2);
    assert_eq!(mount.times("DetachPolicyFromUser"), 3);
    let sent = mount.script.sent();
    let deleted: Vec<_> = sent
        .iter()
        .filter(|sent| sent.value("Action") == Some("DeletePolicy"))
        .map(|sent| sent.value("PolicyName"))
        .collect();
    assert_eq!(
        deleted,
        [Some("made")],
        "a policy of others is detached, not deleted"
    );
}

/// The key of a mount that was set up for the Go plugin may do no more than what that plugin did.
#[tokio::test]
async fn a_key_that_may_not_look_still_removes_what_is_known() {
    let mount = Mount::new(LOOK.map(|action| (action, DENIED))).await;
    assert!(mount.revoke(lease()).await.unwrap().is_none());
    for action in ["DeleteAccessKey", "DeletePolicy", "DeleteUser"] {
        assert_eq!(mount.times(action), 1, "{action}");
    }
    assert_eq!(mount.times("DetachPolicyFromUser"), 2);
}

#[tokio::test]
async fn a_user_that_is_gone_counts_as_removed_and_its_policies_go_too() {
    let gone = [
        "DeleteAccessKey",
        "ListAccessKeys",
        "DeleteLoginProfile",
        "ListPoliciesForUser",
        "ListGroupsForUser",
        "DeleteUser",
    ];
    let mount = Mount::new(gone.map(|action| (action, USER_GONE))).await;
    assert!(mount.revoke(lease()).await.unwrap().is_none());
    assert_eq!(mount.times("DeletePolicy"), 1);
    // Detaching is what RAM lets an account do least of.
    assert_eq!(mount.times("DetachPolicyFromUser"), 0);
}

#[tokio::test]
async fn the_first_failure_is_told_and_the_rest_is_removed_all_the_same() {
    let in_the_way = || {
        refused(
            409,
            r#"{"RequestId":"R","Code":"DeleteConflict.User.Policy","Message":"A policy is attached."}"#,
        )
    };
    let mount = Mount::new([
        ("DetachPolicyFromUser", DENIED),
        ("DeleteUser", in_the_way()),
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
