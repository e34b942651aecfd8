//! Rotations by schedule.

use super::*;

const HOUR: u64 = 3600;

fn sample<'a>(metrics: &'a Value, family: &str, labels: Value) -> Option<&'a Value> {
    let samples = metrics[format!("vault_plugin_alicloud_{family}")]["samples"].as_array()?;
    samples
        .iter()
        .find(|sample| sample["labels"] == labels)
        .map(|sample| &sample["value"])
}

async fn metrics(world: &World) -> Value {
    let mut request = Request::new(Operation::Read, "metrics");
    request.data = object(json!({"format": "json"}));
    Value::Object(answer(world.handle(request).await).data.unwrap())
}

/// The year 2024, with a tick each four hours, with restarts, hours without a server, and small steps of the clock. When the
/// key was rotated.
async fn year(settings: Value) -> Vec<OffsetDateTime> {
    let mut world = World::new(json!({})).await;
    world.clock.advance(time::Duration::days(-60));
    world.write(settings).await.unwrap();
    let mut rotations = Vec::new();
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
        let made = world.keys.made.load(Ordering::SeqCst);
        rotations.resize(made, world.clock.now());
    }
    world.assert_whole("after a year").await;
    rotations
}

#[tokio::test(start_paused = true)]
async fn a_leap_year_of_a_daily_schedule_has_one_rotation_on_each_day() {
    let rotations = year(json!({"rotation_schedule": "30 12 * * *", "rotation_window": "8h"})).await;
    let days: Vec<_> = rotations.iter().map(|time| time.ordinal()).collect();
    assert_eq!(days, (1..=366).collect::<Vec<_>>());
    assert!(rotations.iter().all(|time| time.hour() >= 12), "{rotations:?}");
}

