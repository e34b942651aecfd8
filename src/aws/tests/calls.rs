//! Calls of IAM, over a script.

use std::time::Duration;

use crate::aws::Region;
use crate::aws::iam::Iam;
use crate::cloud::credentials::Credentials;
use crate::cloud::testing::{Script, Step};
use crate::cloud::{Deadline, Kind};

const DONE: Step = Step::Answer(200, "<DeleteUserResponse/>");
const EXPIRED: &str = "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired: it is \
                       late</Message></Error><RequestId>R-1</RequestId></ErrorResponse>";
const THROTTLED: Step = Step::Answer(
    400,
    "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>R-1</RequestId>\
     </ErrorResponse>",
);

fn iam(script: &Script, region: &str) -> Iam {
    let credentials = Credentials::new("AKIAEXAMPLE", "secret").with_token("a-token");
    Iam::new(
        &script.client(),
        credentials,
        &region.parse::<Region>().unwrap(),
        None,
    )
}

fn expired(date: &str) -> Step {
    Step::AnswerWith("date", date.to_owned(), 403, EXPIRED)
}

#[tokio::test]
async fn a_call_is_a_signed_form() {
    let script = Script::new([DONE]);
    iam(&script, "eu-west-1").delete_user("vault-u").await.unwrap();
    let [sent] = &script.sent()[..] else {
        panic!("one call")
    };
    assert_eq!(sent.endpoint, "iam.amazonaws.com");
    for (name, value) in [
        ("Action", "DeleteUser"),
        ("Version", "2010-05-08"),
        ("UserName", "vault-u"),
    ] {
        assert_eq!(sent.value(name), Some(value));
    }
    let header = |name: &str| sent.headers[name].to_str().unwrap();
    assert_eq!(header("x-amz-date"), "20240229T235959Z");
    assert_eq!(header("x-amz-security-token"), "a-token");
    let authorization = header("authorization");
    assert!(
        authorization.contains("AKIAEXAMPLE/20240229/us-east-1/iam/aws4_request"),
        "{authorization}"
    );
    assert!(authorization.contains("content-type;host;x-amz-date;x-amz-security-token"));
    assert!(sent.headers["authorization"].is_sensitive());
}

#[tokio::test]
async fn each_partition_has_its_host_and_its_signing_region() {
    for (region, host, scope) in [
        (
            "cn-northwest-1",
            "iam.cn-north-1.amazonaws.com.cn",
            "/cn-north-1/iam/",
        ),
        ("us-gov-east-1", "iam.us-gov.amazonaws.com", "/us-gov-west-1/iam/"),
    ] {
        let script = Script::new([DONE]);
        iam(&script, region).delete_user("u").await.unwrap();
        let sent = &script.sent()[0];
        assert_eq!(sent.endpoint, host);
        assert!(sent.headers["authorization"].to_str().unwrap().contains(scope));
    }
}

#[tokio::test]
async fn another_endpoint_does_not_change_what_is_signed() {
    let script = Script::new([DONE]);
    let credentials = Credentials::new("AKIAEXAMPLE", "secret");
    let endpoint = "iam.internal.example".parse().unwrap();
    let region: Region = "eu-west-1".parse().unwrap();
    let iam = Iam::new(&script.client(), credentials, &region, Some(endpoint));
    iam.delete_user("u").await.unwrap();
    let sent = &script.sent()[0];
    assert_eq!(sent.endpoint, "iam.internal.example");
    assert!(
        sent.headers["authorization"]
            .to_str()
            .unwrap()
            .contains("/us-east-1/iam/")
    );
}

#[tokio::test]
async fn a_wrong_clock_costs_one_more_try() {
    for (date, signed) in [
        ("Fri, 01 Mar 2024 01:59:59 GMT", "20240301T015959Z"),
        ("Thu, 29 Feb 2024 22:59:59 GMT", "20240229T225959Z"),
    ] {
        let script = Script::new([expired(date), DONE]);
        iam(&script, "us-east-1").delete_user("u").await.unwrap();
        let sent = script.sent();
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[1].headers["x-amz-date"], signed);
    }
}

