//! go-plugin's own services, the broker, and many mounts in one process.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::sleep;
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use vault_plugin_alicloud::{
    protocol::goplugin::{ConnInfo, conn_info::Knock},
    protocol::vault::pb,
};

use crate::host::{Announce, Fault, Host, Kind, with_id};

#[tokio::test]
async fn the_stdio_stream_stays_open_until_the_end() {
    let host = Host::start().await;
    host.mount(Kind::Secrets).await;
    sleep(Duration::from_millis(500)).await;
    assert!(host.stdio_is_open());
    host.shutdown().await;
}

#[tokio::test]
async fn the_plugin_is_healthy() {
    let host = Host::start().await;
    let mut client = HealthClient::new(host.channel.clone());
    for service in ["plugin", ""] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        assert_eq!(
            client.check(request).await.unwrap().into_inner().status,
            1,
            "{service:?} is SERVING"
        );
    }
    let request = HealthCheckRequest {
        service: "other".to_owned(),
    };
    assert_eq!(client.check(request).await.unwrap_err().code(), Code::NotFound);
    host.shutdown().await;
}

#[tokio::test]
async fn setup_may_come_before_the_announcement_and_after_it() {
    let host = Host::start().await;
    for announce in [
        Announce::Before,
        Announce::After(Duration::from_secs(2)),
        Announce::After(Duration::ZERO),
    ] {
        let mount = host.mounting(Kind::Secrets).announce(announce).setup().await;
        mount
            .unwrap_or_else(|error| panic!("{announce:?}: {error}"))
            .read("config")
            .await
            .expect(404);
    }
    host.shutdown().await;
}

#[tokio::test]
async fn without_an_announcement_setup_fails_after_five_seconds_and_says_why() {
    let host = Host::start().await;
    let start = Instant::now();
    let error = host
        .mounting(Kind::Secrets)
        .announce(Announce::Never)
        .setup()
        .await
        .map(|_| ())
        .unwrap_err();
    let waited = start.elapsed();
    assert!(error.contains("timeout waiting for connection info"), "{error}");
    assert!(
        waited >= Duration::from_secs(5) && waited < Duration::from_secs(8),
        "{waited:?}"
    );
    // The process is none the worse for it.
    host.mount(Kind::Secrets).await.read("config").await.expect(404);
    host.shutdown().await;
}

#[tokio::test]
async fn an_address_where_nobody_listens_fails_setup_at_once() {
    let host = Host::start().await;
    let start = Instant::now();
    let id = host.broker.next_id();
    let address = host
        .process
        .dir
        .path()
        .join("nobody")
        .to_str()
        .unwrap()
        .to_owned();
    let info = ConnInfo {
        service_id: id,
        network: "unix".to_owned(),
        address,
        knock: None,
    };
    host.broker.send(info).await;
    let setup = pb::SetupArgs {
        broker_id: id,
        ..pb::SetupArgs::default()
    };
    let reply = host
        .client()
        .setup(with_id("x", setup))
        .await
        .unwrap()
        .into_inner();
    assert!(reply.err.contains("No such file"), "{}", reply.err);
    assert!(start.elapsed() < Duration::from_secs(3));
    host.shutdown().await;
}

#[tokio::test]
async fn a_knock_of_the_host_is_answered_with_a_refusal() {
    let host = Host::start().await;
    let knock = Some(Knock {
        knock: true,
        ack: false,
        error: String::new(),
    });
    host.broker
        .send(ConnInfo {
            service_id: 77,
            knock,
            ..ConnInfo::default()
        })
        .await;
    let answer = host.broker.unexpected().await;
    let knock = answer.knock.unwrap();
    assert!(
        answer.service_id == 77 && knock.ack && !knock.error.is_empty(),
        "{knock:?}"
    );
    host.shutdown().await;
}

#[tokio::test]
async fn mounts_of_one_process_do_not_see_each_other() {
    let host = Host::start().await;
    let one = host.mount(Kind::Secrets).await;
    let two = host.mount(Kind::Secrets).await;
    one.write("config", json!({"access_key": "one", "secret_key": "s"}))
        .await
        .ok();
    two.read("config").await.expect(404);
    two.write("config", json!({"access_key": "two", "secret_key": "s"}))
        .await
        .ok();
    assert_eq!(one.read("config").await.expect(200).data["access_key"], "one");
    assert_eq!(two.read("config").await.expect(200).data["access_key"], "two");

    one.cleanup().await;
    one.cleanup().await;
    let status = one
        .raw(one.request("read", "config", &json!(null)))
        .await
        .map(|_| ())
        .unwrap_err();
    assert_ne!(status.code(), Code::Unimplemented, "{status:?}");
    assert_eq!(two.read("config").await.expect(200).data["access_key"], "two");
    host.shutdown().await;
}

