//! What is taken from a host at the same time, and how large.

use std::fs;

use futures_util::future::join_all;
use vault_plugin_alicloud::protocol::vault::pb;

use crate::host::{Host, Kind, Mount};

/// The most memory that the plugin's process has had, in KiB.
fn peak_kib(host: &Host) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", host.process.pid)).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn data(bytes: usize) -> String {
    format!(r#"{{"role":"{}"}}"#, "x".repeat(bytes))
}

fn request(operation: &str, path: &str, data: &str) -> pb::Request {
    pb::Request {
        operation: operation.to_owned(),
        path: path.to_owned(),
        data: data.to_owned(),
        ..pb::Request::default()
    }
}

/// Everything that a host sends for one request: the question about its path, the existence check and the request.
async fn send(mount: &Mount, path: &str, data: &str) {
    let resolved = mount.raw(request("resolve-path", path, data)).await.unwrap();
    assert_eq!(resolved.err.unwrap().err_type, 5, "the path stays as it is");
    let checked = mount.exists(request("update", path, data)).await;
    let error = checked.err.unwrap();
    assert_eq!(error.err_type, 1);
    assert!(error.err_msg.contains("too large"), "{}", error.err_msg);
    let reply = mount.raw(request("update", path, data)).await.unwrap();
    let error = reply.err.unwrap();
    assert_eq!((error.err_type, error.err_code), (3, 413));
    assert!(error.err_msg.contains("KiB are taken here"), "{}", error.err_msg);
}

#[tokio::test]
async fn a_flood_of_large_bodies_costs_no_memory() {
    for (kind, path) in [(Kind::Auth, "login"), (Kind::Secrets, "role/a")] {
        let host = Host::start().await;
        let mount = host.mount(kind).await;
        let before = peak_kib(&host);
        let large = data(4 << 20);
        for _ in 0..4 {
            join_all((0..50).map(|_| send(&mount, path, &large))).await;
        }
        let grown = peak_kib(&host) - before;
        println!("{path}: {grown} KiB more");
        assert!(grown <= 16 << 10, "{grown} KiB more");
        mount.list("role").await.expect(404);
        host.shutdown().await;
    }
}

/// The rest of each message comes after its answer, on a stream that has ended.
#[tokio::test]
async fn a_connection_outlives_many_answers_that_come_before_the_message() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Auth).await;
    for bytes in [60 << 10, 1 << 20] {
        let body = data(bytes);
        for _ in 0..20 {
            let checks = (0..100).map(|_| async {
                let checked = mount.exists(request("update", "login", &body)).await;
                assert_eq!(checked.err.is_some(), bytes > 64 << 10);
                let resolved = mount.raw(request("resolve-path", "login", &body)).await;
                assert_eq!(resolved.unwrap().err.unwrap().err_type, 5);
            });
            join_all(checks).await;
        }
    }
    mount.list("role").await.expect(404);
    host.shutdown().await;
}

#[tokio::test]
async fn each_class_has_its_limit() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Auth).await;
    let small = mount
        .raw(request("update", "login", &data(60 << 10)))
        .await
        .unwrap();
    assert!(small.response.unwrap().data.contains("not found"));
    let large = mount
        .raw(request("update", "login", &data(65 << 10)))
        .await
        .unwrap();
    assert_eq!(large.err.unwrap().err_code, 413);
    for bytes in [90 << 10, 100 << 10, 1000 << 10] {
        let written = mount
            .raw(request("update", "role/a", &data(bytes)))
            .await
            .unwrap();
        assert!(written.err.is_none() && written.response.is_some(), "{bytes}");
    }
    let large = mount
        .raw(request("update", "role/a", &data(1 << 20)))
        .await
        .unwrap();
    assert_eq!(large.err.unwrap().err_code, 413);
    host.shutdown().await;
}
