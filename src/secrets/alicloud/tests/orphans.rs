//! `orphans`: what is shown and what may be removed.

use super::*;

const USERS: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","IsTruncated":false,"Users":{"User":[
        {"UserName":"alice","Comments":"of the office"},
        {"UserName":"vault-leased","Comments":"Made by Vault: mount 0b2c7f0e-1111-2222-3333-444455556666, request 1, for x"},
        {"UserName":"vault-half","Comments":"Made by Vault: mount 0b2c7f0e-1111-2222-3333-444455556666, request 2, for x"},
        {"UserName":"vault-lost","Comments":"Made by Vault: mount 0b2c7f0e-1111-2222-3333-444455556666, request 3, for x"},
        {"UserName":"vault-other","Comments":"Made by Vault: mount 99999999-1111-2222-3333-444455556666, request 4, for x"}
    ]}}"#,
);
const LOST_USER: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","User":{"UserName":"vault-lost",
        "Comments":"Made by Vault: mount 0b2c7f0e-1111-2222-3333-444455556666, request 3, for x"}}"#,
);

async fn mount(steps: impl IntoIterator<Item = (&'static str, Step)>) -> Mount {
    let mount = Mount::new(steps).await;
    let storage: &dyn Storage = &*mount.storage;
    let made = |name: &str| json!({"user_name": name, "policies": [], "attached": []});
    let mut record = made("vault-leased");
    for member in ["ttl", "deadline", "latest"] {
        record[member] = json!(u32::MAX);
    }
    storage.put_json("issued/vault-leased", &record).await.unwrap();
    let entry = json!({"type": "user", "data": made("vault-half"), "created_at": u32::MAX});
    storage
        .put_json("wal/00000000-0000-4000-8000-000000000000", &entry)
        .await
        .unwrap();
    mount
}

async fn delete(mount: &Mount, user: &str) -> HandlerResult {
    mount
        .handle(Request::new(Operation::Delete, format!("orphans/{user}")))
        .await
}

#[tokio::test]
async fn users_of_this_mount_that_nothing_owns_are_shown() {
    let mount = mount([("ListUsers", USERS)]).await;
    let response = answer(mount.handle(Request::new(Operation::List, "orphans/")).await);
    assert_eq!(response.data.unwrap()["keys"], json!(["vault-lost"]));
}

#[tokio::test]
async fn an_orphan_is_removed_with_the_policies_that_were_made_for_it() {
    let policies = Step::Answer(
        200,
        r#"{"RequestId":"R","Policies":{"Policy":[{"PolicyName":"vault-lost-1-abc","PolicyType":"Custom"},
            {"PolicyName":"vault-lost-2-abc","PolicyType":"System"},{"PolicyName":"foreign","PolicyType":"Custom"}]}}"#,
    );
    let mount = mount([("GetUser", LOST_USER), ("ListPoliciesForUser", policies)]).await;
    assert!(delete(&mount, "vault-lost").await.unwrap().is_none());
    let sent = mount.script.sent();
    let policies: Vec<_> = sent
        .iter()
        .filter(|sent| sent.value("Action") == Some("DeletePolicy"))
        .filter_map(|sent| sent.value("PolicyName"))
        .collect();
    assert_eq!(policies, ["vault-lost-1-abc"]);
    assert_eq!(mount.times("DeleteUser"), 1);
    assert_eq!(mount.wal_entries().await, 1, "the one of another request");
}

/// A user that took another name, with policies that were made for it and for others.
const POLICIES_OF_RENAMED: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","Policies":{"Policy":[
        {"PolicyName":"vault-token-x-1763850000-0123456789-1-abc","PolicyType":"Custom"},
        {"PolicyName":"vault-token-y-1763850000-9876543210-1-abc","PolicyType":"Custom"},
        {"PolicyName":"vault-by-hand-1-abc","PolicyType":"Custom"}]}}"#,
);
const ATTACHED_TO_IT: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","Users":{"User":[{"UserName":"vault-lost"}]}}"#,
);
const ATTACHED_TO_OTHERS: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","Users":{"User":[{"UserName":"vault-lost"},{"UserName":"vault-leased"}]}}"#,
);