#[tokio::test]
async fn a_clock_that_stays_refused_is_named_with_the_difference() {
    for (steps, calls, text) in [
        (
            vec![
                expired("Fri, 01 Mar 2024 01:59:59 GMT"),
                expired("Fri, 01 Mar 2024 01:59:59 GMT"),
            ],
            2,
            "late; this machine's clock is 2 h 0 min behind it",
        ),
        (
            vec![
                expired("Thu, 29 Feb 2024 22:59:59 GMT"),
                expired("Thu, 29 Feb 2024 22:59:59 GMT"),
            ],
            2,
            "late; this machine's clock is 60 min ahead of it",
        ),
        (
            vec![expired("Thu, 29 Feb 2024 23:59:49 GMT")],
            1,
            "this machine's clock agrees with it",
        ),
        (
            vec![Step::Answer(403, EXPIRED)],
            1,
            "Signature expired: it is late",
        ),
    ] {
        let script = Script::new(steps);
        let error = iam(&script, "us-east-1").delete_user("u").await.unwrap_err();
        assert_eq!((error.kind(), script.sent().len()), (Kind::Clock, calls));
        assert!(error.message().contains(text), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_with_status_400_is_waited_out() {
    let script = Script::new([THROTTLED, THROTTLED, DONE]);
    iam(&script, "us-east-1").delete_user("u").await.unwrap();
    assert_eq!(script.sent().len(), 3);
    let script = Script::by_action(|_| THROTTLED, []);
    let iam = iam(&script, "us-east-1").by(Deadline::after(Duration::from_secs(20)));
    let error = iam.delete_user("u").await.unwrap_err();
    assert_eq!((error.kind(), error.request_id()), (Kind::Throttled, Some("R-1")));
}

#[tokio::test]
async fn a_new_user_tells_its_account() {
    let script = Script::new([Step::Answer(
        200,
        "<CreateUserResponse><CreateUserResult><User><Path>/</Path><UserName>u</UserName><UserId>AIDA1</UserId>\
         <Arn>arn:aws:iam::123456789012:user/u</Arn></User></CreateUserResult></CreateUserResponse>",
    )]);
    let user = iam(&script, "us-east-1").create_user("u").await.unwrap();
    assert_eq!(
        (user.id.as_deref(), user.account.as_deref()),
        (Some("AIDA1"), Some("123456789012"))
    );
}

#[tokio::test]
async fn lists_are_read_to_their_last_page() {
    let script = Script::new([
        Step::Answer(
            200,
            "<ListUserPoliciesResponse><ListUserPoliciesResult><PolicyNames><member>a</member><member>b</member>\
             </PolicyNames><IsTruncated>true</IsTruncated><Marker>m</Marker></ListUserPoliciesResult>\
             </ListUserPoliciesResponse>",
        ),
        Step::Answer(
            200,
            "<ListUserPoliciesResponse><ListUserPoliciesResult><PolicyNames><member>c</member></PolicyNames>\
             <IsTruncated>false</IsTruncated></ListUserPoliciesResult></ListUserPoliciesResponse>",
        ),
    ]);
    let names = iam(&script, "us-east-1").list_user_policies("u").await.unwrap();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(script.sent()[1].value("Marker"), Some("m"));

    let endless = Script::by_action(
        |_| {
            Step::Answer(
                200,
                "<ListGroupsForUserResponse><ListGroupsForUserResult><Groups><member><GroupName>g</GroupName></member>\
                 </Groups><IsTruncated>true</IsTruncated><Marker>m</Marker></ListGroupsForUserResult>\
                 </ListGroupsForUserResponse>",
            )
        },
        [],
    );
    let error = iam(&endless, "us-east-1")
        .list_groups_for_user("u")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Unexpected);
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_answer_was_lost_is_deleted_and_another_one_made() {
    let key = "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><UserName>u</UserName><AccessKeyId>AKIA2\
               </AccessKeyId><Status>Active</Status><SecretAccessKey>a/b+c</SecretAccessKey></AccessKey>\
               </CreateAccessKeyResult></CreateAccessKeyResponse>";
    let list = "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata><member><AccessKeyId>AKIA1\
                </AccessKeyId></member><member><AccessKeyId>AKIA2</AccessKeyId></member></AccessKeyMetadata>\
                </ListAccessKeysResult></ListAccessKeysResponse>";
    let script = Script::new([
        Step::Answer(500, ""),
        Step::Answer(200, list),
        Step::Answer(200, "<DeleteAccessKeyResponse/>"),
        Step::Answer(200, "<DeleteAccessKeyResponse/>"),
        Step::Answer(200, key),
        Step::Answer(200, list),
        Step::Answer(200, "<DeleteAccessKeyResponse/>"),
    ]);
    let made = iam(&script, "us-east-1")
        .create_only_access_key("u")
        .await
        .unwrap();
    assert_eq!(made.id, "AKIA2");
    let sent = script.sent();
    assert_eq!(sent.last().unwrap().value("AccessKeyId"), Some("AKIA1"));
    assert!(!format!("{made:?}").contains("a/b+c"));
}
