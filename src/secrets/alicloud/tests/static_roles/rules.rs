//! What a write of a static role takes and refuses, and what becomes of its keys.

use super::kills::until_place;
use super::*;

async fn refusal(world: &World, name: &str, data: Value) -> String {
    let before = world.users.users.lock().unwrap().clone();
    let error = failure(world.create(name, data).await);
    assert!(
        matches!(error.kind(), Kind::BadRequest | Kind::Coded(Status::CONFLICT)),
        "{error:?}"
    );
    assert_eq!(world.entries().await, Vec::<String>::new(), "{error}");
    let after = world.users.users.lock().unwrap().clone();
    assert_eq!(format!("{before:?}"), format!("{after:?}"), "{error}");
    error.message().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_role_has_a_key_at_once_and_tells_it_in_the_types_that_others_read() {
    let world = World::new().await;
    let data = json!({"username": "app", "rotation_period": "24h"});
    let written = answer(world.create("app", data).await).data.unwrap();
    assert_eq!(written, world.role().await);
    let expected = json!({
        "name": "app", "username": "app", "id": "2001", "account_id": "1234567890123456", "credential_type": "access_key",
        "rotation_period": 86400, "rotation_schedule": "", "rotation_window": 0, "disable_automated_rotation": false,
        "seamless_rotation": false, "rotation_grace_period": 300, "access_key": "LTAInew1", "previous_access_key": "",
        "previous_access_key_expiration": "", "next_vault_rotation": "2024-03-01T23:59:59Z",
        "last_vault_rotation": "2024-02-29T23:59:59Z",
    });
    assert_eq!(Value::Object(written), expected);
    world.wait(HOUR).await;
    let expected = json!({
        "access_key": "LTAInew1", "secret_key": "secret-of-LTAInew1", "expiration": "2024-03-01T23:59:59Z",
        "last_vault_rotation": "2024-02-29T23:59:59Z", "ttl": 23 * HOUR, "rotation_period": 86400,
    });
    assert_eq!(Value::Object(world.creds().await), expected);
    world
        .write(
            "static-roles/app",
            json!({"rotation_schedule": "0 0 * * *", "rotation_window": "2h"}),
        )
        .await
        .unwrap();
    let creds = world.creds().await;
    assert_eq!(
        (
            &creds["rotation_schedule"],
            &creds["rotation_window"],
            &creds["expiration"],
            creds.get("rotation_period")
        ),
        (
            &json!("0 0 * * *"),
            &json!(7200),
            &json!("2024-03-02T00:00:00Z"),
            None
        )
    );
    world.assert_whole("in the end").await;
    let names = world.send(Operation::List, "static-roles/", json!({})).await;
    assert_eq!(answer(names).data.unwrap()["keys"], json!(["app"]));
}

#[tokio::test(start_paused = true)]
async fn a_user_has_one_static_role_however_it_is_spelt() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    for username in ["app", "APP", "App"] {
        let text = refusal(
            &world,
            "second",
            json!({"username": username, "rotation_period": HOUR}),
        )
        .await;
        assert!(text.contains("has a static role already: \"app\""), "{text}");
    }
    // Also when it has another name since.
    world.users.change("app", |user| user.name = "renamed".to_owned());
    let text = refusal(
        &world,
        "second",
        json!({"username": "renamed", "rotation_period": HOUR}),
    )
    .await;
    assert!(text.contains("\"app\""), "{text}");
    world.users.change("renamed", |user| user.name = "app".to_owned());
    world.assert_whole("refused").await;
    // And once it is deleted, another can have the user.
    world.delete("app").await.unwrap();
    world
        .create("second", json!({"username": "APP", "rotation_period": HOUR}))
        .await
        .unwrap();
    assert_eq!(
        world.read("static-roles/second").await.data.unwrap()["username"],
        "app"
    );
}

