//! Rotations of static roles by schedule.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_rotation_moves_key_and_times_together() {
    let world = World::with_role(json!({"rotation_schedule": "0 12 * * *"})).await;
    let before = world.creds().await;
    assert_eq!(before["ttl"], 12 * HOUR + 1);
    // Overdue: no time is left, and all else is as it was.
    world.wait(13 * HOUR).await;
    let overdue = world.creds().await;
    assert_eq!(overdue["ttl"], 0);
    for name in ["access_key", "secret_key", "expiration", "last_vault_rotation"] {
        assert_eq!(overdue[name], before[name], "{name}");
    }
    world.tick().await;
    let after = world.creds().await;
    assert_eq!(
        (&after["access_key"], &after["last_vault_rotation"], &after["ttl"]),
        (
            &json!("LTAInew2"),
            &json!("2024-03-01T12:59:59Z"),
            &json!(23 * HOUR + 1)
        )
    );
    world.assert_whole("rotated").await;
}

#[tokio::test(start_paused = true)]
async fn rotations_go_on_after_each_start_and_none_is_made_by_it() {
    let mut world = World::with_role(json!({"rotation_period": 10 * HOUR})).await;
    for tick in 1..=100 {
        world.wait(HOUR).await;
        world.restart();
        world.tick().await;
        world.tick().await;
        assert_eq!(world.users.made.load(Ordering::SeqCst), 1 + tick / 10, "{tick}");
    }
    world.assert_whole("in the end").await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_period_counts_from_now_and_is_stored() {
    let mut world = World::with_role(json!({"rotation_period": 24 * HOUR})).await;
    world.wait(HOUR).await;
    world
        .write("static-roles/app", json!({"rotation_period": 2 * HOUR}))
        .await
        .unwrap();
    assert_eq!(world.creds().await["ttl"], 2 * HOUR);
    world.restart();
    assert_eq!(world.creds().await["ttl"], 2 * HOUR);
    world.wait(2 * HOUR - 1).await;
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 0);
    world.wait(1).await;
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 1);
    // Written again as it is, nothing changes.
    world.wait(HOUR).await;
    world
        .write(
            "static-roles/app",
            json!({"username": "app", "rotation_period": "2h"}),
        )
        .await
        .unwrap();
    assert_eq!(world.creds().await["ttl"], HOUR);
}

#[tokio::test(start_paused = true)]
async fn an_entry_without_times_is_planned_and_not_rotated() {
    let mut world = World::with_role(json!({"rotation_period": HOUR})).await;
    let storage: &dyn Storage = &*world.storage;
    let mut entry: Map<String, Value> = storage.get_json("static-role/app").await.unwrap().unwrap();
    for name in ["next_vault_rotation", "last_vault_rotation"] {
        entry.insert(name.to_owned(), json!(0)).unwrap();
    }
    storage.put_json("static-role/app", &entry).await.unwrap();
    world.restart();
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 0);
    let storage: &dyn Storage = &*world.storage;
    for name in ["next_vault_rotation", "last_vault_rotation"] {
        entry.remove(name).unwrap();
    }
    storage.put_json("static-role/app", &entry).await.unwrap();
    world.restart();
    world.wait(HOUR / 2).await;
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 0);
    assert_eq!(world.creds().await["ttl"], HOUR);
    // Where only the last one is known, the next follows from it.
    entry.insert("last_vault_rotation".to_owned(), json!(1_709_251_199));
    let storage: &dyn Storage = &*world.storage;
    storage.put_json("static-role/app", &entry).await.unwrap();
    assert_eq!(world.creds().await["ttl"], HOUR / 2);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_by_request_begins_a_period_anew_and_leaves_the_times_of_a_schedule() {
    let world = World::with_role(json!({"rotation_period": 10 * HOUR})).await;
    world.wait(4 * HOUR).await;
    answer(world.rotate().await);
    assert_eq!(world.creds().await["ttl"], 10 * HOUR);
    world.wait(6 * HOUR).await;
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 2);
    world
        .write("static-roles/app", json!({"rotation_schedule": "0 0 1 * *"}))
        .await
        .unwrap();
    let next = world.creds().await["expiration"].clone();
    answer(world.rotate().await);
    assert_eq!(world.creds().await["expiration"], next);
}

