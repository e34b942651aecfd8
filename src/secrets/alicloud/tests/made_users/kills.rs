//! The process ends at each call and each write of an issue, of its undoing and of a revocation, before and after it is
//! carried out: of access keys and of API keys, with policies, groups and tags.

use super::*;

/// A kind of credentials, and a role that has it.
type Kind = (&'static str, fn() -> Value);

const KINDS: [Kind; 2] = [("access_key", access_keys), ("service_credential", api_keys)];

/// Does something, and ends the process at the place. `None` when it came to its end before.
async fn until_place<F>(world: &mut World, place: usize, begin: impl FnOnce(World) -> F) -> Option<String>
where
    F: Future<Output = HandlerResult>,
{
    let stop = Arc::clone(&world.account.stop);
    stop.arm(place);
    let same = World {
        backend: backend(world.script.client(), no_sources(&world.script), MOUNT_ID),
        script: world.script.clone(),
        account: Arc::clone(&world.account),
        storage: Arc::clone(&world.storage),
    };
    let ended = tokio::select! {
        biased;
        () = stop.stopped.notified() => false,
        _ = begin(same) => true,
    };
    let at = stop.places.lock().unwrap().get(place - 1).cloned();
    stop.arm(0);
    world.restart();
    if ended { None } else { at }
}

/// Time enough for a WAL entry to be undone, and for a lease record to be over.
async fn recover(world: &World) {
    for _ in 0..20 {
        world.wait(1200).await;
        world.tick().await;
    }
}

fn assert_has(places: &[String], expected: &[&str]) {
    for place in expected {
        assert!(places.iter().any(|at| at == place), "{place}: {places:?}");
    }
}

/// The calls of an issue, by the kind of credentials.
fn issuing(kind: &str) -> Vec<&'static str> {
    let mut calls = vec![
        "CreateUser",
        "CreatePolicy",
        "AttachPolicyToUser",
        "AddUserToGroup",
        "TagResources",
    ];
    calls.extend(match kind {
        "access_key" => vec!["GetUser", "CreateAccessKey", "SetAccessKeyPolicy"],
        _ => vec!["GetUser", "CreateServiceCredential"],
    });
    calls
}

#[tokio::test(start_paused = true)]
async fn wherever_an_issue_is_ended_the_tick_leaves_nothing() {
    for (kind, role) in KINDS {
        let mut places = Vec::new();
        for place in 1.. {
            let mut world = World::new(role()).await;
            let ended = until_place(&mut world, place, |world| async move { world.creds().await });
            let Some(at) = ended.await else {
                break;
            };
            recover(&world).await;
            world.assert_nothing_is_left(&format!("{kind}: {at}")).await;
            places.push(at);
        }
        for action in issuing(kind) {
            assert_has(
                &places,
                &[&format!("before {action}"), &format!("after {action}")],
            );
        }
        assert_has(
            &places,
            &[
                "before put wal/",
                "after put wal/",
                "before put issu",
                "after delete wal/",
            ],
        );
        // Two policies of its own, one that is there, two groups.
        assert!(places.len() >= 30, "{kind}: {places:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_the_undoing_of_an_issue_is_ended_the_tick_leaves_nothing() {
    for (kind, role, refused) in [
        ("access_key", access_keys as fn() -> Value, "AttachPolicyToUser"),
        ("access_key", access_keys, "GetUser"),
        ("access_key", access_keys, "CreateAccessKey"),
        ("access_key", access_keys, "SetAccessKeyPolicy"),
        ("service_credential", api_keys, "AddUserToGroup"),
        ("service_credential", api_keys, "CreateServiceCredential"),
    ] {
        let mut places = Vec::new();
        for place in 1.. {
            let mut world = World::new(role()).await;
            world.account.denied.lock().unwrap().push(refused);
            let ended = until_place(&mut world, place, |world| async move { world.creds().await });
            let Some(at) = ended.await else {
                world.assert_nothing_is_left(kind).await;
                break;
            };
            recover(&world).await;
            world.assert_nothing_is_left(&format!("{kind}: {at}")).await;
            places.push(at);
        }
        assert_has(
            &places,
            &[
                "before RemoveUserFromGroup",
                "after DeleteUser",
                "after DeletePolicy",
            ],
        );
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_a_revocation_is_ended_the_next_one_finishes_it() {
    for (kind, role) in KINDS {
        let mut places = Vec::new();
        for place in 1.. {
            let mut world = World::new(role()).await;
            let secret = answer(world.creds().await).secret.unwrap();
            let own = secret.clone();
            let ended = until_place(&mut world, place, |world| async move {
                world.end_lease(Operation::Revoke, own).await
            });
            let Some(at) = ended.await else {
                world.assert_nothing_is_left(kind).await;
                break;
            };
            world.end_lease(Operation::Revoke, secret).await.unwrap();
            world.assert_nothing_is_left(&format!("{kind}: {at}")).await;
            places.push(at);
        }
        let of_keys = match kind {
            "access_key" => vec!["before DeleteAccessKey", "after DeleteAccessKey"],
            _ => vec![
                "before ListServiceCredentials",
                "before UpdateServiceCredential",
                "after UpdateServiceCredential",
                "before DeleteServiceCredential",
                "after DeleteServiceCredential",
            ],
        };
        assert_has(&places, &of_keys);
        assert_has(
            &places,
            &[
                "after DetachPolicyFromUser",
                "after RemoveUserFromGroup",
                "before delete issu",
            ],
        );
    }
}

/// The server has lost the lease, as when it dies with the plugin before it stores it.
#[tokio::test(start_paused = true)]
async fn wherever_the_end_of_a_lost_lease_is_ended_later_ticks_finish_it() {
    for (kind, role) in KINDS {
        let mut places = 0;
        for place in 1.. {
            let mut world = World::new(role()).await;
            answer(world.creds().await);
            world.wait(4 * HOUR).await;
            let ended = until_place(&mut world, place, |world| async move {
                world.tick().await;
                Ok(None)
            });
            let Some(at) = ended.await else {
                break;
            };
            recover(&world).await;
            world.assert_nothing_is_left(&format!("{kind}: {at}")).await;
            places += 1;
        }
        assert!(places > 20, "{places}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_costs_nothing_that_stays() {
    for (kind, role) in KINDS {
        for action in issuing(kind) {
            let world = World::new(role()).await;
            world.account.lost.lock().unwrap().push(action);
            let response = answer(world.creds().await);
            assert!(world.account.lost.lock().unwrap().is_empty(), "{action}");
            // The key that is given out is the only one.
            let (user, data) = (world.user(), response.data.unwrap());
            let ids: Vec<_> = user
                .keys
                .iter()
                .chain(user.api_keys.iter().map(|key| &key.id))
                .collect();
            let given = data.get("access_key").or(data.get("service_credential_id"));
            assert_eq!(ids, [given.unwrap().as_str().unwrap()], "{action}");
            world
                .end_lease(Operation::Revoke, response.secret.unwrap())
                .await
                .unwrap();
            world.assert_nothing_is_left(&format!("{kind}: {action}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn storage_that_refuses_any_write_costs_nothing_that_stays() {
    for (kind, role) in KINDS {
        for write in 1.. {
            let world = World::new(role()).await;
            world.storage.refuse_from(write);
            let outcome = world.creds().await;
            world.storage.refuse_from(0);
            if outcome.is_ok() {
                // The account, the entry of the log, the record, and the deletion of the entry.
                assert_eq!(write, 5, "{kind}");
                break;
            }
            recover(&world).await;
            world.assert_nothing_is_left(&format!("{kind} {write}")).await;
        }
    }
}
