//! How long the process lives.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use tokio::time::sleep;

use crate::host::{Host, Kind};

#[tokio::test]
async fn signals_to_the_whole_group_leave_a_connected_plugin_alone() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        host.process.signal(signal);
        sleep(Duration::from_millis(100)).await;
        mount.rollback().await.ok();
    }
    host.shutdown().await;
}

#[tokio::test]
async fn after_sigterm_the_plugin_leaves_with_its_host() {
    let mut host = Host::start().await;
    host.process.signal(Signal::SIGTERM);
    sleep(Duration::from_millis(200)).await;
    let start = Instant::now();
    host.disconnect();
    assert!(host.process.ended().await.success());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(!host.process.has_socket());
}

#[tokio::test]
async fn sigint_before_the_first_connection_is_ignored_too() {
    let (mut process, _) = Host::builder().process().await;
    process.signal(Signal::SIGINT);
    sleep(Duration::from_millis(200)).await;
    assert!(process.is_running());
    process.signal(Signal::SIGTERM);
    assert!(process.ended().await.success());
    assert!(!process.has_socket());
}

#[tokio::test]
async fn a_lost_connection_ends_the_process() {
    let mut host = Host::start().await;
    let start = Instant::now();
    host.disconnect();
    assert!(host.process.ended().await.success());
    let lived = start.elapsed();
    assert!(
        lived > Duration::from_secs(4) && lived < Duration::from_secs(10),
        "{lived:?}"
    );
    assert!(!host.process.has_socket());
}

#[tokio::test]
async fn the_death_of_the_parent_ends_the_process() {
    let mut host = Host::builder().under_a_shell().start().await;
    let mount = host.mount(Kind::Secrets).await;
    mount.rollback().await.ok();
    let start = Instant::now();
    // The connection stays: only the parent is gone.
    host.process.kill_parent().await;
    host.process.ended().await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert!(!host.process.has_socket());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_calls_in_flight() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    mount.slow(Duration::from_secs(30));
    let call = tokio::spawn({
        let mount = mount.clone();
        async move { mount.raw(mount.request("read", "config", &json!(null))).await }
    });
    while mount.storage.calls().0 == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    // Ends within two seconds, or this fails.
    host.shutdown().await;
    assert!(call.await.unwrap().is_err());
}

#[tokio::test]
async fn shutdown_gives_short_calls_the_time_they_need() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Secrets).await;
    mount.slow(Duration::from_millis(400));
    let call = tokio::spawn({
        let mount = mount.clone();
        async move { mount.raw(mount.request("read", "config", &json!(null))).await }
    });
    while mount.storage.calls().0 == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    host.shutdown().await;
    assert!(call.await.unwrap().is_ok(), "the call is answered");
}
