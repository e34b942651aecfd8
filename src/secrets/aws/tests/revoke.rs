//! The end of a lease.

use super::*;

#[tokio::test]
async fn a_user_goes_with_all_that_it_has_by_the_ten_operations() {
    let mount = Mount::new([
        (
            "ListAccessKeys",
            Step::Answer(
                200,
                "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata><member><AccessKeyId>AKIAnew</AccessKeyId>\
                 </member><member><AccessKeyId>AKIAbyhand</AccessKeyId></member></AccessKeyMetadata></ListAccessKeysResult>\
                 </ListAccessKeysResponse>",
            ),
        ),
        (
            "ListGroupsForUser",
            Step::Answer(
                200,
                "<ListGroupsForUserResponse><ListGroupsForUserResult><Groups><member><GroupName>g</GroupName></member>\
                 </Groups></ListGroupsForUserResult></ListGroupsForUserResponse>",
            ),
        ),
    ])
    .await;
    let secret = answer(mount.creds().await).secret.unwrap();
    mount.end_lease(Operation::Revoke, secret).await.unwrap();
    let mut keys = mount.values("DeleteAccessKey", "AccessKeyId");
    keys.sort();
    assert_eq!(keys, ["AKIAbyhand", "AKIAnew"]);
    assert_eq!(mount.values("RemoveUserFromGroup", "GroupName"), ["g"]);
    assert_eq!(
        mount.values("DeleteUserPolicy", "PolicyName"),
        [format!("vault-{MOUNT_ID}")]
    );
    assert_eq!(mount.actions().last().unwrap(), "DeleteUser");
    assert!(mount.records().await.is_empty());
    let actions = mount.actions();
    let all: std::collections::BTreeSet<_> = actions.iter().map(String::as_str).collect();
    assert_eq!(all, TEN.into_iter().collect());
}

#[tokio::test]
async fn a_user_that_is_gone_counts_as_revoked() {
    let gone = [
        "ListAccessKeys",
        "ListGroupsForUser",
        "ListUserPolicies",
        "DeleteAccessKey",
        "DeleteUser",
    ];
    let mount = Mount::new(gone.map(|action| (action, GONE))).await;
    let secret = answer(mount.creds().await).secret.unwrap();
    mount.end_lease(Operation::Revoke, secret).await.unwrap();
    assert!(mount.records().await.is_empty());
}

#[tokio::test]
async fn a_missing_permission_fails_the_revocation_until_it_is_there() {
    for action in ["DeleteUser", "DeleteUserPolicy"] {
        let conflict = refused!(
            409,
            "DeleteConflict",
            "Cannot delete entity, must delete policies first."
        );
        let mut steps = vec![(action, DENIED)];
        if action != "DeleteUser" {
            steps.push(("DeleteUser", conflict));
        }
        let mount = Mount::new(steps).await;
        let secret = answer(mount.creds().await).secret.unwrap();
        let error = failure(mount.end_lease(Operation::Revoke, secret.clone()).await);
        assert_eq!(error.kind(), Kind::Coded(Status::FORBIDDEN));
        assert!(
            error.message().contains("is not authorized to perform"),
            "{error}"
        );
        assert!(
            error.message().contains("AccessDenied, request id R-1"),
            "{error}"
        );
        assert_eq!(mount.records().await.len(), 1);
        mount.end_lease(Operation::Revoke, secret).await.unwrap();
        assert!(mount.records().await.is_empty());
    }
}

#[tokio::test]
async fn what_may_not_be_listed_does_not_matter_when_the_user_goes() {
    let mount = Mount::new([("ListGroupsForUser", DENIED)]).await;
    let secret = answer(mount.creds().await).secret.unwrap();
    mount.end_lease(Operation::Revoke, secret).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_ten_permissions_do_not_reach_is_named() {
    let conflict = || {
        refused!(
            409,
            "DeleteConflict",
            "Cannot delete entity, must delete login profile first."
        )
    };
    let mount = Mount::new((0..100).map(|_| ("DeleteUser", conflict()))).await;
    let secret = answer(mount.creds().await).secret.unwrap();
    let error = failure(mount.end_lease(Operation::Revoke, secret).await);
    assert_eq!(error.kind(), Kind::Coded(Status::CONFLICT));
    for text in [
        "Error deleting IAM user: Cannot delete entity, must delete login profile first. (DeleteConflict",
        "its access keys are deleted",
        "remove it in IAM",
    ] {
        assert!(error.message().contains(text), "{error}");
    }
    // What was just removed is seen for a moment: then it succeeds by itself.
    let mount = mount.restarted([("DeleteUser", conflict())]);
    let secret = answer(mount.creds().await).secret.unwrap();
    mount.end_lease(Operation::Revoke, secret).await.unwrap();
}

#[tokio::test]
async fn the_user_of_a_lost_lease_goes_when_its_time_is_over() {
    let mount = Mount::new([]).await;
    answer(mount.creds().await);
    let mount = mount.restarted([]);
    mount.advance(768 * 3600 + 601);
    mount.tick(json!({})).await;
    assert_eq!(mount.actions().last().map(String::as_str), Some("DeleteUser"));
    assert!(mount.records().await.is_empty());
}
