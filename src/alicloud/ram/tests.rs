//! Each operation's parameters and answer.

use super::*;
use crate::alicloud::endpoint;
use crate::cloud::credentials::Credentials;
use crate::cloud::testing::{Script, Step};
use crate::cloud::{IgnoreNotFound as _, Kind};

const DONE: &str = r#"{"RequestId":"R"}"#;

fn with(body: &'static str) -> (Script, Ram) {
    let script = Script::new([Step::Answer(200, body)]);
    let ram = Ram::new(
        &script.client(),
        Credentials::new("id", "secret"),
        endpoint::ram(),
    );
    (script, ram)
}

/// The operation, and name and value of its parameters.
fn own(script: &Script) -> String {
    let sent = script.sent().remove(0);
    let own = sent
        .parameters
        .into_iter()
        .filter(|(name, _)| !["Version", "AccessKeyId"].contains(&name.as_str()));
    own.map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}

macro_rules! sends {
    ($($call:ident($($argument:expr),*) => $parameters:literal;)*) => {
        #[tokio::test]
        async fn operations_without_an_answer_send_their_parameters() {
            $({
                let (script, ram) = with(DONE);
                ram.$call($($argument),*).await.unwrap();
                assert_eq!(own(&script), $parameters);
            })*
        }
    };
}

sends! {
    delete_user("u") => "Action=DeleteUser UserName=u";
    add_user_to_group("u", "g") => "Action=AddUserToGroup GroupName=g UserName=u";
    delete_policy("p") => "Action=DeletePolicy PolicyName=p";
    delete_policy_version("p", "v2") => "Action=DeletePolicyVersion PolicyName=p VersionId=v2";
    attach_policy_to_user("u", &PolicyRef::system("P")) =>
        "Action=AttachPolicyToUser PolicyName=P PolicyType=System UserName=u";
    detach_policy_from_user("u", &PolicyRef::custom("P")) =>
        "Action=DetachPolicyFromUser PolicyName=P PolicyType=Custom UserName=u";
    delete_access_key("u", "k") => "Action=DeleteAccessKey UserAccessKeyId=k UserName=u";
    remove_user_from_group("u", "g") => "Action=RemoveUserFromGroup GroupName=g UserName=u";
    delete_login_profile("u") => "Action=DeleteLoginProfile UserName=u";
    unbind_mfa_device("u") => "Action=UnbindMFADevice UserName=u";
}

#[tokio::test]
async fn a_user_is_made_with_its_comments() {
    let (script, ram) =
        with(r#"{"RequestId":"R","User":{"UserName":"u","UserId":"1","Comments":"c","New":{}}}"#);
    let user = ram.create_user("u", Some("c")).await.unwrap();
    assert_eq!((user.id.as_str(), user.comments.as_deref()), ("1", Some("c")));
    assert_eq!(own(&script), "Action=CreateUser Comments=c UserName=u");
}

#[tokio::test]
async fn a_key_needs_id_and_secret() {
    let (_, ram) =
        with(r#"{"RequestId":"R","AccessKey":{"AccessKeyId":"i","AccessKeySecret":"very-secret"}}"#);
    let key = ram.create_access_key("u").await.unwrap();
    assert!(!format!("{key:?}").contains("very-secret"));
    for body in [
        DONE,
        r#"{"RequestId":"R","AccessKey":null}"#,
        r#"{"RequestId":"R","AccessKey":{"AccessKeyId":"i"}}"#,
        r#"{"RequestId":"R","AccessKey":{"AccessKeyId":"i","AccessKeySecret":""}}"#,
        r#"{"RequestId":"R","AccessKey":{"AccessKeySecret":"s"}}"#,
        r#"{"RequestId":"R","AccessKey":{"AccessKeyId":7,"AccessKeySecret":"s"}}"#,
    ] {
        let error = with(body).1.create_access_key("u").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome_unknown()),
            (Kind::Unexpected, true),
            "{body}"
        );
    }
}

#[tokio::test]
async fn lists_are_unwrapped_twice_and_may_be_empty() {
    let (_, ram) = with(
        r#"{"RequestId":"R","AccessKeys":{"AccessKey":[
            {"AccessKeyId":"a","Status":"Active","CreateDate":"2024-01-01T00:00:00Z"},
            {"AccessKeyId":"b","Status":"Inactive","CreateDate":""}]}}"#,
    );
    let keys = ram.list_access_keys("u").await.unwrap();
    assert_eq!(keys, ["a", "b"]);
    for body in [
        DONE,
        r#"{"RequestId":"R","Groups":{}}"#,
        r#"{"RequestId":"R","Groups":{"Group":[]}}"#,
    ] {
        assert!(with(body).1.list_groups_for_user("u").await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_age_of_a_key_is_by_the_clock_of_the_cloud() {
    // A quarter of an hour ahead of ours.
    let script = Script::new([Step::AnswerWith(
        "date",
        "Fri, 01 Mar 2024 00:14:59 GMT".to_owned(),
        200,
        r#"{"RequestId":"R","AccessKeys":{"AccessKey":[
            {"AccessKeyId":"LTAI1","CreateDate":"2024-03-01T00:14:29Z"},
            {"AccessKeyId":"LTAI2","CreateDate":"2024-03-01T00:15:29Z"},{"AccessKeyId":"LTAI3"}]}}"#,
    )]);
    let ram = Ram::new(
        &script.client(),
        Credentials::new("id", "secret"),
        endpoint::ram(),
    );
    let keys = ram.access_keys("u").await.unwrap();
    let ages: Vec<_> = keys.iter().map(|key| key.age.map(|age| age.as_secs())).collect();
    assert_eq!(ages, [Some(30), Some(0), None]);
}

