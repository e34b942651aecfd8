//! The process ends at each call and each write of a rotation, before and after it is carried out: of plain and of seamless
//! ones, of a first key, and of a deletion.

use super::*;

/// Does something, and ends the process at the place. `None` when it came to its end before.
pub(super) async fn until_place(
    world: &mut World,
    place: usize,
    path: &str,
    operation: Operation,
    data: Value,
) -> Option<String> {
    world.stop.arm(place);
    let stop = Arc::clone(&world.stop);
    let ended = tokio::select! {
        biased;
        () = stop.stopped.notified() => false,
        answer = world.send(operation, path, data) => {
            answer.unwrap();
            true
        }
    };
    let at = stop.places.lock().unwrap().get(place - 1).cloned();
    stop.arm(0);
    world.restart();
    if ended { None } else { at }
}

async fn rotate_until(world: &mut World, place: usize) -> Option<String> {
    until_place(world, place, "rotate-role/app", Operation::Update, json!({})).await
}

fn assert_has(places: &[String], expected: &[&str]) {
    for place in expected {
        assert!(places.iter().any(|at| at == place), "{place}: {places:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_a_rotation_is_ended_the_tick_leaves_exactly_the_key_that_is_given_out() {
    let mut places = Vec::new();
    for place in 1.. {
        let mut world = World::with_role(json!({"rotation_period": 30 * 24 * HOUR})).await;
        let Some(at) = rotate_until(&mut world, place).await else {
            break;
        };
        // What is given out works at any time.
        let key = world.given(&at).await;
        world.wait(601).await;
        world.tick().await;
        world.assert_whole(&at).await;
        assert_eq!(world.given(&at).await, key, "{at}");
        // And it can be rotated again.
        answer(world.rotate().await);
        assert_ne!(world.given(&at).await, key, "{at}");
        world.assert_whole(&at).await;
        places.push(at);
    }
    assert_has(
        &places,
        &[
            "before CreateAccessKey",
            "after CreateAccessKey",
            "after GetCallerIdentity",
            "before put wal/",
            "before put stat",
            "after put stat",
            "before UpdateAccessKey",
            "after DeleteAccessKey",
            "before delete wal/",
            "after delete wal/",
        ],
    );
    assert_eq!(places.len(), 30, "{places:?}");
}

#[tokio::test(start_paused = true)]
async fn wherever_a_rotation_is_ended_the_next_one_settles_it() {
    for place in 1.. {
        let mut world = World::with_role(json!({"rotation_period": 30 * 24 * HOUR})).await;
        let Some(at) = rotate_until(&mut world, place).await else {
            assert!(place > 28);
            break;
        };
        world.wait(121).await;
        answer(world.rotate().await);
        world.assert_whole(&at).await;
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_a_seamless_rotation_is_ended_there_are_two_keys_for_the_grace_period_and_then_one() {
    let mut places = Vec::new();
    let settings =
        json!({"rotation_period": 30 * 24 * HOUR, "seamless_rotation": true, "rotation_grace_period": HOUR});
    for place in 1.. {
        let mut world = World::with_role(settings.clone()).await;
        let before = world.given("before").await;
        let Some(at) = rotate_until(&mut world, place).await else {
            break;
        };
        let after = world.given(&at).await;
        world.wait(601).await;
        world.tick().await;
        let kept = if before == after {
            vec![after.clone()]
        } else {
            vec![before, after.clone()]
        };
        assert_eq!(world.keys(), kept, "{at}");
        assert_eq!(world.entries().await, Vec::<String>::new(), "{at}");
        world.wait(HOUR).await;
        world.tick().await;
        world.assert_whole(&at).await;
        assert_eq!(world.given(&at).await, after, "{at}");
        places.push(at);
    }
    assert_has(
        &places,
        &["after CreateAccessKey", "before put stat", "after delete wal/"],
    );
    assert!(
        !places.iter().any(|at| at.contains("DeleteAccessKey")),
        "{places:?}"
    );
    assert_eq!(places.len(), 20, "{places:?}");
}

#[tokio::test(start_paused = true)]
async fn wherever_the_end_of_the_older_key_is_ended_it_is_gone_on_with() {
    let settings =
        json!({"rotation_period": 30 * 24 * HOUR, "seamless_rotation": true, "rotation_grace_period": 60});
    let mut places = Vec::new();
    for place in 1.. {
        let mut world = World::with_role(settings.clone()).await;
        answer(world.rotate().await);
        world.wait(61).await;
        let Some(at) = until_place(&mut world, place, "", Operation::Rollback, json!({})).await else {
            break;
        };
        world.given(&at).await;
        world.tick().await;
        world.assert_whole(&at).await;
        places.push(at);
    }
    assert_has(
        &places,
        &[
            "before UpdateAccessKey",
            "after DeleteAccessKey",
            "before put stat",
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn wherever_a_scheduled_rotation_is_ended_later_ticks_come_to_its_end() {
    for seamless in [false, true] {
        let mut places = 0;
        for place in 1.. {
            let mut world = World::with_role(json!({
                "rotation_period": 24 * HOUR, "seamless_rotation": seamless, "rotation_grace_period": HOUR,
            }))
            .await;
            let before = world.given("before").await;
            world.wait(24 * HOUR).await;
            let Some(at) = until_place(&mut world, place, "", Operation::Rollback, json!({})).await else {
                break;
            };
            world.given(&at).await;
            // The next process goes on by itself, and the one after it finds nothing to do.
            for _ in 0..5 {
                world.wait(1200).await;
                world.tick().await;
            }
            world.assert_whole(&at).await;
            assert_ne!(world.given(&at).await, before, "{at}");
            assert_eq!(
                world.role().await["next_vault_rotation"],
                "2024-03-02T23:59:59Z",
                "{at}"
            );
            places += 1;
        }
        assert!(places > 20, "{places}");
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_the_first_write_is_ended_there_is_a_role_with_its_key_or_neither() {
    let data = json!({"username": "app", "rotation_period": HOUR});
    let mut roles = 0;
    for place in 1.. {
        let mut world = World::new().await;
        let done = until_place(
            &mut world,
            place,
            "static-roles/app",
            Operation::Create,
            data.clone(),
        )
        .await;
        let Some(at) = done else {
            assert!(place > 20);
            break;
        };
        world.wait(601).await;
        world.tick().await;
        assert_eq!(world.entries().await, Vec::<String>::new(), "{at}");
        if world.storage.list("static-role/").await.unwrap().is_empty() {
            assert_eq!(world.keys(), Vec::<String>::new(), "{at}");
            // Nothing of it is in the way.
            world.create("other", data.clone()).await.unwrap();
            assert_eq!(world.keys().len(), 1, "{at}");
        } else {
            world.assert_whole(&at).await;
            roles += 1;
        }
    }
    assert!(roles > 2, "{roles}");
}

#[tokio::test(start_paused = true)]
async fn wherever_a_deletion_is_ended_it_can_be_repeated() {
    for place in 1.. {
        let mut world = World::with_role(json!({
            "rotation_period": 24 * HOUR, "seamless_rotation": true, "rotation_grace_period": HOUR,
        }))
        .await;
        answer(world.rotate().await);
        assert_eq!(world.keys().len(), 2);
        let done = until_place(
            &mut world,
            place,
            "static-roles/app",
            Operation::Delete,
            json!({}),
        )
        .await;
        let Some(at) = done else {
            assert!(place > 14);
            break;
        };
        world.delete("app").await.unwrap();
        assert_eq!(world.keys(), Vec::<String>::new(), "{at}");
        let left = world.storage.list("static-role/").await.unwrap();
        assert_eq!(left, Vec::<String>::new(), "{at}");
        world
            .create("app", json!({"username": "app", "rotation_period": HOUR}))
            .await
            .unwrap();
        world.assert_whole(&at).await;
    }
}

#[tokio::test(start_paused = true)]
async fn storage_that_refuses_any_write_costs_no_key() {
    for seamless in [false, true] {
        for write in 1..8 {
            let world = World::with_role(json!({
                "rotation_period": 24 * HOUR, "seamless_rotation": seamless, "rotation_grace_period": 600,
            }))
            .await;
            world.storage.refuse_from(write);
            let outcome = world.rotate().await;
            let created = world.times("CreateAccessKey");
            assert_eq!(
                created == 1,
                write == 1,
                "no key is made where nothing can be written"
            );
            assert_eq!(outcome.is_err(), write < 5, "{write}");
            world.storage.refuse_from(0);
            world.given(&format!("write {write}")).await;
            world.wait(601).await;
            world.tick().await;
            world.tick().await;
            world.assert_whole(&format!("write {write}")).await;
        }
    }
}
