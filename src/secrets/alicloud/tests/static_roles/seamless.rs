//! Rotations that leave the older key live for a while.

use super::*;

async fn seamless() -> World {
    World::with_role(
        json!({"rotation_period": 24 * HOUR, "seamless_rotation": true, "rotation_grace_period": HOUR}),
    )
    .await
}

#[tokio::test(start_paused = true)]
async fn there_are_two_keys_for_the_grace_period_and_then_one_over_many_periods() {
    let mut world = seamless().await;
    for day in 1..=20 {
        world.wait(24 * HOUR - if day == 1 { 0 } else { HOUR }).await;
        let before = world.given("before").await;
        world.tick().await;
        let after = world.given("after").await;
        assert_eq!(world.keys(), [before.as_str(), after.as_str()], "{day}");
        let role = world.role().await;
        assert_eq!(role["previous_access_key"], before);
        if day % 3 == 0 {
            world.restart();
        }
        world.wait(HOUR - 1).await;
        world.tick().await;
        assert_eq!(world.keys().len(), 2, "{day}");
        world.wait(1).await;
        world.tick().await;
        world.assert_whole("after the grace period").await;
        assert_eq!(world.given("then").await, after);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_in_its_grace_period_is_not_ended_by_a_request() {
    let world = seamless().await;
    answer(world.rotate().await);
    let keys = world.keys();
    let error = failure(world.rotate().await);
    assert_eq!(error.kind(), Kind::Coded(Status::CONFLICT));
    for text in ["2024-03-01T00:59:59Z", "LTAInew1", "seamless_rotation=false"] {
        assert!(error.message().contains(text), "{error}");
    }
    assert_eq!(world.keys(), keys);
    // Unless that is what is wanted, as when both have leaked.
    world
        .write("static-roles/app", json!({"seamless_rotation": false}))
        .await
        .unwrap();
    answer(world.rotate().await);
    world.assert_whole("at once").await;
    assert_eq!(world.given("new").await, "LTAInew3");
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_is_due_waits_for_the_end_of_the_grace_period() {
    // It was late, and the next time of the schedule is near.
    let world = seamless().await;
    let schedule = json!({"rotation_schedule": "0 12 * * *"});
    world.write("static-roles/app", schedule).await.unwrap();
    world.wait(12 * HOUR + 23 * HOUR + 1800).await;
    world.tick().await;
    assert_eq!(world.keys(), ["LTAInew1", "LTAInew2"]);
    world.wait(1800 + 60).await;
    world.tick().await;
    assert_eq!(world.keys(), ["LTAInew1", "LTAInew2"]);
    world.wait(1800).await;
    world.tick().await;
    world.tick().await;
    assert_eq!(world.keys(), ["LTAInew2", "LTAInew3"]);
    assert_eq!(
        world.read("static-roles/app").await.warnings,
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn an_older_key_that_cannot_be_deleted_is_told_of_and_goes_later() {
    let world = seamless().await;
    answer(world.rotate().await);
    world.users.denied.lock().unwrap().push("DeleteAccessKey");
    world.wait(HOUR).await;
    world.tick().await;
    let warning = world.read("static-roles/app").await.warnings.concat();
    assert!(
        warning.contains("LTAInew1") && warning.contains("ram:DeleteAccessKey"),
        "{warning}"
    );
    // It is off at least.
    world
        .users
        .change("app", |user| assert!(!user.keys[0].active && user.keys[1].active));
    world.users.denied.lock().unwrap().clear();
    world.wait(60).await;
    world.tick().await;
    world.assert_whole("in the end").await;
    assert_eq!(
        world.read("static-roles/app").await.warnings,
        Vec::<String>::new()
    );
}
