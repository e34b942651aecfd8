//! How long credentials live, and their renewal.

use std::time::Duration;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

async fn issued(mount: &Mount) -> Response {
    answer(mount.creds().await)
}

async fn renewed(mount: &Mount, secret: &Secret, increment: u64, issued_at: i64) -> HandlerResult {
    let secret = Secret {
        lease: LeaseOptions {
            increment: Duration::from_secs(increment),
            issue_time: Some(issued_at),
            ..secret.lease
        },
        ..secret.clone()
    };
    mount.end_lease(Operation::Renew, secret).await
}

fn now(mount: &Mount) -> i64 {
    use crate::cloud::Clock as _;
    mount.clock.now().unix_timestamp()
}

#[tokio::test]
async fn the_lease_is_configured_or_the_mounts_or_an_hour() {
    let mut mount = Mount::new([]).await;
    assert_eq!(issued(&mount).await.secret.unwrap().lease.ttl, HOUR);
    // Never above the mount's.
    mount.system.max_ttl = Duration::from_secs(1800);
    let response = issued(&mount).await;
    assert_eq!(
        (
            response.secret.unwrap().lease.ttl.as_secs(),
            response.warnings.len()
        ),
        (1800, 0)
    );
    // A mount that was tuned has its own.
    mount.system = FixedSystem {
        default_ttl: 2 * HOUR,
        ..FixedSystem::default()
    };
    assert_eq!(issued(&mount).await.secret.unwrap().lease.ttl, 2 * HOUR);
    let data = json!({"lease": "5m", "lease_max": "10m"});
    mount.write("config/lease", data).await.unwrap();
    let lease = issued(&mount).await.secret.unwrap().lease;
    assert_eq!((lease.ttl.as_secs(), lease.max_ttl.as_secs()), (300, 600));
    // Zero, and a delete, give the mount's default back.
    mount
        .write("config/lease", json!({"lease": "0s", "lease_max": "0s"}))
        .await
        .unwrap();
    assert_eq!(issued(&mount).await.secret.unwrap().lease.ttl, 2 * HOUR);
    mount
        .write("config/lease", json!({"lease": "5m", "lease_max": "10m"}))
        .await
        .unwrap();
    mount.delete("config/lease").await.unwrap();
    assert_eq!(issued(&mount).await.secret.unwrap().lease.ttl, 2 * HOUR);
}

#[tokio::test]
async fn what_exceeds_the_mount_is_capped_with_a_warning() {
    let mut mount = Mount::new([]).await;
    mount.system.max_ttl = HOUR;
    mount
        .write("config/lease", json!({"lease": "2h", "lease_max": "3h"}))
        .await
        .unwrap();
    let response = issued(&mount).await;
    let lease = response.secret.unwrap().lease;
    assert_eq!((lease.ttl, lease.max_ttl), (HOUR, HOUR));
    assert_eq!(
        response.warnings,
        [
            "lease_max of 3h exceeds the mount's maximum; it is cut to 1h",
            "lease of 2h exceeds the mount's maximum; it is cut to 1h"
        ]
    );
}

#[tokio::test]
async fn both_settings_rule_renewals_without_a_further_one() {
    let mount = Mount::new([]).await;
    let secret = issued(&mount).await.secret.unwrap();
    let issued_at = now(&mount);
    mount
        .write("config/lease", json!({"lease": "10m", "lease_max": "30m"}))
        .await
        .unwrap();
    mount.advance(60);
    let response = answer(renewed(&mount, &secret, 0, issued_at).await);
    let lease = response.secret.unwrap().lease;
    assert_eq!((lease.ttl.as_secs(), lease.max_ttl.as_secs()), (600, 1800));
    assert!(response.warnings.is_empty());
    // Counted from the issue, and it says so.
    mount.advance(1500);
    let response = answer(renewed(&mount, &secret, 0, issued_at).await);
    assert_eq!(response.secret.unwrap().lease.ttl.as_secs(), 240);
    assert_eq!(
        response.warnings,
        ["the lease ends in 4m at the latest: lease_max, or the mount's maximum, is 30m from its issue"]
    );
    let response = answer(renewed(&mount, &secret, 86_400, issued_at).await);
    let lease = response.secret.unwrap().lease;
    assert_eq!((lease.ttl.as_secs(), lease.increment), (240, Duration::ZERO));
    mount.advance(240);
    let error = failure(renewed(&mount, &secret, 0, issued_at).await);
    assert!(error.message().contains("longest life of 30m"), "{error}");
    // Renewing calls nobody.
    assert_eq!(mount.actions().len(), 3);
}