#[tokio::test(start_paused = true)]
async fn two_first_writes_at_the_same_time_make_one_role() {
    let world = World::new().await;
    let data = json!({"username": "app", "rotation_period": HOUR});
    let (one, two) = tokio::join!(world.create("one", data.clone()), world.create("two", data));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(world.keys().len(), 1);
    assert_eq!(world.storage.list("static-role/").await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_user_of_the_mounts_own_key_and_those_of_leases_have_no_static_role() {
    let world = World::new().await;
    for username in ["vault-root", "Vault-Root"] {
        let text = refusal(
            &world,
            "root",
            json!({"username": username, "rotation_period": HOUR}),
        )
        .await;
        assert!(text.contains("is the user of config"), "{text}");
    }
    world.users.change("app", |user| {
        user.comments = format!("Made by Vault: mount {MOUNT_ID}, request 1, for alicloud/creds/x");
    });
    let text = refusal(&world, "app", json!({"username": "app", "rotation_period": HOUR})).await;
    assert!(text.contains("for a lease"), "{text}");
    let text = refusal(
        &world,
        "app",
        json!({"username": "nobody", "rotation_period": HOUR}),
    )
    .await;
    assert!(text.contains("has no RAM user \"nobody\""), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_is_given_a_key_of_the_roles_user_does_not_rotate_it() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    let creds = world.creds().await;
    world
        .write(
            "config",
            json!({"access_key": creds["access_key"], "secret_key": creds["secret_key"]}),
        )
        .await
        .unwrap();
    let error = failure(world.rotate().await);
    assert!(error.message().contains("is the user of config"), "{error}");
    world.assert_whole("refused").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_of_config_is_never_taken_over_although_a_role_is_assumed_with_it() {
    let world = World::new().await;
    let config = |key: &str| {
        json!({"access_key": key, "secret_key": format!("secret-of-{key}"),
               "role_arn": "acs:ram::1234567890123456:role/engine"})
    };
    world.write("config", config("LTAIroot")).await.unwrap();
    let import = json!({"username": "vault-root", "rotation_period": HOUR, "import_access_key": "LTAIroot",
                        "import_secret_key": "secret-of-LTAIroot"});
    let text = refusal(&world, "root", import).await;
    assert!(text.contains("\"LTAIroot\" is the mount's own"), "{text}");
    // A key that a static role has.
    let data = json!({"username": "app", "rotation_period": HOUR});
    world.create("app", data).await.unwrap();
    let key = world.keys().remove(0);
    world.write("config", config(&key)).await.unwrap();
    world.wait(HOUR).await;
    world.tick().await;
    let error = failure(world.rotate().await);
    assert!(error.message().contains("is the mount's own"), "{error}");
    world.assert_whole("refused").await;
    // With a key of its own again, the mount goes on.
    world.write("config", config("LTAIroot")).await.unwrap();
    answer(world.rotate().await);
    world.assert_whole("rotated").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_engine_did_not_make_is_named_and_never_touched() {
    let world = World::new().await;
    world
        .users
        .change("app", |user| user.keys.push(world.users.key("LTAIhand")));
    world.wait(3 * 86400).await;
    let text = refusal(&world, "app", json!({"username": "app", "rotation_period": HOUR})).await;
    for part in [
        "LTAIhand, created 2024-02-29T23:59:59Z, 3 days old",
        "import_access_key",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // One that comes later.
    world.users.change("app", |user| user.keys.clear());
    world
        .create("app", json!({"username": "app", "rotation_period": HOUR}))
        .await
        .unwrap();
    world
        .users
        .change("app", |user| user.keys.push(world.users.key("LTAIlater")));
    let error = failure(world.rotate().await);
    assert!(
        error.message().contains("LTAInew1 (of the static role)"),
        "{error}"
    );
    assert!(error.message().contains("LTAIlater, created"), "{error}");
    assert_eq!(world.keys(), ["LTAInew1", "LTAIlater"]);
    world.given("refused").await;
    // And a deletion of the role leaves it.
    world.delete("app").await.unwrap();
    assert_eq!(world.keys(), ["LTAIlater"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_imported_is_tried_and_rotated_like_any_other() {
    let world = World::new().await;
    world
        .users
        .change("app", |user| user.keys.push(world.users.key("LTAIhand")));
    world.users.add("other", "2002", &["LTAIother"]);
    let data = |id: &str| json!({"username": "app", "rotation_period": HOUR, "import_access_key": id, "import_secret_key": "secret-of-LTAIhand"});
    let text = refusal(&world, "app", data("LTAIother")).await;
    assert!(text.contains("LTAIhand, created"), "{text}");
    for (data, part) in [
        (
            json!({"username": "app", "rotation_period": HOUR, "import_access_key": "LTAIhand"}),
            "must be given together",
        ),
        (
            json!({"username": "app", "rotation_period": HOUR, "import_access_key": "LTAIhand", "import_secret_key": "s",
                   "defer_initial_creds": true}),
            "exclude each other",
        ),
        (
            json!({"username": "other", "rotation_period": HOUR, "import_access_key": "LTAIgone", "import_secret_key": "s"}),
            "LTAIother, created",
        ),
    ] {
        let text = refusal(&world, "app", data).await;
        assert!(text.contains(part), "{text}");
    }
    world.create("app", data("LTAIhand")).await.unwrap();
    assert_eq!(world.times("CreateAccessKey"), 0);
    world.assert_whole("imported").await;
    let creds = world.creds().await;
    assert_eq!(
        (&creds["access_key"], &creds["last_vault_rotation"], &creds["ttl"]),
        (&json!("LTAIhand"), &json!("2024-02-29T23:59:59Z"), &json!(HOUR))
    );
    answer(world.rotate().await);
    world.assert_whole("rotated").await;
    // A file that still has the import is no reason to fail.
    let again = answer(world.write("static-roles/app", data("LTAIhand")).await);
    assert!(again.warnings[0].contains("was not imported"), "{again:?}");
    world.assert_whole("written again").await;
}

#[tokio::test(start_paused = true)]
async fn an_import_that_is_not_the_users_key_is_refused() {
    let world = World::new().await;
    let data = json!({"username": "app", "rotation_period": HOUR, "import_access_key": "LTAIgone", "import_secret_key": "s"});
    let text = refusal(&world, "app", data.clone()).await;
    assert!(text.contains("is no key of user \"app\""), "{text}");
    world.users.change("app", |user| {
        user.keys.push(Key {
            active: false,
            ..world.users.key("LTAIgone")
        });
    });
    let text = refusal(&world, "app", data).await;
    assert!(text.contains("does not work with import_secret_key"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn deferred_credentials_are_made_by_the_first_rotation_or_imported_later() {
    let world = World::with_role(json!({"rotation_period": HOUR, "defer_initial_creds": true})).await;
    assert_eq!(world.times("CreateAccessKey"), 0);
    let error = failure(
        world
            .handle(Request::new(Operation::Read, "static-creds/app"))
            .await,
    );
    assert_eq!(error.kind(), Kind::Coded(Status::NOT_FOUND));
    assert!(error.message().contains("rotate-role/app"), "{error}");
    world.wait(HOUR).await;
    world.tick().await;
    world.assert_whole("first rotation").await;

    let world = World::with_role(json!({"rotation_period": HOUR, "defer_initial_creds": true})).await;
    answer(world.rotate().await);
    world.assert_whole("by request").await;

    let world = World::with_role(json!({"rotation_period": HOUR, "defer_initial_creds": true})).await;
    world
        .users
        .change("app", |user| user.keys.push(world.users.key("LTAIhand")));
    let import = json!({"import_access_key": "LTAIhand", "import_secret_key": "secret-of-LTAIhand"});
    world.write("static-roles/app", import).await.unwrap();
    world.assert_whole("imported").await;
}

#[tokio::test(start_paused = true)]
async fn a_first_write_that_fails_leaves_nothing_and_says_why() {
    let world = World::new().await;
    let data = json!({"username": "app", "rotation_period": HOUR});
    for action in ["GetUser", "ListAccessKeys", "CreateAccessKey"] {
        world.users.denied.lock().unwrap().push(action);
        let error = failure(world.create("app", data.clone()).await);
        assert_eq!(error.kind(), Kind::Coded(Status::FORBIDDEN));
        assert!(error.message().contains(&format!("ram:{action}")), "{error}");
        world.users.denied.lock().unwrap().clear();
    }
    world.users.lag.store(1000, Ordering::SeqCst);
    let error = failure(world.create("app", data.clone()).await);
    assert_eq!(error.kind(), Kind::Coded(Status::UNAVAILABLE));
    assert!(error.message().contains("does not work yet"), "{error}");
    world.users.lag.store(0, Ordering::SeqCst);
    assert_eq!((world.keys(), world.entries().await), (vec![], vec![]));
    assert_eq!(world.storage.list("static-").await.unwrap(), Vec::<String>::new());
    // Nor is anything rotated for it later.
    world.wait(2 * HOUR).await;
    world.tick().await;
    assert_eq!(world.keys(), Vec::<String>::new());
    world.create("app", data).await.unwrap();
    world.assert_whole("written").await;
}

#[tokio::test(start_paused = true)]
async fn a_first_key_whose_answer_was_lost_is_found_and_deleted() {
    let world = World::new().await;
    let data = json!({"username": "app", "rotation_period": HOUR});
    world.users.lost.lock().unwrap().push("CreateAccessKey");
    failure(world.create("app", data.clone()).await);
    assert_eq!((world.keys(), world.entries().await), (vec![], vec![]));
    world.users.lost.lock().unwrap().clear();
    // By the next process, under whatever name it is tried again.
    let world = with_a_lost_first_key().await;
    world.create("other", data).await.unwrap();
    assert_eq!(world.keys(), ["LTAInew2"]);
    world.wait(601).await;
    world.tick().await;
    assert_eq!(
        (world.keys(), world.entries().await),
        (vec!["LTAInew2".to_owned()], vec![])
    );
}

/// A world in which the process ended when the first key of a role was made, before it had the answer.
async fn with_a_lost_first_key() -> World {
    let data = json!({"username": "app", "rotation_period": HOUR});
    let world = World::new().await;
    world.stop.arm(0);
    world.create("app", data.clone()).await.unwrap();
    let places = world.stop.places.lock().unwrap().clone();
    let place = places.iter().position(|place| place == "after CreateAccessKey");
    let mut world = World::new().await;
    until_place(
        &mut world,
        place.unwrap() + 1,
        "static-roles/app",
        Operation::Create,
        data,
    )
    .await
    .unwrap();
    assert_eq!(
        (world.keys(), world.entries().await.len()),
        (vec!["LTAInew1".to_owned()], 1)
    );
    world
}

#[tokio::test(start_paused = true)]
async fn of_two_keys_that_appeared_none_is_taken_for_ours_and_both_are_named() {
    let world = with_a_lost_first_key().await;
    world.wait(30).await;
    world
        .users
        .change("app", |user| user.keys.push(world.users.key("LTAIhand")));
    world.wait(601).await;
    world.tick().await;
    assert_eq!(world.keys(), ["LTAInew1", "LTAIhand"]);
    assert_eq!(world.entries().await, Vec::<String>::new());
    let text = refusal(&world, "app", json!({"username": "app", "rotation_period": HOUR})).await;
    assert!(
        text.contains("LTAInew1, created") && text.contains("LTAIhand, created"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_user_that_was_made_anew_is_another_one() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    world.users.remove("app");
    world.users.add("app", "2099", &["LTAItheirs"]);
    for (operation, path) in [
        (Operation::Update, "rotate-role/app"),
        (Operation::Update, "static-roles/app"),
    ] {
        let error = failure(world.send(operation, path, json!({"username": "app"})).await);
        assert_eq!(error.kind(), Kind::Coded(Status::CONFLICT), "{path}");
        assert!(
            error.message().contains("its id is 2099, and was 2001"),
            "{error}"
        );
    }
    world.wait(HOUR).await;
    world.tick().await;
    assert!(world.read("static-roles/app").await.warnings[0].contains("2099"));
    // The deletion of the role is no deletion of their keys.
    world.delete("app").await.unwrap();
    assert_eq!(world.keys(), ["LTAItheirs"]);
}

#[tokio::test(start_paused = true)]
async fn a_user_with_another_name_is_still_the_same() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    world.users.add("other", "2002", &[]);
    let other = failure(
        world
            .write("static-roles/app", json!({"username": "other"}))
            .await,
    );
    assert!(other.message().contains("\"other\" is another user"), "{other}");
    world.users.change("app", |user| user.name = "renamed".to_owned());
    let gone = failure(world.rotate().await);
    assert!(
        gone.message().contains("has no RAM user \"app\" (any more)"),
        "{gone}"
    );
    world
        .write("static-roles/app", json!({"username": "renamed"}))
        .await
        .unwrap();
    answer(world.rotate().await);
    let key = world.given("renamed").await;
    assert_eq!(world.users.keys("renamed"), [key]);
    // A deletion finds it by its key.
    world
        .users
        .change("renamed", |user| user.name = "again".to_owned());
    world.delete("app").await.unwrap();
    assert_eq!(world.users.keys("again"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_takes_the_keys_with_it_or_fails() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    world.users.denied.lock().unwrap().push("DeleteAccessKey");
    let error = failure(world.delete("app").await);
    assert!(error.message().contains("ram:DeleteAccessKey"), "{error}");
    assert_eq!(world.role().await["access_key"], "LTAInew1");
    world.users.denied.lock().unwrap().clear();
    world.delete("app").await.unwrap();
    assert_eq!(world.keys(), Vec::<String>::new());
    assert!(
        world
            .handle(Request::new(Operation::Read, "static-creds/app"))
            .await
            .unwrap()
            .is_none()
    );
    let error = failure(world.rotate().await);
    assert_eq!(error.kind(), Kind::Coded(Status::NOT_FOUND));
    // Nothing of it acts on a role of the same name.
    world
        .create("app", json!({"username": "app", "rotation_period": 10 * HOUR}))
        .await
        .unwrap();
    for _ in 0..4 {
        world.wait(2 * HOUR).await;
        world.tick().await;
    }
    assert_eq!(world.creds().await["access_key"], "LTAInew2");
    // A user that is gone is no reason to keep the role.
    world.users.remove("app");
    world.delete("app").await.unwrap();
    world.delete("app").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reads_go_on_while_a_rotation_hangs() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    world.stop.arm(9);
    let hanging = world.rotate();
    tokio::pin!(hanging);
    tokio::select! {
        biased;
        _ = &mut hanging => panic!("it should hang"),
        () = world.stop.stopped.notified() => {}
    }
    assert!(world.stop.places.lock().unwrap().last().unwrap().contains("Key"));
    assert_eq!(world.creds().await["access_key"], "LTAInew1");
    assert_eq!(world.role().await["access_key"], "LTAInew1");
    // And it ends: calls and requests have deadlines.
    failure(hanging.await);
}

#[tokio::test(start_paused = true)]
async fn the_secret_is_in_nothing_but_the_credentials() {
    let world = World::with_role(json!({"rotation_period": HOUR})).await;
    let written = answer(
        world
            .write("static-roles/app", json!({"rotation_period": 2 * HOUR}))
            .await,
    );
    for response in [
        world.read("static-roles/app").await,
        answer(world.rotate().await),
        written,
    ] {
        // `Debug` of an answer would hide it.
        let data = Value::Object(response.data.unwrap()).to_string();
        assert!(data.contains("LTAInew") && !data.contains("secret-of"), "{data}");
    }
}
