//! How long leases live: the role, the configuration and the mount.

use std::time::Duration;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// A mount whose role has no TTLs of its own.
async fn mount() -> Mount {
    let mount = Mount::new([]).await;
    let role = "{\"role_arn\":\"\",\"remote_policies\":[{\"name\":\"P\",\"type\":\"System\"}],\
                \"inline_policies\":null,\"ttl\":0,\"max_ttl\":0}\n";
    mount.store_role(role).await;
    mount
}

#[tokio::test]
async fn the_configuration_has_ttls_for_roles_without_any_also_at_a_renewal() {
    let mount = mount().await;
    let settings = json!({"default_ttl": "10m", "max_ttl": "20m"});
    assert!(mount.write_config(settings).await.unwrap().is_none());
    let secret = answer(mount.creds().await).secret.unwrap();
    assert_eq!(
        (secret.lease.ttl, secret.lease.max_ttl),
        (10 * MINUTE, 20 * MINUTE)
    );
    mount.write_config(json!({"default_ttl": "5m"})).await.unwrap();
    let renewed = answer(mount.end_lease(Operation::Renew, secret).await).secret;
    let renewed = renewed.unwrap().lease;
    assert_eq!((renewed.ttl, renewed.max_ttl), (5 * MINUTE, 20 * MINUTE));
}

#[tokio::test]
async fn ttls_above_the_maximum_of_the_mount_are_a_warning_and_capped() {
    let mut mount = mount().await;
    mount.system.max_ttl = 30 * MINUTE;
    let warnings = answer(mount.write_config(json!({"default_ttl": "1h"})).await).warnings;
    assert_eq!(
        warnings,
        ["default_ttl of 1h exceeds the mount's maximum of 30m; leases are capped to it"]
    );
    let response = answer(mount.creds().await);
    let lease = response.secret.unwrap().lease;
    assert_eq!((lease.ttl, lease.max_ttl), (30 * MINUTE, 30 * MINUTE));
    // The wish is not that of the role, whose reader could not do anything about it.
    assert_eq!(response.warnings, Vec::<String>::new());
}
