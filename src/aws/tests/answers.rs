//! What the answers of IAM, and of what stands before it, mean.

use http::HeaderMap;
use zeroize::Zeroizing;

use crate::aws::answer::{check, read};
use crate::cloud::credentials::Credentials;
use crate::cloud::{Answer, Error, Kind};

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        headers: HeaderMap::new(),
        body: Zeroizing::new(body.as_bytes().to_vec()),
    }
}

fn refusal(answer: &Answer) -> Error {
    let credentials = Credentials::new("AKIA1", "the-secret").with_token("the/token");
    check("DeleteUser", Some(&credentials), answer).expect_err("an error")
}

fn error(status: u16, body: &str) -> Error {
    refusal(&answer(status, body))
}

fn shape(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>R-1</RequestId></ErrorResponse>"
    )
}

#[test]
fn the_code_decides_and_the_message_is_aws_own() {
    let denied = "User: arn:aws:iam::000000000000:user/hashicorp is not authorized to perform: iam:DeleteUser on resource: \
                  arn:aws:iam::000000000000:user/vault-root-1432735386-4059";
    let error = error(403, &shape("AccessDenied", denied));
    assert_eq!((error.kind(), error.message()), (Kind::Denied, denied));
    assert_eq!(
        (error.code(), error.request_id()),
        (Some("AccessDenied"), Some("R-1"))
    );
    for (status, code, kind, unknown) in [
        (404, "NoSuchEntity", Kind::NotFound, false),
        (409, "EntityAlreadyExists", Kind::Exists, false),
        (409, "DeleteConflict", Kind::Conflict, false),
        (409, "LimitExceeded", Kind::LimitExceeded, false),
        (409, "ConcurrentModification", Kind::Unavailable, false),
        (409, "EntityTemporarilyUnmodifiable", Kind::Unavailable, false),
        (400, "Throttling", Kind::Throttled, false),
        (400, "RequestLimitExceeded", Kind::Throttled, false),
        (503, "SlowDown", Kind::Throttled, false),
        (500, "ServiceFailure", Kind::Unavailable, true),
        (503, "ServiceUnavailable", Kind::Unavailable, true),
        (400, "MalformedPolicyDocument", Kind::Invalid, false),
        (403, "InvalidClientTokenId", Kind::Credentials, false),
        (403, "ExpiredToken", Kind::Credentials, false),
        (403, "SignatureDoesNotMatch", Kind::Credentials, false),
        (400, "RequestExpired", Kind::Clock, false),
        (400, "SomethingNew", Kind::Invalid, false),
        (403, "SomethingNew", Kind::Denied, false),
        (404, "SomethingNew", Kind::Invalid, false),
        (502, "SomethingNew", Kind::Unavailable, true),
    ] {
        let error = self::error(status, &shape(code, "no"));
        assert_eq!(
            (error.kind(), error.outcome_unknown()),
            (kind, unknown),
            "{status} {code}"
        );
    }
}

#[test]
fn errors_are_read_in_every_shape() {
    for body in [
        shape("NoSuchEntity", "The user cannot be found."),
        "<Response><Errors><Error><Code>NoSuchEntity</Code><Message>The user cannot be found.</Message></Error></Errors>\
         <RequestID>R-1</RequestID></Response>"
            .to_owned(),
        "<Error><Code>NoSuchEntity</Code><Message>The user cannot be found.</Message><RequestId>R-1</RequestId></Error>"
            .to_owned(),
        r#"{"Error":{"Code":"NoSuchEntity","Message":"The user cannot be found."},"RequestId":"R-1"}"#.to_owned(),
        r#"{"__type":"com.amazonaws.iam#NoSuchEntity","message":"The user cannot be found.","requestId":"R-1"}"#
            .to_owned(),
    ] {
        let error = error(404, &body);
        assert_eq!(
            error.to_string(),
            "DeleteUser: NoSuchEntity: The user cannot be found. (request id R-1)",
            "{body}"
        );
        assert!(error.is_not_found());
    }
    let mut in_headers = answer(404, "");
    in_headers.headers.insert(
        "x-amzn-errortype",
        "NoSuchEntity:http://internal.amazon.com/coral/".parse().unwrap(),
    );
    in_headers
        .headers
        .insert("x-amzn-requestid", "R-2".parse().unwrap());
    let error = refusal(&in_headers);
    assert_eq!((error.kind(), error.request_id()), (Kind::NotFound, Some("R-2")));
}