#[tokio::test]
async fn policies_are_read() {
    let (_, ram) =
        with(r#"{"RequestId":"R","Policies":{"Policy":[{"PolicyName":"p","PolicyType":"System"}]}}"#);
    assert_eq!(
        ram.list_policies_for_user("u").await.unwrap(),
        [PolicyRef::system("p")]
    );
    let (script, ram) = with(r#"{"RequestId":"R","Policy":{"PolicyName":"p","PolicyType":"Custom"}}"#);
    ram.create_policy("p", "{}", "d").await.unwrap();
    assert_eq!(
        own(&script),
        "Action=CreatePolicy Description=d PolicyDocument={} PolicyName=p"
    );
    let (_, ram) = with(
        r#"{"RequestId":"R","PolicyVersions":{"PolicyVersion":[{"VersionId":"v1","IsDefaultVersion":true},{"VersionId":"v2"}]}}"#,
    );
    let versions = ram.list_policy_versions("p").await.unwrap();
    assert!(versions[0].is_default && !versions[1].is_default);
    let (_, ram) = with(
        r#"{"RequestId":"R","Users":{"User":[{"UserName":"u"}]},"Groups":{"Group":[{"GroupName":"g"}]},"Roles":{"Role":[{"RoleName":"r"}]}}"#,
    );
    let users = ram.list_users_with_policy(&PolicyRef::custom("p")).await.unwrap();
    assert_eq!(users, ["u"]);
}

#[tokio::test]
async fn a_role_is_read() {
    let (_, ram) =
        with(r#"{"RequestId":"R","Role":{"RoleName":"r","RoleId":"3","Arn":"a","MaxSessionDuration":3600}}"#);
    assert_eq!(ram.max_session_seconds("r").await.unwrap(), Some(3600));
    let (_, ram) = with(r#"{"RequestId":"R","Role":{"RoleName":"r","RoleId":"3","Arn":"a"}}"#);
    let role = ram.get_role("r").await.unwrap();
    assert_eq!(
        (role.name.as_str(), role.id.as_str(), role.arn.as_str()),
        ("r", "3", "a")
    );
}

#[tokio::test]
async fn tags_of_a_role_are_read_page_by_page_and_those_of_others_are_not() {
    let tag = |kind: &str, name: &str, pair: &str| {
        format!(r#"{{"ResourceType":"{kind}","ResourceName":"{name}",{pair}}}"#)
    };
    let first = [
        tag("role", "R", r#""TagKey":"a","TagValue":"1""#),
        tag("role", "r2", r#""TagKey":"b","TagValue":"2""#),
        tag("policy", "r", r#""TagKey":"c","TagValue":"3""#),
        tag("role", "r", r#""TagKey":"A","TagValue":"*""#),
    ];
    let first = format!(
        r#"{{"RequestId":"R","NextToken":"t/+=","TagResources":[{}]}}"#,
        first.join(",")
    );
    let second = tag("role", "r", r#""TagKey":"d","TagValue":null"#);
    let script = Script::new([
        Step::Made(200, first),
        Step::Made(
            200,
            format!(r#"{{"RequestId":"R","NextToken":"","TagResources":[{second}]}}"#),
        ),
        Step::Answer(200, DONE),
    ]);
    let ram = Ram::new(
        &script.client(),
        Credentials::new("id", "secret"),
        endpoint::ram(),
    );
    let tags = ram.list_role_tags("r").await.unwrap();
    let shown: Vec<_> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(shown, ["A=*", "a=1", "d="]);
    assert!(ram.list_role_tags("r").await.unwrap().is_empty());
    let sent = script.sent();
    for (call, next) in [(0, None), (1, Some("t/+="))] {
        for (name, value) in [
            ("Action", Some("ListTagResources")),
            ("ResourceType", Some("role")),
            ("ResourceNames", Some(r#"["r"]"#)),
            ("PageSize", Some("100")),
            ("NextToken", next),
        ] {
            assert_eq!(sent[call].value(name), value, "{name}");
        }
    }
}

#[tokio::test]
async fn a_list_of_tags_without_an_end_or_with_two_values_is_refused() {
    for body in [
        r#"{"RequestId":"R","NextToken":"t"}"#,
        r#"{"RequestId":"R","TagResources":[{"ResourceType":"role","ResourceName":"r","TagKey":"a","TagValue":"1"},
            {"ResourceType":"role","ResourceName":"r","TagKey":"a","TagValue":"2"}]}"#,
        r#"{"RequestId":"R","TagResources":[{"ResourceType":"role","ResourceName":"r"}]}"#,
        r#"{"RequestId":"R","TagResources":{"TagResource":[]}}"#,
    ] {
        let script = Script::by_call(move |_| Step::Answer(200, body));
        let ram = Ram::new(
            &script.client(),
            Credentials::new("id", "secret"),
            endpoint::ram(),
        );
        let error = ram.list_role_tags("r").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unexpected, "{body}");
        assert!(script.sent().len() <= 20);
    }
}

#[tokio::test]
async fn what_is_not_found_can_be_ignored() {
    let missing = r#"{"RequestId":"R","Code":"EntityNotExist.User","Message":"The user does not exist."}"#;
    let script = Script::new([Step::Answer(404, missing), Step::Answer(404, missing)]);
    let ram = Ram::new(
        &script.client(),
        Credentials::new("id", "secret"),
        endpoint::ram(),
    );
    assert!(ram.delete_user("u").await.unwrap_err().is_not_found());
    ram.delete_user("u").await.ignore_not_found().unwrap();
}

#[test]
fn a_policy_kind_is_read_in_any_letter_case_and_written_in_one() {
    assert_eq!("custom".parse(), Ok(PolicyKind::Custom));
    assert_eq!("System".parse(), Ok(PolicyKind::System));
    assert!("".parse::<PolicyKind>().is_err());
    assert_eq!(
        serde_json::to_string(&PolicyRef::system("p")).unwrap(),
        r#"{"PolicyName":"p","PolicyType":"System"}"#
    );
}

const KEY: &str = r#"{"RequestId":"R","AccessKey":{"AccessKeyId":"second","AccessKeySecret":"s"}}"#;
const FIRST_KEY: &str = r#"{"RequestId":"R","AccessKeys":{"AccessKey":[{"AccessKeyId":"first"}]}}"#;

#[tokio::test(start_paused = true)]
async fn a_key_whose_answer_was_lost_is_replaced() {
    let script = Script::new([
        Step::Answer(502, "<html>"),
        Step::Answer(200, FIRST_KEY),
        Step::Answer(200, DONE),
        Step::Answer(200, KEY),
        // The lost call was carried out late.
        Step::Answer(200, FIRST_KEY),
        Step::Answer(200, DONE),
    ]);
    let ram = Ram::new(
        &script.client(),
        Credentials::new("id", "secret"),
        endpoint::ram(),
    );
    assert_eq!(ram.create_only_access_key("u").await.unwrap().id, "second");
    let sent = script.sent();
    let actions: Vec<_> = sent.iter().filter_map(|sent| sent.value("Action")).collect();
    assert_eq!(
        actions,
        [
            "CreateAccessKey",
            "ListAccessKeys",
            "DeleteAccessKey",
            "CreateAccessKey",
            "ListAccessKeys",
            "DeleteAccessKey"
        ]
    );
    for deletion in [&sent[2], &sent[5]] {
        assert_eq!(deletion.value("UserAccessKeyId"), Some("first"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_key_that_cannot_be_looked_for_is_told() {
    let denied = r#"{"RequestId":"R","Code":"NoPermission","Message":"no"}"#;
    let script = Script::new([Step::Answer(502, "<html>"), Step::Answer(403, denied)]);
    let ram = Ram::new(
        &script.client(),
        Credentials::new("id", "secret"),
        endpoint::ram(),
    );
    let error = ram.create_only_access_key("u").await.unwrap_err();
    assert_eq!(
        (error.operation(), error.kind()),
        ("CreateAccessKey", Kind::Unavailable)
    );
    assert!(error.outcome_unknown());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_lost_key_leaves_the_outcome_unknown() {
    let denied = r#"{"RequestId":"R","Code":"NoPermission","Message":"no"}"#;
    let script = Script::new([
        Step::Answer(502, "<html>"),
        Step::Answer(200, FIRST_KEY),
        Step::Answer(200, DONE),
        Step::Answer(403, denied),
    ]);
    let ram = Ram::new(
        &script.client(),
        Credentials::new("id", "secret"),
        endpoint::ram(),
    );
    let error = ram.create_only_access_key("u").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied);
    assert!(error.outcome_unknown());
    assert_eq!(script.sent().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn keys_are_not_lost_without_end() {
    let lost = || {
        [
            Step::Answer(502, "<html>"),
            Step::Answer(200, FIRST_KEY),
            Step::Answer(200, DONE),
        ]
    };
    let script = Script::new((0..2).flat_map(|_| lost()).chain([Step::Answer(502, "<html>")]));
    let client = script.client().with_max_retries(2);
    let ram = Ram::new(&client, Credentials::new("id", "secret"), endpoint::ram());
    assert!(
        ram.create_only_access_key("u")
            .await
            .unwrap_err()
            .outcome_unknown()
    );
    assert_eq!(script.sent().len(), 7);
}
