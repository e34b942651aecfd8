//! Logins from the request to the token, with a script in the place of STS.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::alicloud::sign::{add_common, add_signature_v1};
use crate::alicloud::sts::STS_VERSION;
use crate::alicloud::{Credentials, Parameters};
use crate::auth::alicloud::testing::backend;
use crate::cloud::Clock as _;
use crate::cloud::testing::{FixedClock, Script, Step};
use crate::cloud::{Failure, Method as HttpMethod};
use crate::framework::{
    Alias, Backend, FixedSystem, Kind, LeaseOptions, MemoryStorage, ReplicationState, Request, Services,
    Storage, TokenType, testing,
};

mod tags;

const SESSION: &str = r#"{"RequestId":"R-1","IdentityType":"AssumedRoleUser","AccountId":"12345",
    "PrincipalId":"300:i-1","RoleId":"300","Arn":"acs:ram::12345:assumed-role/Dev/i-1"}"#;
const USER: &str = r#"{"RequestId":"R-1","IdentityType":"RAMUser","AccountId":"12345","PrincipalId":"200",
    "UserId":"200","Arn":"acs:ram::12345:user/alice"}"#;
const ARN: &str = "acs:ram::12345:role/dev";

struct Mount {
    backend: Backend,
    storage: Arc<dyn Storage>,
    script: Script,
    system: FixedSystem,
}

impl Mount {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let script = Script::new(steps);
        Self {
            backend: backend(&script),
            storage: Arc::new(MemoryStorage::default()),
            script,
            system: FixedSystem::default(),
        }
    }

    fn answering(body: &'static str) -> Self {
        Self::new([Step::Answer(200, body)])
    }

    async fn with_role(self, role: Value) -> Self {
        self.ask(Operation::Create, "role/dev", role, None).await.unwrap();
        self
    }

    async fn with_config(self, config: Value) -> Self {
        self.ask(Operation::Update, "config", config, None).await.unwrap();
        self
    }

    async fn ask(
        &self,
        operation: Operation,
        path: &str,
        data: Value,
        client: Option<&str>,
    ) -> HandlerResult {
        let Value::Object(data) = data else {
            panic!("an object")
        };
        let remote_address = client.map(str::to_owned);
        let mut request = Request::new(operation, path);
        request.data = data;
        request.remote_address = remote_address;
        let services = Services {
            clock: Arc::new(FixedClock::default()),
            ..testing::services(Arc::clone(&self.storage), self.system)
        };
        let context = testing::context_of(&self.backend, request, services, CancellationToken::new());
        self.backend.handle(context).await
    }

    async fn login(&self, data: Value) -> Result<Auth, Error> {
        let response = self.ask(Operation::Update, "login", data, None).await?.unwrap();
        assert!(response.data.is_none());
        Ok(response.auth.unwrap())
    }

    async fn refusal(&self, data: Value) -> Error {
        self.login(data).await.err().unwrap()
    }
}