#[tokio::test]
async fn setup_with_a_known_id_replaces_the_mount() {
    let host = Host::start().await;
    let old = host.mount(Kind::Secrets).await;
    old.write("config", json!({"access_key": "old", "secret_key": "s"}))
        .await
        .ok();
    let new = host.mounting(Kind::Secrets).id(&old.id).mount().await;
    new.read("config").await.expect(404);
    host.shutdown().await;
}

#[tokio::test]
async fn calls_without_a_proper_id_are_errors() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    let arguments = || pb::HandleRequestArgs {
        storage_id: 0,
        request: Some(Box::new(mount.request("read", "config", &json!(null)))),
    };
    let mut twice = with_id(&mount.id, arguments());
    twice
        .metadata_mut()
        .append("multiplex_id", "other".parse().unwrap());
    let requests = [
        Request::new(arguments()),
        with_id("", arguments()),
        with_id("unknown", arguments()),
        twice,
    ];
    for request in requests {
        let metadata = request.metadata().clone();
        let reply = host.client().handle_request(request).await;
        assert!(reply.is_err(), "{metadata:?}");
    }
    host.client()
        .cleanup(with_id("unknown", pb::Empty {}))
        .await
        .expect("there is nothing to clean up");
    mount.read("config").await.expect(404);
    host.shutdown().await;
}

#[tokio::test]
async fn large_messages_pass() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    // A large request: an unknown field is ignored, with a warning at most.
    let unknown = "x".repeat(1000 << 10);
    mount
        .write(
            "config",
            json!({"access_key": "a", "secret_key": "b", "unknown": unknown}),
        )
        .await
        .ok();
    let large = "x".repeat(20 << 20);
    // A large entry in the storage, and a large response.
    let policy = json!({"hash": "0", "policy_document": {"Statement": large}});
    let role =
        json!({"role_arn": "", "remote_policies": null, "inline_policies": [policy], "ttl": 0, "max_ttl": 0});
    mount.storage.put_json("role/large", &role);
    let read = mount.read("role/large").await.expect(200).data.to_string();
    assert!(read.len() > 20 << 20, "{} bytes came back", read.len());
    host.shutdown().await;
}

#[tokio::test]
async fn a_broken_brokered_connection_is_made_again() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    mount
        .write("config", json!({"access_key": "a", "secret_key": "b"}))
        .await
        .ok();
    for _ in 0..3 {
        host.broker.break_connections();
        // The plugin notices in its own time.
        sleep(Duration::from_millis(200)).await;
        mount.read("config").await.expect(200);
    }
    host.shutdown().await;
}

#[tokio::test]
async fn a_storage_that_is_gone_is_an_error_and_soon() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    host.broker.close();
    host.broker.break_connections();
    sleep(Duration::from_millis(200)).await;
    let start = Instant::now();
    let reply = mount.raw(mount.request("read", "config", &json!(null))).await;
    assert!(
        !matches!(reply, Ok(reply) if reply.err.is_none()),
        "an error of either kind"
    );
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    host.shutdown().await;
}

#[tokio::test]
async fn a_host_that_hangs_up_after_tls_is_an_error_and_soon() {
    for builder in [Host::builder(), Host::builder().multiplexed()] {
        let host = builder.start().await;
        let mount = host.mount(Kind::Secrets).await;
        host.broker.hang_up();
        let start = Instant::now();
        let error = host
            .mounting(Kind::Secrets)
            .setup()
            .await
            .map(|_| ())
            .unwrap_err();
        assert!(
            error.contains("hung up") || error.contains("close_notify") || error.contains("eof"),
            "{error}"
        );
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());

        host.broker.break_connections();
        sleep(Duration::from_millis(200)).await;
        drop(mount.raw(mount.request("read", "config", &json!(null))).await);
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
        host.shutdown().await;
    }
}

#[tokio::test]
async fn many_mounts_work_at_once() {
    let host = Host::start().await;
    let mounts = futures_util::future::join_all((0..10).map(|_| host.mount(Kind::Secrets))).await;
    let requests = mounts.iter().enumerate().map(|(number, mount)| async move {
        let name = format!("key{number}");
        mount
            .write("config", json!({"access_key": name, "secret_key": "s"}))
            .await
            .ok();
        assert_eq!(
            mount.read("config").await.expect(200).data["access_key"],
            name.as_str()
        );
    });
    futures_util::future::join_all(requests).await;
    mounts[0].storage.fail(Fault::Text("only here".to_owned()));
    mounts[0].read("config").await.expect(500);
    mounts[1].read("config").await.expect(200);
    host.shutdown().await;
}
