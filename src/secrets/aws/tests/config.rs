//! `config/root`, `config/lease` and roles.

use super::*;

#[tokio::test]
async fn root_credentials_are_written_whole_and_read_without_the_secret() {
    let mount = Mount::empty([]);
    for (data, text) in [
        (json!({}), "access_key is required"),
        (
            json!({"secret_key": "s", "region": "us-east-1"}),
            "access_key is required",
        ),
        (
            json!({"access_key": "a", "region": "us-east-1"}),
            "secret_key is required",
        ),
        (
            json!({"access_key": "a", "secret_key": " ", "region": "us-east-1"}),
            "secret_key is required",
        ),
        (
            json!({"access_key": "a", "secret_key": "s", "region": "nowhere"}),
            "region: a region is written like",
        ),
        (
            json!({"access_key": "a", "secret_key": "s", "region": "us-east-1", "iam_endpoint": "http://x"}),
            "iam_endpoint: ",
        ),
    ] {
        let error = failure(mount.write("config/root", data.clone()).await);
        assert_eq!(error.kind(), Kind::BadRequest);
        assert!(error.message().starts_with(text), "{data}: {error}");
    }
    assert!(mount.storage.list("").await.unwrap().is_empty());

    let whole = json!({"access_key": "AKIA", "secret_key": "hush", "region": "eu-west-1"});
    assert!(mount.write("config/root", whole).await.unwrap().is_none(), "204");
    let data = answer(mount.read("config/root").await).data.unwrap();
    assert_eq!(
        Value::from(data),
        json!({"access_key": "AKIA", "region": "eu-west-1", "iam_endpoint": ""})
    );
}

#[tokio::test]
async fn a_missing_region_is_us_east_1_with_a_warning() {
    let mount = Mount::empty([]);
    for data in [
        json!({"access_key": "a", "secret_key": "s"}),
        json!({"access_key": "a", "secret_key": "s", "region": " "}),
    ] {
        let response = answer(mount.write("config/root", data).await);
        assert!(
            response.warnings[0].contains("us-east-1"),
            "{:?}",
            response.warnings
        );
        let data = answer(mount.read("config/root").await).data.unwrap();
        assert_eq!(data["region"], "us-east-1");
    }
}

#[tokio::test]
async fn both_configurations_need_sudo() {
    let mount = Mount::empty([]);
    let special = mount.backend.special_paths();
    assert_eq!(special.root_protected, ["config/root", "config/lease"]);
    assert_eq!(special.seal_wrapped, ["config/root"]);
    assert!(special.unauthenticated.is_empty());
    let help = answer(mount.handle(Request::new(Operation::Help, "")).await)
        .data
        .unwrap();
    for (path, sudo) in [
        ("/config/root", json!(true)),
        ("/config/lease", json!(true)),
        ("/roles/{name}", Value::Null),
    ] {
        assert_eq!(help["openapi"]["paths"][path]["x-vault-sudo"], sudo, "{path}");
    }
}

#[tokio::test]
async fn lease_settings_are_checked_against_each_other_and_nothing_is_stored() {
    let mount = Mount::empty([]);
    for (data, text) in [
        (json!({"lease": "1h"}), "lease_max is required"),
        (json!({"lease_max": "1h"}), "lease is required"),
        (
            json!({"lease": "2h", "lease_max": "1h"}),
            "lease: 2h0m0s is longer than lease_max, which is 1h0m0s",
        ),
        (
            json!({"lease": "1d", "lease_max": "48h"}),
            "lease: the longest unit is hour",
        ),
        (
            json!({"lease": "1h", "lease_max": 7200}),
            "lease_max: expected a number with a unit",
        ),
    ] {
        let error = failure(mount.write("config/lease", data.clone()).await);
        assert_eq!(error.message().get(..text.len()), Some(text), "{data}: {error}");
    }
    assert!(mount.read("config/lease").await.unwrap().is_none());
    let data = json!({"lease": "30m", "lease_max": "1h"});
    assert!(mount.write("config/lease", data).await.unwrap().is_none(), "204");
    let read = answer(mount.read("config/lease").await).data.unwrap();
    assert_eq!(
        Value::from(read),
        json!({"lease": "30m0s", "lease_max": "1h0m0s"})
    );
    assert!(mount.delete("config/lease").await.unwrap().is_none());
    assert!(mount.read("config/lease").await.unwrap().is_none());
}

#[tokio::test]
async fn roles_are_written_read_listed_and_deleted() {
    let mount = Mount::empty([]);
    let policy =
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}});
    // As text, as clients send a file, and as JSON.
    for given in [
        json!(serde_json::to_string_pretty(&policy).unwrap()),
        policy.clone(),
    ] {
        assert!(
            mount
                .write("roles/deploy", json!({"policy": given}))
                .await
                .unwrap()
                .is_none(),
            "204"
        );
        let read = answer(mount.read("roles/deploy").await).data.unwrap();
        assert_eq!(read["policy"].as_str().unwrap().parse::<Value>().unwrap(), policy);
    }
    mount
        .write("roles/Other", json!({"policy": policy}))
        .await
        .unwrap();
    assert_eq!(mount.list("roles").await, json!(["Other", "deploy"]));
    for _ in 0..2 {
        assert!(
            mount.delete("roles/deploy").await.unwrap().is_none(),
            "204, gone or not"
        );
    }
    assert!(mount.read("roles/deploy").await.unwrap().is_none());
    for (data, text) in [
        (json!({}), "policy is required"),
        (json!({"policy": ""}), "policy is required"),
        (json!({"policy": 7}), "policy: expected"),
        (json!({"policy": "{"}), "policy: not valid JSON"),
        (json!({"policy": "arn=bar"}), "policy: not valid JSON"),
        (
            json!({"arn": "bar"}),
            "arn: this engine does not attach managed policies",
        ),
        (
            json!({"arn": "bar", "policy": policy}),
            "arn: this engine does not attach managed policies",
        ),
        (
            json!({"policy": "{\"Statement\":{\"Effect\":\"Allow\"}}"}),
            "policy: the statement needs",
        ),
    ] {
        let error = failure(mount.write("roles/bad", data.clone()).await);
        assert_eq!(error.kind(), Kind::BadRequest);
        assert!(error.message().starts_with(text), "{data}: {error}");
    }
    assert!(mount.read("roles/bad").await.unwrap().is_none());
}