/// A login as the Go client sends it, with these additional parameters in the query.
fn payload(role: &str, more: &[(&'static str, &str)]) -> Value {
    let mut parameters = Parameters::new()
        .with("RegionId", "us-east-1")
        .with("SignatureType", "");
    add_common(
        &mut parameters,
        "GetCallerIdentity",
        STS_VERSION,
        FixedClock::default().now(),
        "0123456789abcdef0123456789abcdef".to_owned(),
    );
    for (name, value) in more {
        parameters.set(*name, *value);
    }
    let credentials = Credentials::new("testid", "testsecret").with_token("hush-token");
    add_signature_v1(&mut parameters, HttpMethod::Post, &credentials);
    let url = format!("https://sts.us-east-1.aliyuncs.com/?{}", *parameters.encoded());
    let headers =
        r#"{"Content-Type":["application/x-www-form-urlencoded"],"x-acs-action":["GetCallerIdentity"]}"#;
    json!({
        "role": role,
        "identity_request_url": STANDARD.encode(url),
        "identity_request_headers": STANDARD.encode(headers),
    })
}

#[tokio::test(start_paused = true)]
async fn a_standby_leaves_a_login_to_the_active_node_before_the_signature_is_used_up() {
    let mut mount = Mount::answering(SESSION).with_role(json!({"arn": ARN})).await;
    // The mount was active when the role was written: what it knows of that is no longer fresh.
    tokio::time::advance(Duration::from_secs(1)).await;
    mount.system.replication = ReplicationState(1 << 14);
    assert_eq!(mount.refusal(payload("dev", &[])).await.kind(), Kind::ReadOnly);
    assert!(mount.script.sent().is_empty());
    // A performance secondary makes tokens of its own.
    mount.system.replication = ReplicationState(1 << 6);
    mount.login(payload("dev", &[])).await.unwrap();
}

#[tokio::test]
async fn a_session_logs_in_and_gets_upstreams_token() {
    let role = json!({
        "arn": ARN, "token_policies": ["p"], "token_ttl": 60, "token_max_ttl": 120, "token_type": "service",
        "token_explicit_max_ttl": 500, "token_num_uses": 9, "token_no_default_policy": true,
    });
    let mount = Mount::answering(SESSION).with_role(role).await;
    let auth = mount.login(payload("dev", &[])).await.unwrap();
    let metadata = [
        ("account_id", "12345"),
        ("user_id", ""),
        ("role_id", "300"),
        ("arn", "acs:ram::12345:assumed-role/Dev/i-1"),
        ("identity_type", "AssumedRoleUser"),
        ("principal_id", "300:i-1"),
        ("request_id", "R-1"),
        ("role_name", "dev"),
    ];
    let expected = Auth {
        lease: LeaseOptions {
            ttl: Duration::from_secs(60),
            max_ttl: Duration::from_secs(120),
            renewable: true,
            ..LeaseOptions::default()
        },
        display_name: "300:i-1".to_owned(),
        policies: vec!["p".to_owned()],
        metadata: metadata
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        alias: Some(Alias {
            name: "300:i-1".to_owned(),
            ..Alias::default()
        }),
        explicit_max_ttl: Duration::from_secs(500),
        token_type: TokenType::Service,
        num_uses: 9,
        no_default_policy: true,
        ..Auth::default()
    };
    assert!(auth == expected, "{auth:?} {:?}", auth.metadata);
    let sent = mount.script.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].endpoint, "sts.us-east-1.aliyuncs.com");
    assert!(sent[0].headers.is_empty(), "{:?}", sent[0].headers);
}

#[tokio::test]
async fn the_roles_name_folds_to_lower_case() {
    let mount = Mount::answering(SESSION).with_role(json!({"arn": ARN})).await;
    let auth = mount.login(payload("DEV", &[])).await.unwrap();
    assert_eq!(auth.metadata["role_name"], "dev");
}

#[tokio::test]
async fn nothing_is_sent_for_a_login_that_cannot_succeed() {
    let mount = Mount::new([])
        .with_role(json!({"arn": ARN, "token_bound_cidrs": "10.0.0.0/8"}))
        .await;
    let mut no_url = payload("dev", &[]);
    no_url.as_object_mut().unwrap().remove("identity_request_url");
    for (data, client, kind, refusal) in [
        (payload("", &[]), None, Kind::BadRequest, "missing role"),
        (json!({}), None, Kind::BadRequest, "missing role"),
        (
            payload("other", &[]),
            None,
            Kind::BadRequest,
            "entry for role other not found",
        ),
        (
            payload("../config", &[]),
            None,
            Kind::BadRequest,
            "entry for role ../config not found",
        ),
        (
            payload("a\nb", &[]),
            None,
            Kind::BadRequest,
            "entry for role a\\nb not found",
        ),
        (
            payload("dev", &[]),
            None,
            Kind::Coded(Status::FORBIDDEN),
            "permission denied: the client's address is not known",
        ),
        (
            payload("dev", &[]),
            Some("192.0.2.1"),
            Kind::Coded(Status::FORBIDDEN),
            "permission denied: the client's address is not within",
        ),
        (
            no_url,
            Some("10.0.0.1"),
            Kind::BadRequest,
            "identity_request_url is missing",
        ),
        (
            payload("dev", &[("Action", "AssumeRole")]),
            Some("10.0.0.1"),
            Kind::BadRequest,
            "the query parameter Action",
        ),
        (
            payload("dev", &[("Timestamp", "2024-02-28T23:59:59Z")]),
            Some("10.0.0.1"),
            Kind::BadRequest,
            "the request's Timestamp",
        ),
    ] {
        let error = mount
            .ask(Operation::Update, "login", data.clone(), client)
            .await
            .err()
            .unwrap();
        assert_eq!(error.kind(), kind, "{data} {error}");
        assert!(error.message().starts_with(refusal), "{refusal}: {error}");
        assert!(mount.script.sent().is_empty(), "{refusal}");
    }
}