#[tokio::test(start_paused = true)]
async fn a_year_of_a_period_of_a_week_does_not_drift() {
    let rotations = year(json!({"rotation_period": 7 * 24 * HOUR})).await;
    assert_eq!(rotations.len(), 52, "{rotations:?}");
    let begin = FixedClock::default().now() - time::Duration::days(60);
    for (time, week) in rotations.iter().zip(1..) {
        let late = *time - (begin + time::Duration::weeks(week));
        assert!(
            !late.is_negative() && late < time::Duration::hours(9),
            "{week}: {late}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn read_and_metrics_tell_the_times() {
    let world = World::new(json!({"rotation_schedule": "0 0 29 2 *"})).await;
    let read = world.read().await.data.unwrap();
    assert_eq!(read["rotation_schedule"], "0 0 29 2 *");
    assert_eq!(
        (&read["next_vault_rotation"], &read["last_vault_rotation"]),
        (&json!("2028-02-29T00:00:00Z"), &json!(""))
    );
    world.tick().await;
    let next = json!(1_835_395_200.0);
    assert_eq!(
        sample(
            &metrics(&world).await,
            "root_rotation_next_timestamp_seconds",
            json!({})
        ),
        Some(&next)
    );
    // A rotation by hand leaves the times of a schedule, and begins a period anew.
    world.rotated().await;
    assert_eq!(
        world.read().await.data.unwrap()["next_vault_rotation"],
        "2028-02-29T00:00:00Z"
    );
    world.write(json!({"rotation_period": "30d"})).await.unwrap();
    world.wait(10 * 24 * HOUR).await;
    world.rotated().await;
    let read = world.read().await.data.unwrap();
    assert_eq!(
        (
            &read["rotation_schedule"],
            &read["next_vault_rotation"],
            &read["last_vault_rotation"]
        ),
        (
            &json!(""),
            &json!("2024-04-09T23:59:59Z"),
            &json!("2024-03-10T23:59:59Z")
        )
    );
}

#[tokio::test(start_paused = true)]
async fn failures_are_shown_and_counted_and_tried_with_growing_pauses() {
    let world = World::new(json!({"rotation_period": HOUR})).await;
    world.keys.denied.lock().unwrap().push("CreateAccessKey");
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
    let warning = world.read().await.warnings.concat();
    for text in ["failures in a row: 9", "ram:CreateAccessKey", "next try in about"] {
        assert!(warning.contains(text), "{warning}");
    }
    let counted = metrics(&world).await;
    let label = json!({"trigger": "schedule", "outcome": "failure"});
    assert_eq!(sample(&counted, "root_rotations_total", label), Some(&json!(9.0)));
    assert_eq!(
        sample(&counted, "root_rotation_failures_in_a_row", json!({})),
        Some(&json!(9.0))
    );
    // By hand it is tried at once, and then all is well again.
    world.keys.denied.lock().unwrap().clear();
    world.rotated().await;
    assert_eq!(world.read().await.warnings, Vec::<String>::new());
    world.assert_whole("by hand").await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_alone_rotates_nothing() {
    let mut world = World::new(json!({"rotation_period": HOUR})).await;
    world.wait(HOUR / 2).await;
    world.restart();
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 0);
    // Nor does an entry without a plan.
    let storage: &dyn Storage = &*world.storage;
    let mut config = object(world.config().await);
    config.remove("next_vault_rotation");
    storage.put_json("config", &config).await.unwrap();
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 0);
    assert_eq!(
        world.read().await.data.unwrap()["next_vault_rotation"],
        "2024-03-01T01:29:59Z"
    );
    world.wait(HOUR).await;
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_goes_away_is_not_rotated() {
    let world = World::new(json!({"rotation_period": HOUR})).await;
    world.wait(HOUR).await;
    let mut request = Request::new(Operation::Rollback, "");
    request.data = object(json!({"immediate": true}));
    world.handle(request).await.unwrap();
    assert_eq!(world.times("CreateAccessKey"), 0);
}

#[tokio::test(start_paused = true)]
async fn outside_of_the_window_the_next_time_counts() {
    let world = World::new(json!({"rotation_schedule": "0 12 * * *", "rotation_window": HOUR})).await;
    world.wait(14 * HOUR).await;
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 0);
    assert_eq!(
        world.read().await.data.unwrap()["next_vault_rotation"],
        "2024-03-02T12:00:00Z"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_new_key_is_gone_on_with_at_a_later_tick() {
    let world = World::new(json!({"rotation_period": HOUR})).await;
    world.keys.lag.store(1000, Ordering::SeqCst);
    world.wait(HOUR).await;
    world.tick().await;
    assert_eq!(world.config().await["access_key"], "LTAIold");
    world.keys.keys.lock().unwrap()[1].unknown_for = 0;
    world.wait(60).await;
    world.tick().await;
    world.assert_whole("at the next tick").await;
    assert_eq!(world.times("CreateAccessKey"), 1);
    assert_eq!(
        world.read().await.data.unwrap()["next_vault_rotation"],
        "2024-03-01T01:59:59Z"
    );
}

#[tokio::test(start_paused = true)]
async fn the_pair_alone_leaves_the_settings_and_the_plan() {
    let world = World::new(json!({"rotation_schedule": "0 12 * * *", "rotation_window": HOUR})).await;
    let before = world.read().await.data.unwrap();
    world
        .write(json!({"access_key": "LTAIold", "secret_key": "hush"}))
        .await
        .unwrap();
    assert_eq!(world.read().await.data.unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn what_failed_within_its_window_is_done_at_the_next_time_and_not_before() {
    let world = World::new(json!({"rotation_schedule": "0 12 * * *", "rotation_window": HOUR})).await;
    world.keys.denied.lock().unwrap().push("CreateAccessKey");
    world.wait(12 * HOUR + 1).await;
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 1);
    world.keys.denied.lock().unwrap().clear();
    world.wait(HOUR + 1).await;
    world.tick().await;
    assert_eq!(world.times("CreateAccessKey"), 1);
    assert_eq!(
        world.read().await.data.unwrap()["next_vault_rotation"],
        "2024-03-02T12:00:00Z"
    );
    world.wait(23 * HOUR).await;
    world.tick().await;
    world.assert_whole("at the next time").await;
    assert_eq!(world.times("CreateAccessKey"), 2);
    assert_eq!(world.read().await.warnings, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_write_while_the_schedule_rotates_is_kept_and_so_is_the_key() {
    for (written, next) in [
        (json!({"region": "cn-beijing"}), "2024-03-01T01:59:59Z"),
        (json!({"rotation_period": 5 * HOUR}), "2024-03-01T05:59:59Z"),
    ] {
        for write_first in [false, true] {
            let world = World::new(json!({"rotation_period": HOUR})).await;
            world.wait(HOUR).await;
            if write_first {
                let (write, ()) = tokio::join!(world.write(written.clone()), world.tick());
                write.unwrap();
            } else {
                let ((), write) = tokio::join!(world.tick(), world.write(written.clone()));
                write.unwrap();
            }
            // A new period counts from its write: what was due is not, if it came first.
            world.assert_whole("in the end").await;
            let read = world.read().await.data.unwrap();
            for (name, value) in written.as_object().unwrap() {
                assert_eq!(&read[name], value, "{written}");
            }
            assert_eq!(read["next_vault_rotation"], next, "{written}");
        }
    }
}
