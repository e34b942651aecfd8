//! Sessions and identities.

use std::time::Duration;

use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};

use tokio::time::Instant;

use super::*;
use crate::alicloud::endpoint;
use crate::alicloud::region::Region;
use crate::cloud::testing::{Script, Step};
use crate::cloud::{Kind, Method};

fn with(body: &'static str) -> (Script, Sts) {
    let script = Script::new([Step::Answer(200, body)]);
    let sts = Sts::new(
        &script.client(),
        Credentials::new("id", "secret"),
        endpoint::sts(&Region::default()),
    );
    (script, sts)
}

fn request() -> AssumeRole {
    AssumeRole {
        role_arn: "acs:ram::12345:role/r".into(),
        session_name: "s1".into(),
        duration_seconds: Some(900),
        ..AssumeRole::default()
    }
}

const SESSION: &str = r#"{"RequestId":"R","AssumedRoleUser":{"Arn":"acs:ram::12345:role/r/s1","AssumedRoleId":"3:s1"},
    "Credentials":{"AccessKeyId":"STS.1","AccessKeySecret":"x","SecurityToken":"t","Expiration":"2024-03-01T00:59:59Z"}}"#;

#[tokio::test]
async fn a_session_has_key_token_and_end() {
    let (script, sts) = with(SESSION);
    let session = sts.assume_role(&request()).await.unwrap();
    assert_eq!(session.credentials.access_key_id, "STS.1");
    assert_eq!(session.credentials.security_token.unwrap().expose_secret(), "t");
    assert_eq!(session.credentials.expiration, Some(session.expiration));
    let sent = script.sent().remove(0);
    assert_eq!(sent.endpoint, "sts.us-east-1.aliyuncs.com");
    assert_eq!(
        (sent.value("Version"), sent.value("DurationSeconds")),
        (Some("2015-04-01"), Some("900"))
    );
    for absent in ["ExternalId", "SourceIdentity", "Policy"] {
        assert_eq!(sent.value(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn a_session_can_be_narrowed_and_named() {
    let (script, sts) = with(SESSION);
    let request = AssumeRole {
        external_id: Some("agreed".into()),
        source_identity: Some("jane".into()),
        policy: Some("{}".into()),
        ..request()
    };
    sts.assume_role(&request).await.unwrap();
    let sent = script.sent().remove(0);
    for (name, value) in [
        ("ExternalId", "agreed"),
        ("SourceIdentity", "jane"),
        ("Policy", "{}"),
    ] {
        assert_eq!(sent.value(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_session_without_a_future_is_refused() {
    for body in [
        r#"{"RequestId":"R"}"#,
        r#"{"RequestId":"R","Credentials":null}"#,
        r#"{"RequestId":"R","Credentials":{"AccessKeyId":"STS.1","AccessKeySecret":"x","SecurityToken":"t"}}"#,
        r#"{"RequestId":"R","Credentials":{"AccessKeyId":"STS.1","AccessKeySecret":"x","SecurityToken":"t","Expiration":"soon"}}"#,
        r#"{"RequestId":"R","Credentials":{"AccessKeyId":"STS.1","AccessKeySecret":"x","SecurityToken":"t","Expiration":"2024-02-29T23:59:59Z"}}"#,
        r#"{"RequestId":"R","Credentials":{"AccessKeyId":"STS.1","AccessKeySecret":"x","Expiration":"2024-03-01T00:59:59Z"}}"#,
    ] {
        let error = with(body).1.assume_role(&request()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unexpected, "{body}");
    }
}

#[tokio::test]
async fn an_oidc_exchange_is_unsigned_and_its_refusal_quotes_nothing() {
    let refused =
        r#"{"RequestId":"R","Code":"InvalidParameter.OIDCToken","Message":"bad token JWT.JWT.JWT"}"#;
    let script = Script::new([Step::Answer(200, SESSION), Step::Answer(400, refused)]);
    let client = script.client();
    let request = AssumeRoleWithOidc {
        provider_arn: OidcProviderArn::parse("acs:ram::12345:oidc-provider/p").unwrap(),
        role_arn: "acs:ram::12345:role/r".into(),
        token: SecretString::from("JWT.JWT.JWT"),
        session_name: "s1".into(),
    };
    let endpoint = endpoint::sts(&Region::default());
    assume_role_with_oidc(&client, &endpoint, &request).await.unwrap();
    let sent = script.sent().remove(0);
    assert_eq!(sent.value("OIDCToken"), Some("JWT.JWT.JWT"));
    for absent in [
        "AccessKeyId",
        "Signature",
        "SignatureMethod",
        "SignatureVersion",
        "SecurityToken",
    ] {
        assert_eq!(sent.value(absent), None);
    }
    let error = assume_role_with_oidc(&client, &endpoint, &request)
        .await
        .unwrap_err();
    assert!(!format!("{error} {error:?}").contains("JWT"));
}

const IDENTITY: &str = r#"{"RequestId":"R","IdentityType":"AssumedRoleUser","AccountId":"12345","PrincipalId":"3:s1",
    "RoleId":"3","Arn":"acs:ram::12345:assumed-role/r/s1"}"#;

#[tokio::test]
async fn an_identity_is_read_and_must_not_contradict_itself() {
    let caller = with(IDENTITY).1.get_caller_identity().await.unwrap();
    assert_eq!((caller.role_id.as_deref(), caller.user_id), (Some("3"), None));
    assert_eq!(
        (caller.arn.role_name(), caller.request_id.as_str()),
        (Some("r"), "R")
    );
    for body in [
        r#"{"RequestId":"R","AccountId":"99999","PrincipalId":"1","Arn":"acs:ram::12345:root"}"#,
        r#"{"RequestId":"R","AccountId":"12345","PrincipalId":"1","Arn":"acs:ram::12345:strange/x"}"#,
        r#"{"RequestId":"R"}"#,
    ] {
        assert_eq!(
            with(body).1.get_caller_identity().await.unwrap_err().kind(),
            Kind::Unexpected,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_missing_principal_id_follows_from_the_rest() {
    for (answer, principal_id) in [
        (r#""Arn":"acs:ram::12345:root""#, Some("12345")),
        (r#""Arn":"acs:ram::12345:user/u","UserId":"7""#, Some("7")),
        (
            r#""Arn":"acs:ram::12345:user/u","UserId":"7","PrincipalId":"""#,
            Some("7"),
        ),
        (
            r#""Arn":"acs:ram::12345:assumed-role/r/s1","RoleId":"3""#,
            Some("3:s1"),
        ),
        (r#""Arn":"acs:ram::12345:user/u""#, None),
        (r#""Arn":"acs:ram::12345:assumed-role/r/s1","UserId":"7""#, None),
    ] {
        let body: &'static str = format!(r#"{{"RequestId":"R","AccountId":"12345",{answer}}}"#).leak();
        let caller = with(body).1.get_caller_identity().await.unwrap();
        assert_eq!(caller.principal_id.as_deref(), principal_id, "{answer}");
        let script = Script::new([Step::Answer(200, body)]);
        let login = send_presigned(&script.client(), presigned()).await.unwrap();
        assert_eq!(login, caller, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_hangs_holds_up_no_other() {
    let hangs = || Step::AnswerLater(Duration::from_secs(60), 200, IDENTITY);
    let script = Script::new((0..16).map(|_| hangs()).chain([Step::Answer(200, IDENTITY)]));
    let client = script.client();
    let at = |host: &str| Presigned {
        endpoint: Endpoint::parse(host).unwrap(),
        ..presigned()
    };
    let hanging: Vec<_> = (0..80)
        .map(|_| {
            let (client, request) = (client.clone(), at("sts.cn-beijing.aliyuncs.com"));
            tokio::spawn(async move { send_presigned(&client, request).await.unwrap_err() })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let refused = hanging.iter().filter(|call| call.is_finished()).count();
    assert_eq!(refused, 64, "all but those in flight");
    let start = Instant::now();
    send_presigned(&client, at("sts.aliyuncs.com")).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    for call in hanging {
        let error = call.await.unwrap();
        assert!(
            matches!(error.kind(), Kind::Timeout | Kind::Unavailable),
            "{error}"
        );
    }
    // Now the circuit is open: nothing is sent.
    let error = send_presigned(&client, at("sts.cn-beijing.aliyuncs.com"))
        .await
        .unwrap_err();
    assert_eq!((error.kind(), script.sent().len()), (Kind::Unavailable, 17));
}

fn presigned() -> Presigned {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-acs-action", "GetCallerIdentity"),
        ("host", "evil.example"),
        ("content-length", "7"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let query = Parameters::new().with("SecurityToken", "a b+c");
    Presigned {
        endpoint: endpoint::sts(&Region::default()),
        method: Method::Post,
        query,
        headers,
    }
}

#[tokio::test]
async fn a_request_of_somebody_else_is_sent_once_to_our_host() {
    let script = Script::new([Step::Answer(200, IDENTITY)]);
    send_presigned(&script.client(), presigned()).await.unwrap();
    let sent = script.sent().remove(0);
    assert_eq!(sent.endpoint, "sts.us-east-1.aliyuncs.com");
    assert_eq!(sent.query, "SecurityToken=a%20b%2Bc");
    assert_eq!(
        sent.headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(),
        ["x-acs-action"]
    );

    let refused = r#"{"RequestId":"R","Code":"NoPermission","Message":"SecurityToken=a b+c"}"#;
    let script = Script::new([
        Step::Answer(503, r#"{"Code":"ServiceUnavailable"}"#),
        Step::Answer(403, refused),
    ]);
    let client = script.client();
    assert_eq!(
        send_presigned(&client, presigned()).await.unwrap_err().kind(),
        Kind::Unavailable
    );
    assert_eq!(script.sent().len(), 1);
    let error = send_presigned(&client, presigned()).await.unwrap_err();
    assert!(!format!("{error} {error:?} {:?}", presigned()).contains("a b+c"));
}
