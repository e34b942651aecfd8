//! Mounts that Vault's own AWS backend wrote.

use super::*;

async fn old(steps: impl IntoIterator<Item = (&'static str, Step)>) -> Mount {
    let mount = Mount::empty(steps);
    mount
        .put(
            "config/root",
            "{\"access_key\":\"AKIAOLD\",\"secret_key\":\"s\",\"region\":\"eu-west-1\"}\n",
        )
        .await;
    mount
        .put(
            "config/lease",
            "{\"Lease\":1800000000000,\"LeaseMax\":3600000000000}\n",
        )
        .await;
    mount
        .put(
            "policy/deploy",
            "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}",
        )
        .await;
    mount
}

#[tokio::test]
async fn configuration_and_roles_are_read() {
    let mount = old([]).await;
    let root = answer(mount.read("config/root").await).data.unwrap();
    assert_eq!(
        (&root["access_key"], &root["region"]),
        (&json!("AKIAOLD"), &json!("eu-west-1"))
    );
    let lease = answer(mount.read("config/lease").await).data.unwrap();
    assert_eq!(lease["lease"], "30m0s");
    assert_eq!(mount.list("roles").await, json!(["deploy"]));
    let response = answer(mount.creds().await);
    assert_eq!(response.secret.unwrap().lease.ttl.as_secs(), 1800);
    let documents = mount.values("PutUserPolicy", "PolicyDocument");
    assert_eq!(
        documents,
        ["{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"]
    );
    // Roles of the present engine of Vault are not touched.
    mount.put("role/other", "{}").await;
    assert_eq!(mount.list("roles").await, json!(["deploy"]));
    assert!(mount.storage.get("role/other").await.unwrap().is_some());
}

#[tokio::test]
async fn a_role_that_names_a_managed_policy_is_refused_before_anything_is_made() {
    let mount = old([]).await;
    mount
        .put("policy/deploy", "arn:aws:iam::aws:policy/ReadOnlyAccess")
        .await;
    let error = failure(mount.creds().await);
    assert_eq!(error.kind(), Kind::BadRequest);
    assert!(
        error
            .message()
            .contains("managed policy arn:aws:iam::aws:policy/ReadOnlyAccess"),
        "{error}"
    );
    assert!(mount.actions().is_empty());
}

#[tokio::test]
async fn leases_are_revoked_and_renewed() {
    let mount = old([]).await;
    let internal = json!({"secret_type": "access_keys", "username": "vault-root-1432735386-4059", "policy": "{}", "is_sts": false});
    let secret = Secret {
        internal: object(internal.clone()),
        ..Secret::default()
    };
    answer(mount.end_lease(Operation::Renew, secret).await);
    mount.revoke(internal).await.unwrap();
    assert_eq!(
        mount.values("DeleteUser", "UserName"),
        ["vault-root-1432735386-4059"]
    );
    // The key is not in the lease.
    assert_eq!(mount.values("DeleteAccessKey", "AccessKeyId"), ["AKIAnew"]);
    // Credentials of STS end by themselves.
    let sts = json!({"secret_type": "access_keys", "username": "vault-1", "is_sts": true});
    assert!(mount.revoke(sts).await.unwrap().is_none());
    assert_eq!(mount.values("DeleteUser", "UserName").len(), 1);
    let error = failure(mount.revoke(json!({"secret_type": "access_keys"})).await);
    assert!(error.message().contains("missing username"), "{error}");
}

#[tokio::test]
async fn half_made_users_are_rolled_back() {
    let mount = old([]).await;
    let entry = r#"{"type":"user","data":{"UserName":"vault-root-1432735386-4059"},"created_at":1432735386}"#;
    mount.put("wal/1", entry).await;
    mount.tick(json!({})).await;
    assert_eq!(
        mount.values("DeleteUser", "UserName"),
        ["vault-root-1432735386-4059"]
    );
    assert_eq!(mount.wal_entries().await, 0);
}