#[tokio::test(start_paused = true)]
async fn outside_of_the_window_the_next_time_counts() {
    let world = World::with_role(json!({"rotation_schedule": "0 12 * * *", "rotation_window": HOUR})).await;
    world.wait(14 * HOUR).await;
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 1);
    assert_eq!(world.creds().await["expiration"], "2024-03-02T12:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn failures_are_shown_and_counted_and_tried_with_growing_pauses() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    world.users.denied.lock().unwrap().push("CreateAccessKey");
    world.wait(HOUR).await;
    let mut tries = Vec::new();
    for minute in 0..200 {
        let before = world.times("CreateAccessKey");
        world.tick().await;
        if world.times("CreateAccessKey") > before {
            tries.push(minute);
        }
        world.wait(60).await;
    }
    assert_eq!(tries, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    let warning = world.read("static-roles/app").await.warnings.concat();
    for text in [
        "static role \"app\"",
        "failures in a row: 9",
        "ram:CreateAccessKey",
    ] {
        assert!(warning.contains(text), "{warning}");
    }
    let metrics = world
        .send(Operation::Read, "metrics", json!({"format": "json"}))
        .await;
    let metrics = answer(metrics).data.unwrap();
    let value = |name: &str, at: usize| {
        metrics[&format!("vault_plugin_alicloud_{name}")]["samples"][at]["value"].clone()
    };
    assert_eq!(value("static_rotations_total", 3), 9.0);
    assert_eq!(
        (value("static_roles", 0), value("static_roles_failing", 0)),
        (json!(1.0), json!(1.0))
    );
    // By hand it is tried at once, and then all is well again.
    world.users.denied.lock().unwrap().clear();
    answer(world.rotate().await);
    assert_eq!(
        world.read("static-roles/app").await.warnings,
        Vec::<String>::new()
    );
    world.assert_whole("by hand").await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_new_key_is_gone_on_with_at_a_later_tick() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    world.users.lag.store(1000, Ordering::SeqCst);
    world.wait(HOUR).await;
    world.tick().await;
    assert_eq!(world.given("slow").await, "LTAInew1");
    world.users.change("app", |user| user.keys[1].unknown_for = 0);
    world.wait(60).await;
    world.tick().await;
    world.assert_whole("at the next tick").await;
    assert_eq!(world.times("CreateAccessKey"), 2);
    assert_eq!(world.role().await["next_vault_rotation"], "2024-03-01T01:59:59Z");
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_goes_away_and_a_role_that_is_switched_off_are_not_rotated() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    world.wait(HOUR).await;
    world
        .send(Operation::Rollback, "", json!({"immediate": true}))
        .await
        .unwrap();
    world
        .write("static-roles/app", json!({"disable_automated_rotation": true}))
        .await
        .unwrap();
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 1);
    let creds = world.creds().await;
    assert_eq!((&creds["ttl"], &creds["expiration"]), (&json!(0), &json!("")));
    answer(world.rotate().await);
    world.assert_whole("by request").await;
}

#[tokio::test(start_paused = true)]
async fn many_roles_that_are_due_at_once_are_all_rotated_one_time_each() {
    let mut world = World::new().await;
    for number in 0..60 {
        let name = format!("app-{number}");
        world.users.add(&name, &format!("3{number:03}"), &[]);
        world
            .create(&name, json!({"username": name, "rotation_period": 24 * HOUR}))
            .await
            .unwrap();
    }
    world.wait(24 * HOUR).await;
    world.restart();
    world.tick().await;
    let at_first = world.times("CreateAccessKey");
    assert!(at_first < 30, "they are spread: {at_first}");
    for _ in 0..7 {
        world.wait(60).await;
        world.tick().await;
    }
    assert_eq!(world.times("CreateAccessKey"), 60);
    for number in 0..60 {
        assert_eq!(world.users.keys(&format!("app-{number}")).len(), 1);
        let role = world
            .read(&format!("static-roles/app-{number}"))
            .await
            .data
            .unwrap();
        assert_eq!(role["next_vault_rotation"], "2024-03-02T23:59:59Z");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_years_ahead_stops_no_role() {
    for seamless in [false, true] {
        let world = World::with_role(json!({
            "rotation_period": 24 * HOUR, "seamless_rotation": seamless, "rotation_grace_period": HOUR,
        }))
        .await;
        world.clock.advance(time::Duration::days(1000));
        world.tick().await;
        assert_eq!(world.times("CreateAccessKey"), 2);
        world.clock.advance(time::Duration::days(-1000));
        // Plans are made anew from the right time.
        for _ in 0..3 {
            world.wait(601).await;
            world.tick().await;
        }
        assert_eq!(world.times("CreateAccessKey"), 2, "{seamless}");
        world.assert_whole("by the right clock").await;
        assert!(world.creds().await["ttl"].as_u64().unwrap() <= 24 * HOUR);
        world.wait(25 * HOUR).await;
        world.tick().await;
        assert_eq!(world.times("CreateAccessKey"), 3, "{seamless}");
    }
}

/// The year 2024, with a tick each four hours, with restarts, hours without a server, and small steps of the clock.
#[tokio::test(start_paused = true)]
async fn a_leap_year_of_a_daily_schedule_has_one_rotation_on_each_day() {
    for seamless in [false, true] {
        let mut world = World::new().await;
        world.clock.advance(time::Duration::days(-60));
        let role = json!({
            "username": "app", "rotation_schedule": "30 12 * * *", "rotation_window": "8h", "seamless_rotation": seamless,
            "rotation_grace_period": HOUR,
        });
        world.create("app", role).await.unwrap();
        let mut days = Vec::new();
        for tick in 0..366 * 6_u64 {
            world.wait(4 * HOUR).await;
            match tick % 300 {
                30 => world.restart(),
                60 => world.clock.advance(time::Duration::minutes(-7)),
                67 => world.clock.advance(time::Duration::minutes(7)),
                // Nothing runs.
                90 | 120 => continue,
                _ => {}
            }
            world.tick().await;
            // The first key was made by the write.
            let made = world.users.made.load(Ordering::SeqCst) - 1;
            days.resize(made, world.clock.now().ordinal());
            assert!(world.keys().len() <= 1 + usize::from(seamless));
        }
        assert_eq!(days, (1..=366).collect::<Vec<_>>(), "{seamless}");
        world.given("after a year").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_node_wrote_is_seen_after_ten_minutes_at_the_latest() {
    let world = World::with_role(json!({"rotation_period": 24 * HOUR})).await;
    world.tick().await;
    let storage: &dyn Storage = &*world.storage;
    let mut entry: Map<String, Value> = storage.get_json("static-role/app").await.unwrap().unwrap();
    entry.insert("next_vault_rotation".to_owned(), json!(1_709_251_199 + 60));
    storage.put_json("static-role/app", &entry).await.unwrap();
    world.wait(600).await;
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 2);
    world.assert_whole("rotated").await;
}
