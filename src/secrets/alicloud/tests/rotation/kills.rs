//! The process ends at each call and each write of a rotation, before and after it is carried out.

use super::*;

/// Rotates, and ends the process at the place. `None` when the rotation came to its end before.
pub(super) async fn rotate_until(world: &mut World, place: usize) -> Option<String> {
    world.stop.arm(place);
    let stop = Arc::clone(&world.stop);
    let ended = tokio::select! {
        biased;
        () = stop.stopped.notified() => false,
        answer = world.rotate() => {
            answer.unwrap();
            true
        }
    };
    let at = stop.places.lock().unwrap().last().cloned();
    stop.arm(0);
    world.restart();
    if ended { None } else { at }
}

#[tokio::test(start_paused = true)]
async fn wherever_the_process_ends_the_tick_leaves_exactly_the_key_of_config() {
    let mut places = Vec::new();
    for place in 1.. {
        let mut world = World::new(json!({})).await;
        let Some(at) = rotate_until(&mut world, place).await else {
            break;
        };
        // The key in config works at any time.
        let key = world.config().await["access_key"].clone();
        let is_live = |known: &Key| key == known.id.as_str() && known.active;
        assert!(world.keys.keys.lock().unwrap().iter().any(is_live), "{at}");
        world.wait(601).await;
        world.tick().await;
        world.assert_whole(&at).await;
        // And it can be rotated again.
        let next = world.rotated().await;
        assert_ne!(next, key, "{at}");
        world.assert_whole(&at).await;
        places.push(at);
    }
    // Six calls and a look at the identity before the old key goes; four writes, one of them of two entries.
    for place in [
        "before CreateAccessKey",
        "after CreateAccessKey",
        "after GetCallerIdentity",
        "before put wal/",
        "after put conf",
        "before UpdateAccessKey",
        "after DeleteAccessKey",
        "before delete wal/",
        "after delete wal/",
    ] {
        assert!(places.iter().any(|at| at == place), "{place}: {places:?}");
    }
    assert_eq!(places.len(), 24, "{places:?}");
}

#[tokio::test(start_paused = true)]
async fn wherever_the_process_ends_the_next_rotation_settles_it() {
    for place in 1.. {
        let mut world = World::new(json!({})).await;
        let Some(at) = rotate_until(&mut world, place).await else {
            assert!(place > 20);
            break;
        };
        world.wait(121).await;
        world.rotated().await;
        world.assert_whole(&at).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_process_may_end_again_while_it_is_settled() {
    for place in (1..).step_by(3) {
        let mut world = World::new(json!({})).await;
        let Some(at) = rotate_until(&mut world, place).await else {
            break;
        };
        world.wait(601).await;
        for second in 1..30 {
            world.stop.arm(second);
            let stop = Arc::clone(&world.stop);
            tokio::select! {
                biased;
                () = stop.stopped.notified() => {}
                () = world.tick() => {}
            }
            stop.arm(0);
            world.restart();
            world.wait(601).await;
        }
        world.tick().await;
        world.assert_whole(&at).await;
    }
}

#[tokio::test(start_paused = true)]
async fn storage_that_refuses_any_write_costs_no_key() {
    for write in 1..8 {
        let world = World::new(json!({})).await;
        world.storage.refuse_from(write);
        let outcome = world.rotate().await;
        let created = world.times("CreateAccessKey");
        assert_eq!(
            created == 0,
            write == 1,
            "no key is made where nothing can be written"
        );
        // The last of them deletes the WAL entry, when all is done.
        assert_eq!(outcome.is_err(), write < 5, "{write}");
        world.storage.refuse_from(0);
        world.wait(601).await;
        world.tick().await;
        world.assert_whole(&format!("write {write}")).await;
    }
}
