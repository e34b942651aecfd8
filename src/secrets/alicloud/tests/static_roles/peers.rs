//! Cases of peers' tests that combine several things; `docs/development.md` lists them.

use super::*;

#[tokio::test(start_paused = true)]
async fn after_a_failed_rotation_a_new_period_counts_from_its_write() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    world.users.denied.lock().unwrap().push("CreateAccessKey");
    world.wait(HOUR).await;
    world.tick().await;
    assert_eq!(world.read("static-roles/app").await.warnings.len(), 1);
    world.users.denied.lock().unwrap().clear();
    let made = world.users.made.load(Ordering::SeqCst);
    world
        .write("static-roles/app", json!({"rotation_period": 2 * HOUR}))
        .await
        .unwrap();
    assert_eq!(world.creds().await["ttl"], 2 * HOUR);
    for _ in 0..3 {
        world.wait(HOUR / 2).await;
        world.tick().await;
    }
    assert_eq!(world.users.made.load(Ordering::SeqCst), made);
    world.wait(HOUR / 2).await;
    world.tick().await;
    assert_eq!(world.users.made.load(Ordering::SeqCst), made + 1);
    assert_eq!(
        world.read("static-roles/app").await.warnings,
        Vec::<String>::new()
    );
    world.assert_whole("at the new time").await;
}

