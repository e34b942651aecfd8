//! `metrics`: what a mount has counted.

use super::*;

const THROTTLED: Step = refused(
    503,
    r#"{"RequestId":"R","Code":"Throttling.User","Message":"Request was denied due to user flow control."}"#,
);

/// The samples as they are now.
async fn samples(mount: &Mount) -> Vec<String> {
    let mut request = Request::new(Operation::Read, "metrics");
    request.data = object(json!({"format": "json"}));
    let data = answer(mount.handle(request).await).data.unwrap();
    let mut samples = Vec::new();
    for (name, family) in data {
        let name = name.trim_start_matches("vault_plugin_alicloud_");
        for sample in family["samples"].as_array().unwrap() {
            let labels = sample["labels"].as_object().unwrap().values();
            let labels: Vec<_> = labels.map(|label| label.as_str().unwrap()).collect();
            let part = sample["part"].as_str().unwrap_or_default();
            samples.push(format!("{name}{part}({}) {}", labels.join(","), sample["value"]));
        }
    }
    samples
}

async fn assert_shown(mount: &Mount, wanted: &[&str]) {
    let samples = samples(mount).await;
    for wanted in wanted {
        assert!(
            samples.iter().any(|sample| sample == wanted),
            "{wanted}: {samples:#?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn leases_and_their_calls_are_counted() {
    let mount = Mount::new([("CreateUser", THROTTLED)]).await;
    let secret = answer(mount.creds().await).secret.unwrap();
    assert_shown(
        &mount,
        &[
            "lease_operations_total(issue,success) 1.0",
            "lease_operations_total(issue,error) 0.0",
            "cloud_calls_total(CreateUser,success) 1.0",
            "cloud_calls_total(CreateUser,throttled) 0.0",
            "cloud_throttled_total(CreateUser) 1.0",
            "cloud_call_duration_secondscount(CreateUser) 1.0",
            "rate_limiter_wait_secondscount(CreateUser) 2.0",
            "rate_limiter_queued_calls(CreateUser) 0.0",
        ],
    )
    .await;
    mount.end_lease(Operation::Renew, secret.clone()).await.unwrap();
    mount.end_lease(Operation::Revoke, secret).await.unwrap();
    let mut none = Request::new(Operation::Read, "creds/none");
    none.display_name = "token".to_owned();
    mount.handle(none).await.unwrap();
    assert_shown(
        &mount,
        &[
            "lease_operations_total(issue,not_found) 1.0",
            "lease_operations_total(renew,success) 1.0",
            "lease_operations_total(revoke,success) 1.0",
        ],
    )
    .await;
    // The key of `config` has no end.
    assert!(
        !samples(&mount)
            .await
            .iter()
            .any(|sample| sample.starts_with("credentials_expiry"))
    );
}

#[tokio::test]
async fn a_refused_request_is_a_failure_with_its_reason() {
    let mount = Mount::new([("CreateUser", DENIED)]).await;
    failure(mount.creds().await);
    assert_shown(
        &mount,
        &[
            "lease_operations_total(issue,denied) 1.0",
            "cloud_calls_total(CreateUser,denied) 1.0",
        ],
    )
    .await;
}

#[tokio::test]
async fn entries_are_those_of_the_last_tick_and_a_standby_shows_none() {
    let mut mount = Mount::new([]).await;
    answer(mount.creds().await);
    assert!(
        !samples(&mount)
            .await
            .iter()
            .any(|sample| sample.starts_with("lease_records"))
    );
    mount.tick(json!({})).await.unwrap();
    let shown = [
        "lease_records() 1.0",
        "wal_entries() 0.0",
        "ticks_total() 1.0",
        "periodic_job_runs_total(lease records,complete) 1.0",
        "periodic_job_entries_left(lease records) 0.0",
        "periodic_job_entries_processed_total(lease records,success) 1.0",
    ];
    assert_shown(&mount, &shown).await;
    // What is counted later is not shown before the next run: no read lists storage.
    answer(mount.creds().await);
    assert_shown(&mount, &shown).await;
    mount.system.replication = ReplicationState(1 << 14);
    mount.tick(json!({})).await.unwrap();
    let samples = samples(&mount).await;
    for gauge in ["lease_records", "wal_entries", "periodic_job_entries_left"] {
        assert!(
            !samples.iter().any(|sample| sample.starts_with(gauge)),
            "{gauge}: {samples:#?}"
        );
    }
}

#[tokio::test]
async fn a_lost_lease_and_orphans_are_counted() {
    const USERS: Step = Step::Answer(
        200,
        r#"{"RequestId":"R","IsTruncated":false,"Users":{"User":[{"UserName":"vault-lost",
            "Comments":"Made by Vault: mount 0b2c7f0e-1111-2222-3333-444455556666, request 3, for x"}]}}"#,
    );
    let mount = Mount::new([("ListUsers", USERS)]).await;
    let storage: &dyn Storage = &*mount.storage;
    let record = json!({"user_name": "vault-over", "policies": [], "attached": [], "ttl": 1, "deadline": 1, "latest": 1});
    storage.put_json("issued/vault-over", &record).await.unwrap();
    answer(mount.handle(Request::new(Operation::List, "orphans/")).await);
    assert_shown(&mount, &["orphans() 1.0", "lost_leases_removed_total() 0.0"]).await;
    mount.tick(json!({})).await.unwrap();
    mount
        .handle(Request::new(Operation::Delete, "orphans/vault-lost"))
        .await
        .unwrap();
    assert_shown(
        &mount,
        &[
            "lost_leases_removed_total() 1.0",
            "orphans_removed_total() 1.0",
            "orphans() 1.0",
        ],
    )
    .await;
}

#[tokio::test]
async fn an_unknown_format_is_refused_and_other_parameters_are_not() {
    let mount = Mount::new([]).await;
    let ask = async |data: Value| {
        let mut request = Request::new(Operation::Read, "metrics");
        request.data = object(data);
        mount.handle(request).await
    };
    assert_eq!(
        failure(ask(json!({"format": "xml"})).await).kind(),
        Kind::BadRequest
    );
    for data in [
        json!({}),
        json!({"format": ""}),
        json!({"format": "prometheus", "x": "y"}),
    ] {
        let data = answer(ask(data).await).data.unwrap();
        assert_eq!(data["http_status_code"], 200);
        assert_eq!(
            data["http_content_type"],
            "text/plain; version=0.0.4; charset=utf-8"
        );
    }
}