#[tokio::test]
async fn a_long_name_of_no_role_is_not_given_back() {
    let mount = Mount::new([]);
    let error = mount.refusal(payload(&"x".repeat(100_000), &[])).await;
    assert!(error.message().len() < 160, "{error}");
}

#[tokio::test]
async fn the_bindings_decide_after_sts_has_answered() {
    for (role, body, refusal) in [
        (json!({"arn": ARN}), SESSION, None),
        (json!({"bound_arns": "acs:ram::12345:user/al*"}), USER, None),
        (json!({"bound_account_ids": "12345"}), USER, None),
        (json!({"arn": ARN, "bound_role_ids": "300"}), SESSION, None),
        (
            json!({"arn": "acs:ram::12345:role/other"}),
            SESSION,
            Some("the caller's arn does not match the role's arn"),
        ),
        (
            json!({"arn": "acs:ram::12346:role/dev"}),
            SESSION,
            Some("the caller's arn does not match the role's arn"),
        ),
        (
            json!({"arn": ARN}),
            USER,
            Some("the caller's arn does not match the role's arn"),
        ),
        (
            json!({"bound_arns": "acs:ram::12345:role/*"}),
            USER,
            Some("the caller's arn matches none of the role's bound_arns"),
        ),
        (
            json!({"bound_account_ids": "54321"}),
            USER,
            Some("the caller's account is not among the role's bound_account_ids"),
        ),
        (
            json!({"arn": ARN, "bound_role_ids": "301"}),
            SESSION,
            Some("the caller's role id is not among the role's bound_role_ids"),
        ),
    ] {
        let mount = Mount::answering(body).with_role(role.clone()).await;
        match (mount.login(payload("dev", &[])).await, refusal) {
            (Ok(_), None) => {}
            (Err(error), Some(text)) => {
                assert_eq!(
                    (error.kind(), error.message()),
                    (Kind::Coded(Status::FORBIDDEN), text),
                    "{role}"
                );
            }
            (answer, _) => panic!("{role}: {:?}", answer.err()),
        }
    }
}

