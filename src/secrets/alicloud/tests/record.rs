//! The record of leases: written with the lease, moved on by renewals, removed with it, and cleaned up past its end.

use super::*;

/// Sets back the end of a record, as if so many seconds had passed.
async fn age(mount: &Mount, user: &str, members: &[&str], seconds: u64) {
    let mut record = mount.record(user).await;
    for member in members {
        let time = record[*member].as_u64().unwrap();
        record[*member] = json!(time - seconds);
    }
    let storage: &dyn Storage = &*mount.storage;
    storage
        .put_json(&format!("issued/{user}"), &record)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_revocation_removes_the_record() {
    let mount = Mount::new([]).await;
    let secret = answer(mount.creds().await).secret.unwrap();
    mount.end_lease(Operation::Revoke, secret).await.unwrap();
    assert_eq!(mount.records().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_renewal_moves_the_record_on() {
    let mount = Mount::new([]).await;
    let secret = answer(mount.creds().await).secret.unwrap();
    let user = mount.user();
    let first = mount.record(&user).await;
    age(&mount, &user, &["deadline"], 3000).await;
    let renewal = Secret {
        lease: LeaseOptions {
            increment: std::time::Duration::from_secs(5000),
            ..secret.lease
        },
        ..secret
    };
    answer(mount.end_lease(Operation::Renew, renewal).await);
    let moved = mount.record(&user).await;
    // The lease of an hour was renewed for 5,000 seconds, of the two hours that it may live.
    let [before, after] = [&first, &moved].map(|record| record["deadline"].as_u64().unwrap());
    assert!((after - before).abs_diff(1400) <= 2, "{before} {after}");
    assert_eq!(moved["user_name"], first["user_name"]);
}

#[tokio::test]
async fn a_renewal_of_a_lease_of_the_go_plugin_begins_a_record() {
    let mount = Mount::new([]).await;
    let secret = Secret {
        internal: object(json!({
            "secret_type": "alicloud", "role_type": "ram", "role_name": "dev", "username": "token-dev-1",
            "access_key_id": "LTAIold", "inline_policies": [], "remote_policies": null,
        })),
        ..Secret::default()
    };
    answer(mount.end_lease(Operation::Renew, secret).await);
    assert_eq!(mount.records().await, ["token-dev-1"]);
}

#[tokio::test]
async fn a_renewal_fails_when_the_record_cannot_be_moved_on() {
    let mount = Mount::new([]).await;
    let secret = answer(mount.creds().await).secret.unwrap();
    mount.storage.refuse_from(1);
    assert_eq!(
        failure(mount.end_lease(Operation::Renew, secret).await).kind(),
        Kind::Internal
    );
}

#[tokio::test(start_paused = true)]
async fn the_tick_removes_what_outlived_its_lease_and_nothing_else() {
    let mount = Mount::new([]).await;
    mount.creds().await.unwrap();
    let lost = mount.user();
    let mount = mount.restarted([]);
    mount.creds().await.unwrap();
    let alive = mount.user();
    mount.tick(json!({})).await.unwrap();
    age(&mount, &lost, &["deadline", "latest"], 7200 + 601).await;

    let mount_actions = |mount: &Mount| mount.times("DeleteUser");
    // All records are looked at every ten minutes only.
    mount.tick(json!({})).await.unwrap();
    assert_eq!(mount_actions(&mount), 0);
    tokio::time::advance(std::time::Duration::from_secs(601)).await;
    mount.tick(json!({})).await.unwrap();
    assert_eq!(mount_actions(&mount), 1);
    let sent = mount.script.sent();
    let deleted = sent
        .iter()
        .find(|sent| sent.value("Action") == Some("DeleteUser"))
        .unwrap();
    assert_eq!(deleted.value("UserName"), Some(lost.as_str()));
    assert_eq!(mount.records().await, [alive]);
}

/// The Go plugin, in the place of this one for a while, renews leases without moving records on.
#[tokio::test(start_paused = true)]
async fn a_new_process_gives_a_record_another_time_unless_no_renewal_can_have_moved_it() {
    let mount = Mount::new([]).await;
    mount.creds().await.unwrap();
    let user = mount.user();
    age(&mount, &user, &["deadline"], 3600 + 601).await;
    let mount = mount.restarted([]);
    mount.tick(json!({})).await.unwrap();
    assert_eq!(mount.times("DeleteUser"), 0);
    let adopted = mount.record(&user).await;
    assert!(adopted["deadline"].as_u64() <= adopted["latest"].as_u64());
    age(&mount, &user, &["deadline", "latest"], 7200 + 601).await;
    let mount = mount.restarted([]);
    mount.tick(json!({})).await.unwrap();
    assert_eq!(mount.times("DeleteUser"), 1);
    assert_eq!(mount.records().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_cleaning_that_fails_is_repeated() {
    let mount = Mount::new([("DeleteUser", DENIED)]).await;
    mount.creds().await.unwrap();
    let user = mount.user();
    age(&mount, &user, &["deadline", "latest"], 7200 + 601).await;
    mount.tick(json!({})).await.unwrap();
    assert_eq!(mount.records().await, [user]);
    tokio::time::advance(std::time::Duration::from_secs(601)).await;
    mount.tick(json!({})).await.unwrap();
    assert_eq!(mount.records().await, Vec::<String>::new());
}

/// The host died between the record and the deletion of the WAL entry, where it has no transactions.
#[tokio::test(start_paused = true)]
async fn a_rolled_back_entry_takes_the_record_along() {
    let mount = Mount::new([]).await;
    mount.creds().await.unwrap();
    let user = mount.user();
    let storage: &dyn Storage = &*mount.storage;
    let made = json!({"user_name": user, "policies": [], "attached": []});
    storage
        .put_json(
            "wal/00000000-0000-4000-8000-000000000000",
            &json!({"type": "user", "data": made, "created_at": 1}),
        )
        .await
        .unwrap();
    mount.tick(json!({})).await.unwrap();
    assert_eq!(mount.times("DeleteUser"), 1);
    assert_eq!((mount.wal_entries().await, mount.records().await.len()), (0, 0));
}
