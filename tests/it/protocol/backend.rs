//! The backend service, as far as it needs no cloud.

use serde_json::{Value, json};
use tonic::Code;

use crate::host::{Fault, Host, Kind};

const ROLE: &str =
    r#"[{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}]}]"#;

#[tokio::test]
async fn registration_needs_neither_configuration_nor_storage() {
    let host = Host::start().await;
    let mount = host.mounting(Kind::Secrets).registration().setup().await.unwrap();
    let version = mount.version().await;
    let parts: Vec<&str> = version
        .strip_prefix('v')
        .expect("a leading v")
        .split('.')
        .collect();
    assert!(parts.len() == 3 && parts[0].parse::<u32>().is_ok(), "{version}");
    assert_eq!(mount.storage.calls(), (0, 0), "Setup uses no storage");
    host.shutdown().await;
}

#[tokio::test]
async fn the_configuration_decides_what_a_mount_is() {
    let host = Host::start().await;
    // Checked against `Type` at each mount.
    host.mount(Kind::Secrets).await;
    host.mount(Kind::Auth).await;
    host.mounting(Kind::Auth)
        .config("unknown", "ignored")
        .mount()
        .await;
    host.shutdown().await;
}

#[tokio::test]
async fn unknown_operations_and_paths_have_errors_of_their_own() {
    let host = Host::start().await;
    for kind in [Kind::Secrets, Kind::Auth] {
        let mount = host.mount(kind).await;
        for path in ["config", "login", "", "no/such/path"] {
            let reply = mount.send(mount.request("x-unknown", path, &Value::Null)).await;
            assert!(
                matches!(reply.error_type, Some(5 | 6)),
                "{kind:?} {path:?}: {reply:?}"
            );
        }
        let reply = mount
            .send(mount.request("read", "no/such/path", &Value::Null))
            .await;
        assert_eq!(reply.error_type, Some(6), "{reply:?}");
    }
    let mount = host.mount(Kind::Secrets).await;
    let reply = mount
        .send(mount.request("x-unknown", "config", &Value::Null))
        .await;
    assert_eq!(reply.error_type, Some(5), "{reply:?}");
    host.shutdown().await;
}

#[tokio::test]
async fn resolve_path_is_answered_without_storage() {
    let host = Host::start().await;
    for kind in [Kind::Secrets, Kind::Auth] {
        let mount = host.mount(kind).await;
        mount.storage.fail(Fault::Text("not now".to_owned()));
        let before = mount.storage.calls();
        for path in [
            "",
            "config",
            "role/Some-Name",
            "creds/x",
            "login",
            "no/such/path",
            "\u{0}",
            "../../x",
        ] {
            let reply = mount
                .send(mount.request("resolve-path", path, &Value::Null))
                .await;
            let resolved =
                reply.status == 200 && (reply.data["path"].is_string() || reply.data["path"].is_null());
            assert!(
                resolved || matches!(reply.error_type, Some(5 | 6)),
                "{kind:?} {path:?}: {reply:?}"
            );
        }
        assert_eq!(mount.storage.calls(), before, "storage was asked");
    }
    host.shutdown().await;
}

#[tokio::test]
async fn rollback_on_the_empty_path_succeeds() {
    let host = Host::start().await;
    for kind in [Kind::Secrets, Kind::Auth] {
        let mount = host.mount(kind).await;
        mount.rollback().await.ok();
        mount.rollback_now().await.ok();
    }
    host.shutdown().await;
}

#[tokio::test]
async fn configuration_is_written_read_and_deleted() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    mount.read("config").await.expect(404);
    mount
        .write(
            "config",
            json!({"access_key": "LTAI-shown", "secret_key": "never-shown"}),
        )
        .await
        .ok();
    let read = mount.read("config").await.expect(200);
    assert_eq!(read.data["access_key"], "LTAI-shown");
    assert!(!read.data.to_string().contains("never-shown"));
    assert_eq!(mount.storage.json("config").unwrap()["secret_key"], "never-shown");
    mount.delete("config").await.expect(204);
    mount.delete("config").await.expect(204);
    mount.read("config").await.expect(404);
    assert_eq!(mount.storage.keys(), Vec::<String>::new());
    host.shutdown().await;
}

#[tokio::test]
async fn roles_are_written_listed_read_and_deleted() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    mount.list("role").await.expect(404);
    for name in ["b", "a"] {
        mount
            .write(
                &format!("role/{name}"),
                json!({"inline_policies": ROLE, "ttl": "1h"}),
            )
            .await
            .ok();
    }
    assert_eq!(
        mount.list("role").await.expect(200).data["keys"],
        json!(["a", "b"])
    );
    mount.read("role/a").await.expect(200);
    mount.delete("role/a").await.expect(204);
    mount.delete("role/a").await.expect(204);
    mount.read("role/a").await.expect(404);
    assert_eq!(mount.list("role").await.expect(200).data["keys"], json!(["b"]));
    host.shutdown().await;
}