#[tokio::test]
async fn failures_of_sts_have_their_statuses_and_no_message() {
    let (forbidden, gateway) = (Status::FORBIDDEN, Status::BAD_GATEWAY);
    for (step, status, text) in [
        (
            Step::Answer(
                400,
                r#"{"RequestId":"R-9","Code":"SignatureDoesNotMatch","Message":"hush-token"}"#,
            ),
            forbidden,
            "SignatureDoesNotMatch",
        ),
        (
            Step::Answer(
                404,
                r#"{"RequestId":"R-9","Code":"InvalidAccessKeyId.NotFound","Message":"hush-token"}"#,
            ),
            forbidden,
            "InvalidAccessKeyId.NotFound",
        ),
        (
            Step::Answer(
                400,
                r#"{"RequestId":"R-9","Code":"InvalidSecurityToken.Expired","Message":"hush-token"}"#,
            ),
            forbidden,
            "InvalidSecurityToken.Expired",
        ),
        (
            Step::Answer(
                400,
                r#"{"RequestId":"R-9","Code":"SignatureNonceUsed","Message":"hush-token"}"#,
            ),
            forbidden,
            "used before",
        ),
        (
            Step::Answer(
                403,
                r#"{"RequestId":"R-9","Code":"NoPermission","Message":"hush-token"}"#,
            ),
            forbidden,
            "NoPermission",
        ),
        (
            Step::Answer(
                400,
                r#"{"RequestId":"R-9","Code":"InvalidParameter","Message":"hush-token"}"#,
            ),
            forbidden,
            "InvalidParameter",
        ),
        (
            Step::Answer(
                400,
                r#"{"RequestId":"R-9","Code":"InvalidTimeStamp.Expired","Message":"hush-token"}"#,
            ),
            forbidden,
            "InvalidTimeStamp.Expired",
        ),
        (
            Step::Answer(
                400,
                r#"{"RequestId":"R-9","Code":"Throttling.User","Message":"hush-token"}"#,
            ),
            Status::TOO_MANY_REQUESTS,
            "Throttling.User",
        ),
        (
            Step::Answer(
                503,
                r#"{"RequestId":"R-9","Code":"ServiceUnavailable","Message":"hush-token"}"#,
            ),
            Status::UNAVAILABLE,
            "ServiceUnavailable",
        ),
        (
            Step::Answer(
                500,
                r#"{"RequestId":"R-9","Code":"InternalError","Message":"hush-token"}"#,
            ),
            Status::UNAVAILABLE,
            "InternalError",
        ),
        (
            Step::Answer(200, r#"{"RequestId":"R-9","Arn":"hush-token"}"#),
            gateway,
            "STS's answer cannot be used",
        ),
        (
            Step::Answer(
                200,
                r#"{"RequestId":"R-9","AccountId":"99999","PrincipalId":"300:i-1","RoleId":"300","Arn":"acs:ram::12345:assumed-role/Dev/i-1"}"#,
            ),
            gateway,
            "another account",
        ),
        (
            Step::Answer(
                200,
                r#"{"RequestId":"R-9","AccountId":"12345","PrincipalId":"301:i-1","RoleId":"300","Arn":"acs:ram::12345:assumed-role/Dev/i-1"}"#,
            ),
            gateway,
            "inconsistent response from STS",
        ),
        (
            Step::Answer(
                200,
                r#"{"RequestId":"R-9","AccountId":"12345","PrincipalId":"1","Arn":"acs:ram::12345:role/dev"}"#,
            ),
            gateway,
            "inconsistent response from STS",
        ),
        (Step::Answer(302, "<html>hush-token"), gateway, "redirect"),
        (
            Step::Answer(200, "<html>hush-token"),
            gateway,
            "STS's answer cannot be used",
        ),
    ] {
        let mount = Mount::new([step]).with_role(json!({"arn": ARN})).await;
        let error = mount.refusal(payload("dev", &[])).await;
        assert_eq!(error.kind(), Kind::Coded(status), "{text}: {error}");
        assert!(error.message().contains(text), "{text}: {error}");
        assert!(!format!("{error} {error:?}").contains("hush-token"), "{error:?}");
        assert_eq!(mount.script.sent().len(), 1, "{text}");
    }
}

#[tokio::test]
async fn a_failed_connection_tells_nobody_of_proxies_and_addresses() {
    let failure = Failure::Connect("proxy.corp.example at 10.1.2.3 refused".to_owned());
    let mount = Mount::new([Step::Fail(failure)])
        .with_role(json!({"arn": ARN}))
        .await;
    let error = mount.refusal(payload("dev", &[])).await;
    assert_eq!(error.kind(), Kind::Coded(Status::UNAVAILABLE));
    assert_eq!(
        error.message(),
        "STS could not be reached; the server's log has the cause"
    );
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("10.1.2.3"), "{cause}");
}

#[tokio::test]
async fn the_configuration_says_who_a_caller_is() {
    let config = json!({"ram_alias": "role_arn", "ram_metadata": "account_id,role_name"});
    let role = json!({"arn": ARN, "alias_metadata": {"team": "x", "account_id": "forged"}});
    let mount = Mount::answering(SESSION)
        .with_role(role)
        .await
        .with_config(config)
        .await;
    let alias = mount.login(payload("dev", &[])).await.unwrap().alias.unwrap();
    assert_eq!(alias.name, "acs:ram::12345:role/Dev");
    let metadata = [("account_id", "12345"), ("role_name", "dev"), ("team", "x")];
    let metadata: BTreeMap<_, _> = metadata
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    assert_eq!(alias.metadata, metadata);
}

#[tokio::test]
async fn a_server_with_an_id_takes_only_what_was_signed_for_it() {
    let mount = || async {
        let mount = Mount::answering(SESSION).with_role(json!({"arn": ARN})).await;
        mount.with_config(json!({"server_id": "vault.example.com"})).await
    };
    assert!(
        mount()
            .await
            .login(payload("dev", &[("VaultServerId", "vault.example.com")]))
            .await
            .is_ok()
    );
    for more in [&[][..], &[("VaultServerId", "vault2.example.com")]] {
        let mount = mount().await;
        let error = mount.refusal(payload("dev", more)).await;
        assert_eq!(error.kind(), Kind::Coded(Status::FORBIDDEN), "{error}");
        assert!(mount.script.sent().is_empty());
    }
}

#[tokio::test]
async fn a_strictly_bound_token_has_the_address_of_its_login() {
    let role = json!({"arn": ARN, "token_strictly_bind_ip": true});
    let mount = Mount::answering(SESSION).with_role(role).await;
    let response = mount
        .ask(Operation::Update, "login", payload("dev", &[]), Some("192.0.2.5"))
        .await;
    assert_eq!(
        response.unwrap().unwrap().auth.unwrap().bound_cidrs,
        ["192.0.2.5"]
    );
    let error = mount.refusal(payload("dev", &[])).await;
    assert_eq!(error.kind(), Kind::Coded(Status::FORBIDDEN));
}