#[tokio::test]
async fn an_orphan_with_another_name_is_removed_with_the_policies_of_its_old_name() {
    let mount = mount([
        ("GetUser", LOST_USER),
        ("ListPoliciesForUser", POLICIES_OF_RENAMED),
        ("ListPoliciesForUser", POLICIES_OF_RENAMED),
        ("ListEntitiesForPolicy", ATTACHED_TO_IT),
        ("ListEntitiesForPolicy", ATTACHED_TO_OTHERS),
        ("DeleteUser", POLICY_IN_THE_WAY),
    ])
    .await;
    assert!(delete(&mount, "vault-lost").await.unwrap().is_none());
    assert_eq!(
        mount.values("DeletePolicy", "PolicyName"),
        ["vault-token-x-1763850000-0123456789-1-abc"],
        "neither one that a living lease has, nor one that nobody's lease made"
    );
    // What is known; after the refusal, everything.
    assert_eq!(mount.times("DetachPolicyFromUser"), 1 + 3);
    assert_eq!(mount.times("DeleteUser"), 2);
}

const RENAMED: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","User":{"UserName":"mallory","UserId":"7",
        "Comments":"Made by Vault: mount 0b2c7f0e-1111-2222-3333-444455556666, request 3, for x"}}"#,
);
const RENAMED_AMONG_USERS: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","Users":{"User":[{"UserName":"mallory","UserId":"7",
        "Comments":"Made by Vault: mount 0b2c7f0e-1111-2222-3333-444455556666, request 3, for x"}]}}"#,
);

#[tokio::test]
async fn a_user_with_another_name_is_an_orphan_when_its_lease_is_gone_and_not_before() {
    for has_lease in [true, false] {
        let mount = mount([("ListUsers", RENAMED_AMONG_USERS), ("GetUser", RENAMED)]).await;
        if has_lease {
            let mut record = mount.record("vault-leased").await;
            record["user_id"] = json!("7");
            let storage: &dyn Storage = &*mount.storage;
            storage.put_json("issued/vault-leased", &record).await.unwrap();
        }
        let response = answer(mount.handle(Request::new(Operation::List, "orphans/")).await);
        let shown = response.data.unwrap_or_default();
        let deleted = delete(&mount, "mallory").await;
        if has_lease {
            assert_eq!(shown.get("keys"), None);
            assert_eq!(failure(deleted).kind(), Kind::Coded(Status::CONFLICT));
        } else {
            assert_eq!(shown["keys"], json!(["mallory"]));
            assert!(deleted.unwrap().is_none());
        }
        assert_eq!(mount.times("DeleteUser"), usize::from(!has_lease));
    }
}

#[tokio::test]
async fn what_is_owned_or_not_ours_is_left_alone() {
    for (user, comments, kind) in [
        ("alice", "3", Kind::BadRequest),
        ("vault-other", "of somebody", Kind::BadRequest),
        ("vault-leased", "mark", Kind::Coded(Status::CONFLICT)),
        ("vault-half", "mark", Kind::Coded(Status::CONFLICT)),
    ] {
        let found = if comments == "mark" {
            LOST_USER
        } else {
            UNMARKED_USER
        };
        let mount = mount([("GetUser", found)]).await;
        let error = failure(delete(&mount, user).await);
        assert_eq!(error.kind(), kind, "{user}: {error}");
        assert_eq!(mount.times("DeleteUser"), 0, "{user}");
    }
    let mount = mount([("GetUser", USER_GONE)]).await;
    assert!(delete(&mount, "vault-lost").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_fails_half_way_is_finished_by_the_tick() {
    let mount = mount([("GetUser", LOST_USER), ("DeleteUser", DENIED)]).await;
    assert_eq!(
        failure(delete(&mount, "vault-lost").await).kind(),
        Kind::Coded(Status::FORBIDDEN)
    );
    assert_eq!(mount.wal_entries().await, 2);
    mount.tick(json!({"immediate": true})).await.unwrap();
    assert_eq!(mount.wal_entries().await, 0);
}