#[tokio::test(start_paused = true)]
async fn a_role_whose_rotation_failed_can_be_deleted_and_leaves_no_failure_and_no_key() {
    // It was refused, or has a key that does not work yet.
    for is_slow in [false, true] {
        let world = World::with_role(json!({"rotation_period": HOUR})).await;
        if is_slow {
            world.users.lag.store(1000, Ordering::SeqCst);
        } else {
            world.users.denied.lock().unwrap().push("CreateAccessKey");
        }
        world.wait(HOUR).await;
        world.tick().await;
        assert_eq!(world.keys().len(), 1 + usize::from(is_slow));
        world.users.lag.store(0, Ordering::SeqCst);
        world.users.denied.lock().unwrap().clear();
        world.delete("app").await.unwrap();
        assert_eq!(
            (world.keys(), world.entries().await),
            (vec![], vec![]),
            "{is_slow}"
        );
        world
            .create("app", json!({"username": "app", "rotation_period": HOUR}))
            .await
            .unwrap();
        let read = world.read("static-roles/app").await;
        assert_eq!(read.warnings, Vec::<String>::new());
        // Nor does the pause after the failure count for it.
        let first = world.given("written anew").await;
        world.wait(HOUR).await;
        world.tick().await;
        assert_ne!(world.given("rotated").await, first);
        world.assert_whole("rotated").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_within_its_window_is_done_at_the_next_time_and_not_before() {
    let world = World::with_role(json!({"rotation_schedule": "0 12 * * *", "rotation_window": HOUR})).await;
    let made = || world.users.made.load(Ordering::SeqCst);
    world.users.denied.lock().unwrap().push("CreateAccessKey");
    world.wait(12 * HOUR + 1).await;
    world.tick().await;
    world.users.denied.lock().unwrap().clear();
    world.wait(HOUR + 1).await;
    world.tick().await;
    assert_eq!(made(), 1);
    assert_eq!(world.creds().await["expiration"], "2024-03-02T12:00:00Z");
    world.wait(23 * HOUR).await;
    world.tick().await;
    assert_eq!(made(), 2);
    world.assert_whole("at the next time").await;
}

#[tokio::test(start_paused = true)]
async fn a_write_while_the_schedule_rotates_is_kept_and_so_is_the_key() {
    let settings =
        json!({"rotation_period": 5 * HOUR, "seamless_rotation": true, "rotation_grace_period": HOUR});
    for is_write_first in [false, true] {
        let world = World::with_role(json!({"rotation_period": HOUR})).await;
        world.wait(HOUR).await;
        let write = world.write("static-roles/app", settings.clone());
        if is_write_first {
            let (write, ()) = tokio::join!(write, world.tick());
            write.unwrap();
        } else {
            let ((), write) = tokio::join!(world.tick(), write);
            write.unwrap();
        }
        let role = world.role().await;
        for (name, value) in settings.as_object().unwrap() {
            assert_eq!(&role[name], value, "{is_write_first}");
        }
        assert_eq!(
            world.creds().await["ttl"],
            5 * HOUR,
            "from the write, or from the rotation"
        );
        // An older key, if there is one, ends with the grace period.
        world.wait(2 * HOUR).await;
        world.tick().await;
        world.assert_whole("in the end").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_mounts_key_while_the_schedule_rotates_stops_no_role() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    world
        .users
        .change("vault-root", |user| user.keys.push(world.users.key("LTAIroot2")));
    world.wait(HOUR).await;
    let config = json!({"access_key": "LTAIroot2", "secret_key": "hush"});
    let ((), write) = tokio::join!(world.tick(), world.write("config", config));
    write.unwrap();
    world
        .users
        .change("vault-root", |user| user.keys.retain(|key| key.id == "LTAIroot2"));
    world.assert_whole("in the end").await;
    assert_eq!(world.users.made.load(Ordering::SeqCst), 2);
    answer(world.rotate().await);
    world.assert_whole("with the other key").await;
}

#[tokio::test(start_paused = true)]
async fn a_deferred_first_key_is_made_in_time_whatever_starts_meanwhile() {
    let mut world =
        World::with_role(json!({"rotation_period": 10 * HOUR, "defer_initial_creds": true})).await;
    for _ in 0..9 {
        world.wait(HOUR).await;
        world.restart();
        world.tick().await;
        assert_eq!(world.keys(), Vec::<String>::new());
    }
    // Nor does a write of something else make it.
    world
        .write("static-roles/app", json!({"seamless_rotation": true}))
        .await
        .unwrap();
    assert_eq!(world.keys(), Vec::<String>::new());
    world.wait(HOUR).await;
    world.restart();
    world.tick().await;
    world.assert_whole("in time").await;
}

#[tokio::test(start_paused = true)]
async fn names_differ_by_case_and_have_no_levels() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    world.users.add("other", "2002", &[]);
    world
        .create("App", json!({"username": "other", "rotation_period": 2 * HOUR}))
        .await
        .unwrap();
    let names = world.send(Operation::List, "static-roles/", json!({})).await;
    assert_eq!(answer(names).data.unwrap()["keys"], json!(["App", "app"]));
    world.wait(HOUR).await;
    world.tick().await;
    assert_eq!(world.given("lower case").await, "LTAInew3");
    assert_eq!(world.users.keys("other"), ["LTAInew2"]);
    world.delete("App").await.unwrap();
    assert_eq!(world.users.keys("other"), Vec::<String>::new());
    world.assert_whole("the other is deleted").await;
    for operation in [Operation::Create, Operation::Read, Operation::Delete] {
        let data = json!({"username": "other", "rotation_period": HOUR});
        let error = failure(world.send(operation, "static-roles/team/app", data).await);
        assert_eq!(error.kind(), Kind::UnsupportedPath, "{operation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_of_what_is_not_there_makes_no_call() {
    let world = World::new().await;
    let calls = world.script.sent().len();
    world.delete("nothing").await.unwrap();
    assert_eq!(world.script.sent().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_user_changes_nothing() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    world.users.add("other", "2002", &["LTAIother"]);
    world.users.add("new", "2003", &[]);
    *world.users.mistaken.lock().unwrap() = Some("other");
    let first = world.create("new", json!({"username": "new", "rotation_period": HOUR}));
    for outcome in [
        first.await,
        world.rotate().await,
        world.write("static-roles/app", json!({"username": "app"})).await,
    ] {
        let error = failure(outcome);
        assert_eq!(error.kind(), Kind::Coded(Status::BAD_GATEWAY));
        assert!(
            error.message().contains("answered with user \"other\""),
            "{error}"
        );
    }
    assert_eq!(world.users.keys("other"), ["LTAIother"]);
    assert_eq!(world.users.keys("new"), Vec::<String>::new());
    world.assert_whole("refused").await;
}
