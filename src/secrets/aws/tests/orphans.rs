//! `orphans`.

use super::*;

#[tokio::test]
async fn users_whose_leases_have_ended_are_listed_and_removed() {
    let mount = Mount::new([("DeleteUser", DENIED)]).await;
    answer(mount.creds().await);
    let user = mount.values("CreateUser", "UserName")[0].clone();
    assert_eq!(mount.list("orphans").await, Value::Null);
    let error = failure(mount.delete(&format!("orphans/{user}")).await);
    assert_eq!(error.kind(), Kind::Coded(Status::CONFLICT));
    mount.advance(768 * 3600 + 601);
    // The tick tries, and is not permitted to.
    mount.tick(json!({})).await;
    assert_eq!(mount.list("orphans").await, json!([user]));
    mount.delete(&format!("orphans/{user}")).await.unwrap();
    assert_eq!(mount.list("orphans").await, Value::Null);
    assert!(mount.records().await.is_empty());
}

#[tokio::test]
async fn a_user_without_a_record_is_removed_if_its_policy_says_whose_it_is() {
    let mount = Mount::new([]).await;
    mount.delete("orphans/vault-u").await.unwrap();
    assert_eq!(mount.values("DeleteUser", "UserName"), ["vault-u"]);
    let other = Step::Answer(
        200,
        "<ListUserPoliciesResponse><ListUserPoliciesResult><PolicyNames><member>vault-other</member></PolicyNames>\
         </ListUserPoliciesResult></ListUserPoliciesResponse>",
    );
    let mount = Mount::new([("ListUserPolicies", other)]).await;
    let error = failure(mount.delete("orphans/vault-u").await);
    assert_eq!(error.kind(), Kind::BadRequest);
    assert!(mount.values("DeleteUser", "UserName").is_empty());
    let mount = Mount::new([("ListUserPolicies", GONE)]).await;
    assert!(mount.delete("orphans/vault-u").await.unwrap().is_none());
    // One that an unfinished request is about to make or has made.
    let mount = Mount::new([]).await;
    let entry = r#"{"type":"user","data":{"UserName":"vault-u"},"created_at":1709251199}"#;
    mount.put("wal/1", entry).await;
    let error = failure(mount.delete("orphans/vault-u").await);
    assert_eq!(error.kind(), Kind::Coded(Status::CONFLICT));
    assert!(mount.actions().is_empty());
}

#[tokio::test]
async fn a_removal_that_fails_half_way_is_finished_by_the_tick() {
    let mount = Mount::new([("DeleteUser", DENIED)]).await;
    let error = failure(mount.delete("orphans/vault-u").await);
    assert_eq!(error.kind(), Kind::Coded(Status::FORBIDDEN));
    // What told whose the user is.
    assert_eq!(
        mount.values("DeleteUserPolicy", "PolicyName"),
        [format!("vault-{MOUNT_ID}")]
    );
    let none = Step::Answer(
        200,
        "<ListUserPoliciesResponse><ListUserPoliciesResult><PolicyNames/></ListUserPoliciesResult></ListUserPoliciesResponse>",
    );
    let mount = mount.restarted([("ListUserPolicies", none)]);
    mount.tick(json!({"immediate": true})).await;
    assert_eq!(mount.values("DeleteUser", "UserName"), ["vault-u"]);
    assert_eq!(mount.wal_entries().await, 0);
}