#[tokio::test]
async fn the_role_of_a_login_is_told_without_it() {
    // Storage is not read: there is no such role.
    let mount = Mount::new([]);
    let resolve = |data| mount.ask(Operation::ResolveRole, "login", data, None);
    let told = resolve(payload("Dev", &[])).await.unwrap().unwrap();
    assert_eq!(told.data.unwrap()["role"], json!("dev"));
    for (data, refusal) in [
        (json!({}), "missing role"),
        (json!({"role": null}), "missing role"),
        (json!({"role": "../dev"}), "entry for role ../dev not found"),
    ] {
        let error = resolve(data).await.err().unwrap();
        assert_eq!((error.kind(), error.message()), (Kind::BadRequest, refusal));
    }
}

#[tokio::test]
async fn no_operation_tells_an_identity_without_a_signature() {
    for alias in ["principal_id", "role_id", "role_arn", "arn"] {
        for role in [
            json!({"arn": ARN}),
            json!({"bound_arns": "acs:ram::12345:user/a"}),
        ] {
            let mount = Mount::new([])
                .with_role(role)
                .await
                .with_config(json!({"ram_alias": alias}))
                .await;
            let asked = mount
                .ask(Operation::AliasLookahead, "login", json!({"role": "dev"}), None)
                .await;
            assert_eq!(asked.err().unwrap().kind(), Kind::UnsupportedOperation, "{alias}");
        }
    }
}

#[tokio::test]
async fn a_signature_logs_in_once_at_all_mounts_of_a_process() {
    let mount = Mount::new([Step::Answer(200, SESSION), Step::Answer(200, SESSION)])
        .with_role(json!({"arn": ARN}))
        .await;
    let signed = payload("dev", &[]);
    mount.login(signed.clone()).await.unwrap();
    let error = mount.refusal(signed.clone()).await;
    assert_eq!(error.kind(), Kind::Coded(Status::FORBIDDEN));
    assert!(
        error.message().ends_with("used before; sign a new one"),
        "{error}"
    );
    // The same signature at another host, which might not know the nonce: V1 does not sign the host.
    let url = STANDARD
        .decode(signed["identity_request_url"].as_str().unwrap())
        .unwrap();
    let url = String::from_utf8(url)
        .unwrap()
        .replace("sts.us-east-1.aliyuncs.com", "sts.aliyuncs.com");
    let mut elsewhere = signed;
    elsewhere["identity_request_url"] = STANDARD.encode(url).into();
    assert!(mount.refusal(elsewhere).await.message().contains("used before"));
    assert_eq!(mount.script.sent().len(), 1);
    mount
        .login(payload("dev", &[("SignatureNonce", "another")]))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_signature_that_did_not_log_in_is_left_to_sts() {
    let refused = r#"{"RequestId":"R-9","Code":"SignatureNonceUsed","Message":"m"}"#;
    let mount = Mount::new([Step::Answer(200, USER), Step::Answer(400, refused)])
        .with_role(json!({"arn": ARN}))
        .await;
    let signed = payload("dev", &[]);
    assert!(
        mount
            .refusal(signed.clone())
            .await
            .message()
            .contains("does not match")
    );
    assert!(
        mount
            .refusal(signed)
            .await
            .message()
            .contains("SignatureNonceUsed")
    );
}

#[tokio::test]
async fn of_two_logins_with_one_signature_at_the_same_time_one_is_refused() {
    let mount = Mount::new([Step::AnswerLater(Duration::from_millis(20), 200, SESSION)])
        .with_role(json!({"arn": ARN}))
        .await;
    let signed = payload("dev", &[]);
    let (one, two) = tokio::join!(mount.login(signed.clone()), mount.login(signed));
    assert!(one.is_ok() != two.is_ok());
    assert_eq!(mount.script.sent().len(), 1);
}

#[tokio::test]
async fn only_the_login_needs_no_token() {
    let mount = Mount::new([]);
    assert_eq!(mount.backend.special_paths().unauthenticated, ["login"]);
    assert_eq!(mount.backend.special_paths().seal_wrapped, ["config"]);
    assert!(
        mount
            .ask(Operation::Read, "login", json!({}), None)
            .await
            .is_err()
    );
}