#[test]
fn what_is_no_answer_of_iam_is_said_to_be_none() {
    for (status, body, kind, unknown) in [
        (200, "", Kind::Unexpected, true),
        (200, "<html/>", Kind::Unexpected, true),
        (200, "<CreateUserResponse/>", Kind::Unexpected, true),
        (302, "", Kind::Unexpected, true),
        (
            403,
            "<!DOCTYPE html><html>NoSuchEntity</html>",
            Kind::Unexpected,
            true,
        ),
        (404, "<html><body>not found</body></html>", Kind::Unexpected, true),
        (407, "", Kind::Connect, false),
        (429, "[]", Kind::Throttled, false),
        (
            502,
            "<html><head><title>502</title></head></html>",
            Kind::Unavailable,
            true,
        ),
        (503, "", Kind::Unavailable, true),
        (504, "\u{0}\u{1}", Kind::Unavailable, true),
    ] {
        let error = error(status, body);
        assert_eq!(
            (error.kind(), error.outcome_unknown()),
            (kind, unknown),
            "{status} {body}"
        );
        assert!(
            error.to_string().contains(&format!("(http status {status})")),
            "{error}"
        );
        if kind != Kind::Connect {
            assert!(error.to_string().contains("not an answer of IAM"), "{error}");
        }
    }
}

#[test]
fn no_secret_of_the_request_is_shown() {
    for code in ["AccessDenied", "SignatureDoesNotMatch", "the-secret", "Unknown"] {
        let error = error(
            403,
            &shape(code, "the canonical string is the-secret the/token the%2Ftoken"),
        );
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("the-secret") && !shown.contains("the/token"),
            "{shown}"
        );
        assert!(!shown.contains("the%2Ftoken"), "{shown}");
    }
}

#[test]
fn a_refused_time_and_a_refused_scope_are_told_from_a_wrong_secret() {
    let mut expired = answer(
        403,
        &shape(
            "SignatureDoesNotMatch",
            "Signature expired: 20240229T235959Z is now earlier than 20240301T000500Z",
        ),
    );
    assert_eq!(refusal(&expired).kind(), Kind::Clock);
    assert!(refusal(&expired).message().starts_with("Signature expired"));
    expired
        .headers
        .insert("date", "Fri, 01 Mar 2024 00:20:00 GMT".parse().unwrap());
    assert_eq!(refusal(&expired).kind(), Kind::Clock);
    let scope = error(
        403,
        &shape(
            "SignatureDoesNotMatch",
            "Credential should be scoped to a valid region.",
        ),
    );
    assert_eq!(scope.kind(), Kind::Credentials);
    assert!(scope.message().contains("valid region"));
    let wrong = error(
        403,
        &shape("SignatureDoesNotMatch", "The request signature we calculated"),
    );
    assert!(wrong.message().contains("does not belong"), "{wrong}");
}

#[test]
fn a_success_is_read_by_the_name_of_its_operation() {
    let body = "<DeleteUserResponse xmlns=\"u\"><ResponseMetadata><RequestId>R</RequestId></ResponseMetadata></DeleteUserResponse>";
    let answer = answer(200, body);
    assert!(check("DeleteUser", None, &answer).is_ok());
    assert!(read("DeleteUser", &answer).unwrap().child("User").is_none());
    assert!(read("CreateUser", &answer).is_err());
}