#[tokio::test]
async fn values_that_do_not_fit_are_answered_with_400() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    let reply = mount
        .write("role/x", json!({"inline_policies": ROLE, "ttl": "soon"}))
        .await
        .expect(400);
    assert!(reply.text().contains("ttl"), "{reply:?}");
    assert_eq!(mount.storage.keys(), Vec::<String>::new());
    host.shutdown().await;
}

#[tokio::test]
async fn errors_of_the_storage_come_through_word_for_word() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    let text = "disk <on> fire & \"burning\"";
    for fault in [
        Fault::Text(text.to_owned()),
        Fault::Grpc(Code::Unavailable, text.to_owned()),
    ] {
        mount.storage.fail(fault);
        for reply in [
            mount.read("config").await,
            mount.list("role").await,
            mount
                .write("config", json!({"access_key": "a", "secret_key": "b"}))
                .await,
        ] {
            assert!(reply.clone().expect(500).text().contains(text), "{reply:?}");
        }
    }
    mount.storage.fail(Fault::None);
    mount.read("config").await.expect(404);
    host.shutdown().await;
}

/// OpenBao forwards a request to the active node when it finds this text in the error.
#[tokio::test]
async fn a_write_on_a_standby_says_the_words_that_get_it_forwarded() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    mount.storage.fail(Fault::ReadOnly);
    mount.system.set(|view| view.replication_state = 1 << 14);
    let writes = [
        mount
            .write("config", json!({"access_key": "a", "secret_key": "b"}))
            .await,
        mount.write("role/x", json!({"inline_policies": ROLE})).await,
    ];
    for reply in writes {
        assert!(
            reply.text().contains("cannot write to readonly storage"),
            "{reply:?}"
        );
    }
    host.shutdown().await;
}

#[tokio::test]
async fn keys_that_changed_elsewhere_are_read_again() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    mount
        .write("config", json!({"access_key": "old", "secret_key": "b"}))
        .await
        .ok();
    mount.read("config").await.expect(200);
    let mut entry = mount.storage.json("config").unwrap();
    entry["access_key"] = json!("new");
    mount.storage.put_json("config", &entry);
    mount.invalidate("config").await;
    mount.invalidate("no/such/key").await;
    assert_eq!(mount.read("config").await.expect(200).data["access_key"], "new");
    host.shutdown().await;
}

#[tokio::test]
async fn help_is_there_for_the_mount_and_its_paths() {
    let host = Host::start().await;
    for (kind, paths) in [
        (Kind::Secrets, ["", "config", "role/x", "creds/x"]),
        (Kind::Auth, ["", "login", "role/x", "role"]),
    ] {
        let mount = host.mount(kind).await;
        for path in paths {
            let reply = mount.help(path).await;
            assert_eq!(reply.status, 200, "{kind:?} {path:?}: {reply:?}");
            let help = reply.data;
            assert!(
                help["help"].is_string() && help["openapi"].is_object(),
                "{kind:?} {path:?}: {help}"
            );
        }
    }
    host.shutdown().await;
}

#[tokio::test]
async fn bodies_of_any_shape_do_no_harm() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    for data in [
        "",
        "null",
        "{}",
        "[]",
        "{",
        "\"x\"",
        "{\"access_key\":{\"a\":[1e400]}}",
        "{\"secret_key\":null}",
    ] {
        let request = vault_plugin_alicloud::protocol::vault::pb::Request {
            data: data.to_owned(),
            ..mount.request("update", "config", &Value::Null)
        };
        let reply = mount.send(request).await;
        assert!(reply.status < 600, "{data}: {reply:?}");
    }
    mount.rollback().await.ok();
    host.shutdown().await;
}

/// That each line on stderr is a record is checked at each end.
#[tokio::test]
async fn no_secret_is_logged() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    let secret = "TopSecretValue";
    mount
        .write("config", json!({"access_key": "a", "secret_key": secret}))
        .await
        .ok();
    mount
        .write(
            "config",
            json!({"access_key": "a", "secret_key": secret, "bad": {"x": secret}}),
        )
        .await;
    mount.storage.fail(Fault::Text("broken".to_owned()));
    mount
        .write("config", json!({"access_key": "a", "secret_key": secret}))
        .await
        .expect(500);
    let log = host.process.log.clone();
    host.shutdown().await;
    assert!(!log.text().contains(secret), "{}", log.text());
}
