//! Logins and renewals that depend on the tags of a RAM role, with a script in the place of STS and RAM.

use std::sync::Mutex;

use tokio::time::{Instant, sleep};

use super::*;
use crate::cloud::testing::Sent;

const ROLE: &str =
    r#"{"RequestId":"R-2","Role":{"RoleName":"Dev","RoleId":"300","Arn":"acs:ram::12345:role/Dev"}}"#;
const TAGS: &str = r#"{"RequestId":"R-3","TagResources":[
    {"ResourceType":"role","ResourceName":"Dev","TagKey":"team","TagValue":"blue"},
    {"ResourceType":"role","ResourceName":"Dev","TagKey":"env","TagValue":"*"}]}"#;
const DENIED: &str = r#"{"RequestId":"R-4","Code":"NoPermission","Message":"the key hush may not"}"#;

/// What RAM does to a call, the status of the login, and what its text says.
type Failing = (fn() -> Step, u16, &'static str);

fn usual(action: &str) -> Step {
    match action {
        "GetRole" => Step::Answer(200, ROLE),
        "ListTagResources" => Step::Answer(200, TAGS),
        _ => Step::Answer(200, SESSION),
    }
}

fn of(script: Script) -> Mount {
    Mount {
        backend: backend(&script),
        storage: Arc::new(MemoryStorage::default()),
        script,
        system: FixedSystem::default(),
    }
}

/// A mount with a key pair, whose cloud answers as usual but for these steps.
async fn mount(role: Value, steps: impl IntoIterator<Item = (&'static str, Step)>) -> Mount {
    of(Script::by_action(usual, steps))
        .with_role(role)
        .await
        .with_config(json!({"access_key": "reader", "secret_key": "hush"}))
        .await
}

fn bound() -> Value {
    json!({"arn": ARN, "bound_tags": {"team": "blue", "env": "*"}})
}

/// A login that no other has signed.
fn another(number: usize) -> Value {
    payload("dev", &[("SignatureNonce", &format!("{number:032}"))])
}

fn actions(mount: &Mount) -> Vec<String> {
    let action = |sent: &Sent| sent.value("Action").unwrap_or("GetCallerIdentity").to_owned();
    mount.script.sent().iter().map(action).collect()
}

fn coded(error: &Error) -> u16 {
    match error.kind() {
        Kind::Coded(status) => status.code(),
        Kind::BadRequest => 400,
        _ => 500,
    }
}

#[tokio::test]
async fn tags_are_read_after_the_signature_with_the_mounts_own_key() {
    let mount = mount(bound(), []).await;
    mount.login(another(1)).await.unwrap();
    assert_eq!(
        actions(&mount),
        ["GetCallerIdentity", "GetRole", "ListTagResources"]
    );
    for call in &mount.script.sent()[1..] {
        assert_eq!(call.endpoint, "ram.aliyuncs.com");
        assert_eq!(call.value("AccessKeyId"), Some("reader"));
    }
    mount
        .ask(
            Operation::Update,
            "config",
            json!({"ram_endpoint": "ram.example.com"}),
            None,
        )
        .await
        .unwrap();
    mount.login(another(2)).await.unwrap();
    assert_eq!(mount.script.sent()[4].endpoint, "ram.example.com");
}

#[tokio::test]
async fn nobody_makes_this_server_ask_ram_who_could_not_log_in_without_tags() {
    let refused = r#"{"RequestId":"R","Code":"SignatureDoesNotMatch"}"#;
    for (role, step, refusal) in [
        (
            bound(),
            Step::Answer(400, refused),
            "STS refused the signed request",
        ),
        (
            json!({"arn": "acs:ram::12345:role/other", "bound_tags": "team=blue"}),
            Step::Answer(200, SESSION),
            "the caller's arn does not match the role's arn",
        ),
        (
            json!({"bound_account_ids": "12345", "bound_tags": "team=blue"}),
            Step::Answer(200, USER),
            "the role has bound_tags, and the caller is not a session of a RAM role",
        ),
    ] {
        let mount = mount(role, [("", step)]).await;
        let error = mount.refusal(another(1)).await;
        assert!(error.message().starts_with(refusal), "{error}");
        assert_eq!((coded(&error), actions(&mount).len()), (403, 1));
    }
    let mount = mount(json!({"arn": ARN}), []).await;
    mount.login(another(1)).await.unwrap();
    assert_eq!(actions(&mount).len(), 1);
}

#[tokio::test]
async fn only_the_callers_own_role_counts_and_only_with_all_tags() {
    let other_id =
        r#"{"RequestId":"R","Role":{"RoleName":"Dev","RoleId":"301","Arn":"acs:ram::12345:role/Dev"}}"#;
    let other_account =
        r#"{"RequestId":"R","Role":{"RoleName":"Dev","RoleId":"300","Arn":"acs:ram::54321:role/Dev"}}"#;
    let nothing = r#"{"RequestId":"R","Code":"EntityNotExist.Role"}"#;
    let unseen = "the role has bound_tags, and the caller's RAM role is not in the account of this mount's credentials";
    let lacking = "the caller's RAM role does not have all of the role's bound_tags";
    for (action, status, body, refusal, calls) in [
        ("GetRole", 200, other_id, unseen, 2),
        ("GetRole", 200, other_account, unseen, 2),
        ("GetRole", 404, nothing, unseen, 2),
        ("ListTagResources", 404, nothing, unseen, 3),
        ("ListTagResources", 200, r#"{"RequestId":"R"}"#, lacking, 3),
        (
            "ListTagResources",
            200,
            r#"{"RequestId":"R","TagResources":[{"ResourceType":"role","ResourceName":"Dev","TagKey":"team","TagValue":"blue"}]}"#,
            lacking,
            3,
        ),
        (
            "ListTagResources",
            200,
            r#"{"RequestId":"R","TagResources":[
                {"ResourceType":"role","ResourceName":"Other","TagKey":"team","TagValue":"blue"},
                {"ResourceType":"role","ResourceName":"Other","TagKey":"env","TagValue":"*"}]}"#,
            lacking,
            3,
        ),
    ] {
        let mount = mount(bound(), [(action, Step::Answer(status, body))]).await;
        let error = mount.refusal(another(1)).await;
        assert!(error.message().starts_with(refusal), "{body}: {error}");
        assert_eq!((coded(&error), actions(&mount).len()), (403, calls), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn tags_that_cannot_be_read_let_nobody_in() {
    let cases: [Failing; 8] = [
        (
            || Step::Answer(403, DENIED),
            403,
            "an operator must allow ram:GetRole and ram:ListTagResources",
        ),
        (
            || Step::Answer(400, r#"{"RequestId":"R-4","Code":"Throttling.User"}"#),
            429,
            "RAM throttles requests",
        ),
        (
            || Step::Answer(503, r#"{"RequestId":"R-4","Code":"ServiceUnavailable"}"#),
            503,
            "RAM could not be asked",
        ),
        (
            || Step::Answer(404, r#"{"RequestId":"R-4","Code":"InvalidAccessKeyId.NotFound"}"#),
            403,
            "RAM refuses the credentials",
        ),
        (
            || Step::Answer(200, "<html>hush</html>"),
            502,
            "RAM gave no answer that can be used",
        ),
        (
            || Step::Fail(Failure::Interrupted),
            502,
            "RAM gave no answer that can be used",
        ),
        (
            || Step::Fail(Failure::Connect("10.0.0.1: refused".into())),
            503,
            "RAM could not be asked",
        ),
        (|| Step::Silence, 503, "RAM could not be asked"),
    ];
    for config in [json!({}), json!({"ram_tags_metadata": "team"})] {
        for action in ["GetRole", "ListTagResources"] {
            for (step, status, text) in &cases {
                let role = if config == json!({}) {
                    bound()
                } else {
                    json!({"arn": ARN})
                };
                let steps = (0..8).map(|_| (action, step()));
                let mount = mount(role, steps).await.with_config(config.clone()).await;
                let error = mount.refusal(another(1)).await;
                let begin = "cannot read the tags of the caller's RAM role: ";
                assert!(error.message().starts_with(begin), "{error}");
                assert!(error.message().contains(text), "{text}: {error}");
                assert_eq!(coded(&error), *status, "{error}");
                for hidden in ["hush", "10.0.0.1", "may not", "reader"] {
                    assert!(!error.message().contains(hidden), "{error}");
                }
            }
        }
    }
    // Nothing that was not read is remembered.
    let mount = mount(bound(), [("GetRole", Step::Answer(403, DENIED))]).await;
    let error = mount.refusal(another(1)).await;
    assert!(
        error
            .message()
            .ends_with("(GetRole: NoPermission, request id R-4)"),
        "{error}"
    );
    mount.login(another(2)).await.unwrap();
}

#[tokio::test]
async fn without_a_key_pair_and_an_environment_there_are_no_tags() {
    let mount = of(Script::by_action(usual, [])).with_role(bound()).await;
    let error = mount.refusal(another(1)).await;
    let text = "an operator must write access_key and secret_key to the configuration of this mount";
    assert!(error.message().contains(text), "{error}");
    assert_eq!((coded(&error), actions(&mount).len()), (403, 1));
}

#[tokio::test(start_paused = true)]
async fn tags_are_kept_for_a_moment() {
    let mount = mount(bound(), []).await;
    for number in 0..5 {
        mount.login(another(number)).await.unwrap();
    }
    assert_eq!(actions(&mount).len(), 5 + 2);
    sleep(Duration::from_secs(10)).await;
    mount.login(another(5)).await.unwrap();
    assert_eq!(actions(&mount).len(), 6 + 4);
    // Other credentials may see something else.
    mount
        .ask(Operation::Update, "config", json!({"ram_metadata": "arn"}), None)
        .await
        .unwrap();
    mount.login(another(6)).await.unwrap();
    assert_eq!(actions(&mount).len(), 7 + 6);
}

#[tokio::test(start_paused = true)]
async fn logins_of_one_role_at_the_same_time_ask_once() {
    let slow = || Step::AnswerLater(Duration::from_secs(1), 200, ROLE);
    let mount = mount(bound(), (0..40).map(|_| ("GetRole", slow()))).await;
    let mount = Arc::new(mount);
    let logins: Vec<_> = (0..40)
        .map(|number| {
            let mount = Arc::clone(&mount);
            tokio::spawn(async move { mount.login(another(number)).await.map(|_| ()) })
        })
        .collect();
    for login in logins {
        login.await.unwrap().unwrap();
    }
    let asked = actions(&mount)
        .iter()
        .filter(|action| *action == "GetRole")
        .count();
    assert_eq!(asked, 1);
}

#[tokio::test(start_paused = true)]
async fn ram_that_does_not_answer_holds_few_logins_and_none_without_tags() {
    let silent = |sent: &Sent| match sent.value("Action") {
        Some("GetRole") => Step::Silence,
        _ => usual(""),
    };
    let mount = of(Script::by_call(silent))
        .with_role(bound())
        .await
        .with_config(json!({"access_key": "reader", "secret_key": "hush"}))
        .await;
    mount
        .ask(Operation::Create, "role/free", json!({"arn": ARN}), None)
        .await
        .unwrap();
    let mount = Arc::new(mount);
    let refused = Arc::new(Mutex::new(Vec::new()));
    let start = Instant::now();
    let logins: Vec<_> = (0..60)
        .map(|number| {
            let (mount, refused) = (Arc::clone(&mount), Arc::clone(&refused));
            tokio::spawn(async move {
                assert_eq!(coded(&mount.refusal(another(number)).await), 503);
                refused.lock().unwrap().push(start.elapsed());
            })
        })
        .collect();
    sleep(Duration::from_secs(1)).await;
    let before = Instant::now();
    let free = payload("free", &[("SignatureNonce", &format!("{:032}", 100))]);
    mount.login(free).await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
    for login in logins {
        login.await.unwrap();
    }
    let refused = refused.lock().unwrap().clone();
    let soon = refused
        .iter()
        .filter(|after| **after <= Duration::from_secs(2))
        .count();
    assert_eq!(soon, 60 - 16, "{refused:?}");
    assert!(
        refused.iter().all(|after| *after <= Duration::from_secs(11)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn tags_become_alias_metadata_beside_the_identity() {
    let role = json!({"arn": ARN, "alias_metadata": {"ram_tag_team": "never", "ram_tag_none": "default"}});
    let config = json!({"ram_tags_metadata": "team,none", "ram_metadata": "role_id"});
    let mount = mount(role, []).await.with_config(config).await;
    let auth = mount.login(another(1)).await.unwrap();
    let metadata = [
        ("ram_tag_team", "blue"),
        ("ram_tag_none", "default"),
        ("role_id", "300"),
    ];
    let expected = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(auth.alias.unwrap().metadata, BTreeMap::from(expected));
    assert!(!auth.metadata.contains_key("ram_tag_team"));

    mount
        .ask(
            Operation::Update,
            "config",
            json!({"ram_tags_metadata": "team,env"}),
            None,
        )
        .await
        .unwrap();
    let error = mount.refusal(another(2)).await;
    assert!(
        error
            .message()
            .starts_with("the tag \"env\" of the caller's RAM role cannot be metadata"),
        "{error}"
    );
    assert_eq!(coded(&error), 403);
}

#[tokio::test]
async fn who_has_no_tags_that_can_be_read_has_none_as_metadata() {
    let nothing = r#"{"RequestId":"R","Code":"EntityNotExist.Role"}"#;
    for (step, calls) in [
        (("", Step::Answer(200, USER)), 1),
        (("GetRole", Step::Answer(404, nothing)), 2),
    ] {
        let mount = mount(json!({"bound_account_ids": "12345"}), [step])
            .await
            .with_config(json!({"ram_tags_metadata": "team"}))
            .await;
        let auth = mount.login(another(1)).await.unwrap();
        assert!(auth.alias.unwrap().metadata.is_empty());
        assert_eq!(actions(&mount).len(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_asks_for_the_tags_of_then() {
    let changed = r#"{"RequestId":"R","TagResources":[]}"#;
    let steps = [
        ("ListTagResources", Step::Answer(200, TAGS)),
        ("ListTagResources", Step::Answer(200, TAGS)),
        ("ListTagResources", Step::Answer(403, DENIED)),
        ("ListTagResources", Step::Answer(200, changed)),
    ];
    let mount = mount(bound(), steps).await;
    let auth = mount.login(another(1)).await.unwrap();
    let renew = async || {
        sleep(Duration::from_secs(11)).await;
        let mut request = Request::new(Operation::Renew, "login");
        request.auth = Some(auth.clone());
        let services = testing::services(Arc::clone(&mount.storage), mount.system);
        let context = testing::context_of(&mount.backend, request, services, CancellationToken::new());
        mount.backend.handle(context).await
    };
    assert!(renew().await.is_ok());
    assert_eq!(coded(&renew().await.err().unwrap()), 403);
    let error = renew().await.err().unwrap();
    assert_eq!(
        error.message(),
        "the caller's RAM role does not have all of the role's bound_tags"
    );
    assert_eq!((coded(&error), actions(&mount).len()), (400, 1 + 4 * 2));
}
