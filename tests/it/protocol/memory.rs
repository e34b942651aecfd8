//! Memory: locked when the host asks for it, without a lock that ends the process, and a line in the log when there is
//! none left.

use std::fs;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::host::{Host, Kind, PATIENCE};

/// A value of `/proc/<pid>/status`, in KiB.
fn kib(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn memory_is_locked_when_the_host_asks_and_a_refusal_is_no_obstacle() {
    let host = Host::builder()
        .env("VAULT_PLUGIN_MLOCK_ENABLED", "true")
        .start()
        .await;
    host.mount(Kind::Secrets).await;
    let refused = host.process.log.text().contains("memory hardening failed");
    assert!(
        refused || kib(host.process.pid, "VmLck:") > 0,
        "{}",
        host.process.log.text()
    );
    host.shutdown().await;
}

#[tokio::test]
async fn the_log_says_at_error_level_that_memory_ran_out() {
    let plain = Host::start().await;
    plain.mount(Kind::Secrets).await;
    let data = kib(plain.process.pid, "VmData:");
    plain.shutdown().await;

    let host = Host::builder()
        .limits(&format!("-d {}", data + (4 << 10)))
        .start()
        .await;
    let mount = host.mount(Kind::Secrets).await;
    mount.slow(Duration::from_secs(5));
    let writes = (0..8).map(|number| {
        let mount = mount.clone();
        async move {
            let data = json!({"padding": "x".repeat(1000 << 10)});
            let _ = mount
                .raw(mount.request("update", &format!("role/r{number}"), &data))
                .await;
        }
    });
    // The process ends under these requests.
    let _ = timeout(PATIENCE, join_all(writes)).await;
    let line = timeout(PATIENCE, async {
        loop {
            let records = host.process.log.records();
            if let Some(record) = records.iter().find(|record| {
                record["@message"]
                    .as_str()
                    .is_some_and(|text| text.starts_with("out of memory"))
            }) {
                return record.clone();
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    let line = line
        .await
        .unwrap_or_else(|_| panic!("{}", host.process.log.text()));
    assert_eq!(line["@level"], "error");
}
