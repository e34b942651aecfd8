//! Rotations that somebody asks for.

use super::kills::rotate_until;
use super::*;

#[tokio::test(start_paused = true)]
async fn answer_and_config_and_later_calls_have_one_key_and_the_old_one_is_gone() {
    let world = World::new(json!({"max_retries": 3})).await;
    let before = world.read().await.data.unwrap();
    let key = world.rotated().await;
    assert_eq!(key, "LTAInew1");
    world.assert_whole("rotated").await;
    let after = world.read().await.data.unwrap();
    assert_eq!(after["access_key"], "LTAInew1");
    assert_eq!(after["last_vault_rotation"], "2024-02-29T23:59:59Z");
    for (name, value) in &before {
        if !matches!(name.as_str(), "access_key" | "last_vault_rotation") {
            assert_eq!(&after[name], value, "{name}");
        }
    }
    let last = world.script.sent().pop().unwrap();
    assert_eq!(last.value("AccessKeyId"), Some("LTAInew1"));
    // At once again.
    assert_eq!(world.rotated().await, "LTAInew2");
    world.assert_whole("rotated twice").await;
}

#[tokio::test(start_paused = true)]
async fn with_two_keys_nothing_is_changed_and_both_are_named_with_their_ages() {
    let world = World::new(json!({})).await;
    world.wait(3 * 86400).await;
    world.keys.add("LTAIother");
    let refusal = failure(world.rotate().await);
    assert_eq!(refusal.kind(), Kind::BadRequest);
    assert_eq!(
        refusal.message(),
        "user \"vault-root\" has 2 access keys, and RAM allows no third: LTAIold (in config), created 2024-02-29T23:59:59Z, 3 days \
         old; LTAIother, created 2024-03-03T23:59:59Z, 0 days old. Delete the one that is not needed, and try again"
    );
    assert_eq!(world.keys.ids(), ["LTAIold", "LTAIother"]);
    assert_eq!(
        (world.times("CreateAccessKey"), world.entries().await.len()),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_rotated_is_refused_with_the_reason() {
    for (settings, reason) in [
        (
            json!({"role_arn": "acs:ram::1234567890123456:role/r"}),
            "role_arn is set",
        ),
        (
            json!({"access_key": "", "secret_key": ""}),
            "not those of access_key",
        ),
        (
            json!({"credential_source": "environment"}),
            "not those of access_key",
        ),
        (json!({"access_key": "STS.x", "secret_key": "s"}), "temporary key"),
    ] {
        let world = World::new(settings.clone()).await;
        let refusal = failure(world.rotate().await);
        assert_eq!(refusal.kind(), Kind::BadRequest, "{settings}");
        assert!(refusal.message().contains(reason), "{refusal}");
        assert_eq!(world.times("CreateAccessKey"), 0);
        // Nor is it promised for later.
        let mut scheduled = object(settings);
        scheduled.insert("rotation_period".to_owned(), 3600.into());
        let refusal = failure(world.write(scheduled.into()).await);
        assert!(refusal.message().contains(reason), "{refusal}");
    }
    for (identity, reason) in [
        ("acs:ram::1234567890123456:root", "account itself"),
        (
            "acs:ram::1234567890123456:assumed-role/role/session",
            "no RAM user",
        ),
    ] {
        let world = World::new(json!({})).await;
        *world.keys.identity.lock().unwrap() = identity;
        let refusal = failure(world.rotate().await);
        assert_eq!(refusal.kind(), Kind::BadRequest);
        assert!(refusal.message().contains(reason), "{refusal}");
        assert_eq!(world.times("CreateAccessKey"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_standby_forwards_before_it_calls_the_cloud() {
    let mut world = World::new(json!({"rotation_period": 10})).await;
    // The mount was active when the role was written: what it knows of that is no longer fresh.
    world.wait(1).await;
    world.system.replication = ReplicationState(1 << 14);
    let calls = world.script.sent().len();
    assert_eq!(failure(world.rotate().await).kind(), Kind::ReadOnly);
    world.wait(60).await;
    world.tick().await;
    assert_eq!(world.script.sent().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_that_is_not_known_everywhere_is_waited_for() {
    let world = World::new(json!({})).await;
    world.keys.lag.store(7, Ordering::SeqCst);
    world.rotated().await;
    world.assert_whole("rotated").await;
}

#[tokio::test(start_paused = true)]
async fn a_new_key_that_does_not_work_in_time_is_gone_on_with_or_deleted() {
    for goes_on in [true, false] {
        let world = World::new(json!({})).await;
        world.keys.lag.store(1000, Ordering::SeqCst);
        let refusal = failure(world.rotate().await);
        assert_eq!(refusal.kind(), Kind::Coded(Status::UNAVAILABLE));
        assert!(refusal.message().contains("LTAInew1"), "{refusal}");
        assert!(!refusal.message().contains("secret-of"), "{refusal}");
        assert_eq!(world.config().await["access_key"], "LTAIold");
        if goes_on {
            world.keys.keys.lock().unwrap()[1].unknown_for = 0;
            assert_eq!(world.rotated().await, "LTAInew1");
        } else {
            world.wait(601).await;
            world.tick().await;
            assert_eq!(world.config().await["access_key"], "LTAIold");
        }
        world.assert_whole("in the end").await;
        assert_eq!(world.times("CreateAccessKey"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_key_that_cannot_be_deleted_is_a_warning_and_goes_later() {
    let world = World::new(json!({})).await;
    world.keys.denied.lock().unwrap().push("DeleteAccessKey");
    let response = answer(world.rotate().await);
    assert_eq!(response.data.unwrap()["access_key"], "LTAInew1");
    assert!(
        response.warnings[0].contains("LTAIold") && response.warnings[0].contains("ram:DeleteAccessKey"),
        "{:?}",
        response.warnings
    );
    // It is off at least.
    assert!(!world.keys.keys.lock().unwrap()[0].active);
    world.keys.denied.lock().unwrap().clear();
    world.wait(601).await;
    world.tick().await;
    world.assert_whole("after the tick").await;
}

#[tokio::test(start_paused = true)]
async fn ram_may_learn_of_the_new_key_later_than_sts() {
    let world = World::new(json!({})).await;
    world.keys.ram_lag.store(3, Ordering::SeqCst);
    world.rotated().await;
    world.assert_whole("waited for").await;
    world.keys.ram_lag.store(1000, Ordering::SeqCst);
    let response = answer(world.rotate().await);
    assert!(
        response.warnings[0].contains("LTAInew1"),
        "{:?}",
        response.warnings
    );
    world.keys.ram_lag.store(0, Ordering::SeqCst);
    world.wait(601).await;
    world.tick().await;
    world.assert_whole("after the tick").await;
}

#[tokio::test(start_paused = true)]
async fn a_new_key_that_became_the_previous_one_stays_when_the_old_one_goes() {
    let world = World::new(json!({})).await;
    world.keys.denied.lock().unwrap().push("DeleteAccessKey");
    answer(world.rotate().await);
    world.keys.add("LTAIother");
    let moved = json!({"access_key": "LTAIother", "secret_key": "s", "previous_access_key": "LTAInew1",
                       "previous_secret_key": "secret-of-LTAInew1"});
    world.write(moved).await.unwrap();
    world.keys.denied.lock().unwrap().clear();
    world.wait(601).await;
    world.tick().await;
    assert_eq!(world.keys.ids(), ["LTAInew1", "LTAIother"]);
    assert!(world.keys.keys.lock().unwrap().iter().all(|key| key.active));
    assert_eq!(world.entries().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_new_key_that_is_there_is_stored_although_the_old_one_was_disabled() {
    let world = World::new(json!({})).await;
    world.keys.lag.store(1000, Ordering::SeqCst);
    failure(world.rotate().await);
    for key in world.keys.keys.lock().unwrap().iter_mut() {
        (key.active, key.unknown_for) = (key.id != "LTAIold", 0);
    }
    world.rotated().await;
    world.assert_whole("rotated").await;
}

#[tokio::test(start_paused = true)]
async fn without_the_permission_to_deactivate_the_old_key_is_deleted_all_the_same() {
    let world = World::new(json!({})).await;
    world.keys.denied.lock().unwrap().push("UpdateAccessKey");
    world.rotated().await;
    world.assert_whole("rotated").await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_creation_leaves_nothing() {
    let world = World::new(json!({})).await;
    world.keys.denied.lock().unwrap().push("CreateAccessKey");
    let refusal = failure(world.rotate().await);
    assert_eq!(refusal.kind(), Kind::Coded(Status::FORBIDDEN));
    assert!(refusal.message().contains("ram:CreateAccessKey"), "{refusal}");
    world.assert_whole("refused").await;
}

/// A world in which the process ended when the new key was made, before it had the answer.
async fn with_a_lost_key() -> World {
    let world = World::new(json!({})).await;
    world.stop.arm(0);
    world.rotated().await;
    let places = world.stop.places.lock().unwrap().clone();
    let place = places.iter().position(|place| place == "after CreateAccessKey");
    let mut world = World::new(json!({})).await;
    rotate_until(&mut world, place.unwrap() + 1).await.unwrap();
    assert_eq!(world.keys.ids(), ["LTAIold", "LTAInew1"]);
    world
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_answer_was_lost_is_found_and_deleted() {
    let world = World::new(json!({})).await;
    world.keys.lost.lock().unwrap().push("CreateAccessKey");
    let error = failure(world.rotate().await);
    assert!(error.message().contains("is deleted: try again"), "{error}");
    world.assert_whole("at once").await;
    let world = with_a_lost_key().await;
    world.wait(601).await;
    world.tick().await;
    world.assert_whole("after the tick").await;
    // By the next rotation, too.
    let world = with_a_lost_key().await;
    assert_eq!(world.rotated().await, "LTAInew2");
    world.assert_whole("rotated").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_somebody_made_later_is_left_alone() {
    let world = with_a_lost_key().await;
    world.keys.keys.lock().unwrap().pop();
    world.wait(181).await;
    world.keys.add("LTAIhand");
    world.wait(420).await;
    world.tick().await;
    assert_eq!(world.keys.ids(), ["LTAIold", "LTAIhand"]);
    assert_eq!(world.entries().await.len(), 0);
    // And the next rotation does not guess either.
    assert!(
        failure(world.rotate().await)
            .message()
            .contains("LTAIhand, created")
    );
}

#[tokio::test(start_paused = true)]
async fn where_somebody_has_deleted_the_old_key_no_other_is_taken_for_ours() {
    let world = with_a_lost_key().await;
    world.wait(30).await;
    world.keys.keys.lock().unwrap().clear();
    for key in ["LTAIhand", "LTAImount"] {
        world.keys.add(key);
    }
    let pair = json!({"access_key": "LTAImount", "secret_key": "s"});
    world.write(pair).await.unwrap();
    world.wait(601).await;
    world.tick().await;
    assert_eq!(world.keys.ids(), ["LTAIhand", "LTAImount"]);
    assert_eq!(world.entries().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_concluded_while_a_lost_creation_may_be_carried_out_late() {
    let world = with_a_lost_key().await;
    let late = world.keys.keys.lock().unwrap().pop().unwrap();
    let refusal = failure(world.rotate().await);
    assert_eq!(refusal.kind(), Kind::Coded(Status::UNAVAILABLE));
    assert_eq!(world.entries().await.len(), 1);
    world.keys.keys.lock().unwrap().push(late);
    world.rotated().await;
    world.assert_whole("rotated").await;
}

#[tokio::test(start_paused = true)]
async fn the_key_of_config_is_never_deleted_whoever_has_written_it() {
    // Another node wrote its own key while this one was at work; then the new key goes.
    let mut world = World::new(json!({})).await;
    world.keys.lag.store(1000, Ordering::SeqCst);
    failure(world.rotate().await);
    let other = json!({"access_key": "LTAIthird", "secret_key": "t"});
    world.keys.add("LTAIthird");
    let storage: &dyn Storage = &*world.storage;
    storage.put_json("config", &other).await.unwrap();
    world.restart();
    world.wait(601).await;
    world.tick().await;
    assert_eq!(world.keys.ids(), ["LTAIold", "LTAIthird"]);
    assert_eq!(world.entries().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_somebody_wrote_after_a_lost_creation_costs_no_other_key() {
    let world = with_a_lost_key().await;
    world.keys.keys.lock().unwrap().pop();
    world.keys.add("LTAIhand");
    let pair = json!({"access_key": "LTAIhand", "secret_key": "s"});
    world.write(pair).await.unwrap();
    world.wait(601).await;
    world.tick().await;
    assert_eq!(world.keys.ids(), ["LTAIold", "LTAIhand"]);
    assert_eq!(world.entries().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_rotation_of_another_account_is_kept_and_in_the_way_of_none() {
    let mut world = World::new(json!({})).await;
    world.keys.lag.store(1000, Ordering::SeqCst);
    failure(world.rotate().await);
    world.restart();
    *world.keys.identity.lock().unwrap() = "acs:ram::6543210987654321:user/u";
    world.keys.add("LTAIother");
    let moved = json!({"access_key": "LTAIother", "secret_key": "s"});
    world.write(moved).await.unwrap();
    world.wait(601).await;
    world.tick().await;
    assert_eq!((world.keys.ids().len(), world.entries().await.len()), (3, 1));
    // The user of the other account has no further key.
    world
        .keys
        .keys
        .lock()
        .unwrap()
        .retain(|key| key.id == "LTAIother");
    world.keys.lag.store(0, Ordering::SeqCst);
    let key = world.rotated().await;
    assert_eq!(world.keys.ids(), [key]);
    assert_eq!(world.entries().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_config_there_is_nothing_to_rotate() {
    let world = World::new(json!({})).await;
    world.storage.delete("config").await.unwrap();
    let calls = world.script.sent().len();
    let refusal = failure(world.rotate().await);
    assert_eq!(refusal.kind(), Kind::BadRequest);
    assert!(refusal.message().contains("not those of access_key"), "{refusal}");
    world.wait(601).await;
    world.tick().await;
    assert_eq!(world.script.sent().len(), calls);
    assert_eq!(world.storage.list("config").await.unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_pair_that_was_rotated_away_is_refused_and_others_are_not() {
    let world = World::new(json!({})).await;
    for _ in 0..2 {
        world.rotated().await;
    }
    // As Terraform does, whose file still has the first pair: only the region is another.
    for old in ["LTAIold", "LTAInew1"] {
        let again = json!({"access_key": old, "secret_key": "hush", "region": "cn-beijing"});
        let refusal = failure(world.write(again).await);
        assert_eq!(refusal.kind(), Kind::BadRequest);
        assert!(refusal.message().contains(old), "{refusal}");
        assert_eq!(world.config().await["region"], "cn-hangzhou");
    }
    world.write(json!({"region": "cn-beijing"})).await.unwrap();
    assert_eq!(world.config().await["access_key"], "LTAInew2");
    world.assert_whole("region written").await;
    world
        .write(json!({"access_key": "LTAIhand", "secret_key": "s"}))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn reads_go_on_while_a_rotation_hangs() {
    let world = World::new(json!({})).await;
    // At the creation of the new key.
    world.stop.arm(7);
    let hanging = world.rotate();
    tokio::pin!(hanging);
    tokio::select! {
        biased;
        _ = &mut hanging => panic!("it should hang"),
        () = world.stop.stopped.notified() => {}
    }
    assert_eq!(world.read().await.data.unwrap()["access_key"], "LTAIold");
    // And it ends: calls and requests have deadlines.
    failure(hanging.await);
}

#[tokio::test(start_paused = true)]
async fn rotations_and_writes_at_the_same_time_come_one_after_the_other() {
    let world = World::new(json!({})).await;
    let region = world.write(json!({"region": "cn-beijing"}));
    let (one, region, two) = tokio::join!(world.rotate(), region, world.rotate());
    for outcome in [one, region, two] {
        outcome.unwrap();
    }
    assert_eq!(world.config().await["region"], "cn-beijing");
    assert_eq!(world.times("CreateAccessKey"), 2);
    world.assert_whole("in the end").await;
}
