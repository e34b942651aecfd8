//! The multiplexed form of the broker: one socket, knocks in place of addresses.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::host::{Announce, Host, Kind, identity::TLS_1_2};

#[tokio::test]
async fn everything_goes_through_one_socket() {
    let host = Host::builder().vault().multiplexed().start().await;
    let mounts = [host.mount(Kind::Secrets).await, host.mount(Kind::Secrets).await];
    for (mount, key) in mounts.iter().zip(["one", "two"]) {
        mount
            .write("config", json!({"access_key": key, "secret_key": "s"}))
            .await
            .ok();
    }
    for (mount, key) in mounts.iter().zip(["one", "two"]) {
        assert_eq!(mount.read("config").await.expect(200).data["access_key"], key);
    }
    assert!(host.stdio_is_open());
    assert_eq!(host.broker.refusals(), Vec::<String>::new());
    host.shutdown().await;
}

#[tokio::test]
async fn tls_1_2_works_within_it() {
    let host = Host::builder().multiplexed().tls(TLS_1_2).start().await;
    host.mount(Kind::Secrets).await.read("config").await.expect(404);
    host.shutdown().await;
}

#[tokio::test]
async fn a_knock_that_comes_too_early_is_repeated() {
    let host = Host::builder().multiplexed().start().await;
    let announce = Announce::After(Duration::from_millis(700));
    let mount = host
        .mounting(Kind::Secrets)
        .announce(announce)
        .setup()
        .await
        .unwrap();
    mount.read("config").await.expect(404);
    host.shutdown().await;
}

#[tokio::test]
async fn an_id_that_the_host_does_not_know_fails_after_five_seconds() {
    let host = Host::builder().multiplexed().start().await;
    let start = Instant::now();
    let failing = host.mounting(Kind::Secrets).announce(Announce::Never).setup();
    // Others are let through meanwhile.
    let other = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        host.mount(Kind::Secrets).await.read("config").await.expect(404);
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    };
    let (failed, ()) = tokio::join!(failing, other);
    let error = failed.map(|_| ()).unwrap_err();
    assert!(error.contains("no listener"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    host.shutdown().await;
}

#[tokio::test]
async fn mounts_set_up_at_once_get_their_own_storage() {
    let host = Host::builder().multiplexed().start().await;
    let mounts = futures_util::future::join_all((0..8).map(|_| host.mount(Kind::Secrets))).await;
    for (number, mount) in mounts.iter().enumerate() {
        mount
            .write(
                "config",
                json!({"access_key": number.to_string(), "secret_key": "s"}),
            )
            .await
            .ok();
        assert_eq!(
            mount.storage.keys().len(),
            1,
            "the entry is in this mount's storage"
        );
    }
    host.shutdown().await;
}

#[tokio::test]
async fn large_messages_pass_through_it() {
    let host = Host::builder().multiplexed().start().await;
    let mount = host.mount(Kind::Secrets).await;
    let unknown = "x".repeat(1000 << 10);
    mount
        .write(
            "config",
            json!({"access_key": "a", "secret_key": "b", "unknown": unknown}),
        )
        .await
        .ok();
    host.shutdown().await;
}

#[tokio::test]
async fn a_lost_socket_ends_the_process() {
    let mut host = Host::builder().multiplexed().start().await;
    host.disconnect();
    assert!(host.process.ended().await.success());
    assert!(!host.process.has_socket());
}
