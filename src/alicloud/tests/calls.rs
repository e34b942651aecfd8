//! The rules of a call, against a script and a paused clock.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::alicloud::endpoint;
use crate::alicloud::ram::Ram;
use crate::alicloud::sign::{EMPTY_BODY_SHA256, RequestV3};
use crate::cloud::credentials::Credentials;
use crate::cloud::testing::{Script, Step};
use crate::cloud::{Client, Deadline, Failure, Kind, Method};

const DONE: &str = r#"{"RequestId":"R-1"}"#;
const THROTTLED: &str = r#"{"RequestId":"R-2","Code":"Throttling.User","Message":"m"}"#;

fn ram(client: &Client) -> Ram {
    ram_of(client, Credentials::new("LTAI1", "s3cret").with_token("t0ken"))
}

fn ram_of(client: &Client, credentials: Credentials) -> Ram {
    Ram::new(client, credentials, endpoint::ram())
}

fn throttled_for(wait: Duration) -> Step {
    Step::AnswerWith("x-acs-retry-after", wait.as_millis().to_string(), 429, THROTTLED)
}

#[tokio::test(start_paused = true)]
async fn a_call_has_its_parameters_in_the_query_and_its_secrets_in_headers() {
    let script = Script::new([Step::Answer(200, DONE)]);
    ram(&script.client()).delete_user("alice").await.unwrap();
    let sent = script.sent().remove(0);
    assert_eq!(
        (sent.endpoint.as_str(), sent.query.as_str()),
        ("ram.aliyuncs.com", "UserName=alice")
    );
    let nonce = sent.headers["x-acs-signature-nonce"].to_str().unwrap();
    let signed = [
        ("host", "ram.aliyuncs.com"),
        ("x-acs-action", "DeleteUser"),
        ("x-acs-content-sha256", EMPTY_BODY_SHA256),
        ("x-acs-date", "2024-02-29T23:59:59Z"),
        ("x-acs-security-token", "t0ken"),
        ("x-acs-signature-nonce", nonce),
        ("x-acs-version", "2015-05-01"),
    ];
    for (name, value) in &signed[1..] {
        assert_eq!(sent.headers[*name], value, "{name}");
    }
    let request = RequestV3 {
        method: Method::Post,
        query: &sent.query,
        headers: &signed,
        body_sha256: EMPTY_BODY_SHA256,
    };
    let authorization = request.authorization("LTAI1", &"s3cret".into());
    assert_eq!(sent.headers["authorization"], authorization);
    for name in ["authorization", "x-acs-security-token"] {
        assert!(sent.headers[name].is_sensitive(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_with_a_port_is_signed_as_it_is_sent() {
    let script = Script::new([Step::Answer(200, DONE)]);
    let endpoint = "ram.internal:8443".parse().unwrap();
    let ram = Ram::new(&script.client(), Credentials::new("LTAI1", "s3cret"), endpoint);
    ram.delete_user("a").await.unwrap();
    let sent = script.sent().remove(0);
    let value = |name: &str| (name.to_owned(), sent.headers[name].to_str().unwrap().to_owned());
    let mut signed = vec![("host".to_owned(), "ram.internal:8443".to_owned())];
    signed.extend(
        [
            "x-acs-action",
            "x-acs-content-sha256",
            "x-acs-date",
            "x-acs-signature-nonce",
            "x-acs-version",
        ]
        .map(value),
    );
    let signed: Vec<_> = signed
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let request = RequestV3 {
        method: Method::Post,
        query: "UserName=a",
        headers: &signed,
        body_sha256: EMPTY_BODY_SHA256,
    };
    assert_eq!(
        sent.headers["authorization"],
        request.authorization("LTAI1", &"s3cret".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_in_a_header_is_refused_before_anything_is_sent() {
    for credentials in [
        Credentials::new("LTAI\n1", "s3cret"),
        Credentials::new("LTAI1", "s3cret").with_token("t\n"),
    ] {
        let script = Script::new([]);
        let error = ram_of(&script.client(), credentials)
            .delete_user("a")
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome_unknown()),
            (Kind::Credentials, false)
        );
        assert!(script.sent().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_is_made_again_with_a_new_nonce() {
    let script = Script::new([
        Step::Answer(400, THROTTLED),
        throttled_for(Duration::from_secs(3)),
        Step::Answer(200, r#"{"RequestId":"R","User":{"UserName":"a"}}"#),
    ]);
    let start = Instant::now();
    ram(&script.client()).create_user("a", None).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(3));
    let nonces: std::collections::HashSet<_> = script
        .sent()
        .iter()
        .map(|sent| sent.headers["x-acs-signature-nonce"].clone())
        .collect();
    assert_eq!(nonces.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn tries_are_bounded() {
    for (retries, sent) in [(0, 1), (1, 2), (3, 4)] {
        let script = Script::new((0..4).map(|_| Step::Answer(400, THROTTLED)));
        let client = script.client().with_max_retries(retries);
        let error = ram(&client).delete_user("a").await.unwrap_err();
        assert_eq!((error.kind(), script.sent().len()), (Kind::Throttled, sent));
        assert!(!error.outcome_unknown());
    }
}

/// What calls get during an outage.
fn outage(number: usize) -> Step {
    match number % 3 {
        0 => Step::Fail(Failure::Connect("refused".into())),
        1 => Step::Fail(Failure::Interrupted),
        _ => Step::Answer(503, "<html>"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_outlasts_an_outage_of_twenty_seconds() {
    for _ in 0..50 {
        let script = Script::new((0..13).map(outage));
        let client = script.client();
        let start = Instant::now();
        let last_try = tokio::time::timeout(Duration::from_secs(21), ram(&client).delete_user("a")).await;
        assert!(last_try.is_err(), "given up after {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_name_can_be_taken_once_is_repeated_after_a_lost_answer() {
    let exists = r#"{"RequestId":"R","Code":"EntityAlreadyExists.User","Message":"m"}"#;
    let script = Script::new([Step::Fail(Failure::Interrupted), Step::Answer(409, exists)]);
    let error = ram(&script.client()).create_user("a", None).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (Kind::Exists, true));
    let exists = r#"{"RequestId":"R","Code":"EntityAlreadyExists.Policy","Message":"m"}"#;
    let script = Script::new([Step::Answer(502, "<html>"), Step::Answer(409, exists)]);
    let error = ram(&script.client())
        .create_policy("p", "{}", "")
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (Kind::Exists, true));
}

#[tokio::test(start_paused = true)]
async fn a_creation_is_not_repeated_after_an_unknown_outcome() {
    for step in [
        Step::Fail(Failure::Interrupted),
        Step::Answer(500, r#"{"RequestId":"R","Code":"InternalError","Message":""}"#),
        Step::Answer(502, "<html>"),
        Step::AnswerLater(Duration::from_secs(60), 200, DONE),
    ] {
        let script = Script::new([step]);
        let error = ram(&script.client()).create_access_key("a").await.unwrap_err();
        assert!(error.outcome_unknown(), "{error}");
        assert_eq!(script.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_is_repeated_when_nothing_was_sent() {
    let script = Script::new([
        Step::Fail(Failure::Connect("dns".into())),
        Step::Answer(
            503,
            r#"{"RequestId":"R","Code":"ServiceUnavailable","Message":""}"#,
        ),
        Step::Answer(
            200,
            r#"{"RequestId":"R","AccessKey":{"AccessKeyId":"i","AccessKeySecret":"s"}}"#,
        ),
    ]);
    assert_eq!(
        ram(&script.client()).create_access_key("a").await.unwrap().id,
        "i"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_try_is_remembered_when_a_later_one_is_refused() {
    let script = Script::new([
        Step::Fail(Failure::Interrupted),
        Step::Answer(403, r#"{"RequestId":"R","Code":"NoPermission","Message":"no"}"#),
    ]);
    let error = ram(&script.client()).delete_user("a").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (Kind::Denied, true));
}

#[tokio::test(start_paused = true)]
async fn each_try_and_the_whole_call_have_their_time() {
    let script = Script::new((0..5).map(|_| Step::AnswerLater(Duration::from_secs(60), 200, DONE)));
    let start = Instant::now();
    let error = ram(&script.client()).delete_user("a").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (Kind::Timeout, true));
    assert!(
        start.elapsed() <= Duration::from_secs(45),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(script.sent().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn calls_that_must_be_over_in_time_are() {
    let script = Script::new((0..3).map(|_| Step::AnswerLater(Duration::from_secs(8), 200, DONE)));
    let start = Instant::now();
    let ram = ram(&script.client()).by(Deadline::after(Duration::from_secs(20)));
    ram.delete_user("a").await.unwrap();
    ram.delete_user("b").await.unwrap();
    let error = ram.delete_user("c").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (Kind::Timeout, true));
    assert_eq!(start.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_later_limit_never_extends_a_deadline() {
    let script = Script::new([Step::AnswerLater(Duration::from_secs(8), 200, DONE)]);
    let ram = ram(&script.client()).by(Deadline::after(Duration::from_secs(5)));
    let start = Instant::now();
    let nested = ram.by(Deadline::after(Duration::from_secs(60)));
    assert_eq!(nested.delete_user("a").await.unwrap_err().kind(), Kind::Timeout);
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_get_its_turn_in_time_was_never_sent() {
    let script = Script::new((0..20).map(|_| Step::Answer(200, DONE)));
    let ram = ram(&script.client());
    let start = Instant::now();
    let hurried = ram.by(Deadline::after(Duration::from_secs(1)));
    for _ in 0..20 {
        ram.delete_user("a").await.unwrap();
    }
    let error = hurried.delete_user("b").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome_unknown()), (Kind::Throttled, false));
    assert_eq!((start.elapsed().as_secs(), script.sent().len()), (1, 20));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_that_does_not_get_another_turn_tells_what_the_cloud_said() {
    let done = (0..19).map(|_| Step::Answer(200, DONE));
    let script = Script::new(done.chain([Step::Answer(400, THROTTLED)]));
    let ram = ram(&script.client()).by(Deadline::after(Duration::from_millis(900)));
    for _ in 0..19 {
        ram.delete_user("a").await.unwrap();
    }
    let error = ram.delete_user("b").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (Kind::Throttled, Some("Throttling.User"))
    );
    assert_eq!(script.sent().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_slows_all_of_its_account_and_no_other() {
    let script = Script::new(
        [throttled_for(Duration::from_secs(3))]
            .into_iter()
            .chain((0..4).map(|_| Step::Answer(200, DONE))),
    );
    let client = script.client();
    let refused = tokio::spawn({
        let ram = ram(&client);
        async move { ram.delete_user("a").await }
    });
    sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    ram(&client).delete_policy("another operation").await.unwrap();
    ram_of(&client, Credentials::new("LTAI2", "s3cret"))
        .delete_user("of another account")
        .await
        .unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    ram(&client).delete_user("b").await.unwrap();
    assert!(start.elapsed() > Duration::from_millis(2_900));
    refused.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn foreground_and_background_leave_permits_for_each_other() {
    for background in [true, false] {
        let script = Script::new((0..9).map(|_| Step::AnswerLater(Duration::from_secs(9), 200, DONE)));
        let client = script.client_with(4);
        let view = |background: bool| match background {
            true => ram(&client).in_background(),
            false => ram(&client),
        };
        let storm: Vec<_> = (0..8)
            .map(|_| {
                let ram = view(background);
                tokio::spawn(async move { ram.delete_user("a").await })
            })
            .collect();
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        view(!background).delete_user("b").await.unwrap();
        assert_eq!(
            start.elapsed().as_secs(),
            9,
            "storm in the background: {background}"
        );
        for call in storm {
            call.await.unwrap().unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_hangs_leaves_permits_to_another() {
    let script = Script::new((0..9).map(|_| Step::AnswerLater(Duration::from_secs(9), 200, DONE)));
    let client = script.client_with(8);
    let storm: Vec<_> = (0..8)
        .map(|_| {
            let ram = ram(&client);
            tokio::spawn(async move { ram.delete_user("a").await })
        })
        .collect();
    sleep(Duration::from_secs(1)).await;
    // Five of them are in flight, and six may be in the foreground.
    assert_eq!(script.sent().len(), 5);
    let elsewhere = Ram::new(
        &client,
        Credentials::new("LTAI1", "s3cret"),
        endpoint::sts(&"cn-hangzhou".parse().unwrap()),
    );
    let start = Instant::now();
    elsewhere.delete_user("b").await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 9);
    for call in storm {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_the_deadline_ends_the_call_at_once() {
    let script = Script::new([throttled_for(Duration::from_secs(300))]);
    let start = Instant::now();
    let error = ram(&script.client()).delete_user("a").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(300)));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_bounded_and_the_rest_wait_their_turn() {
    let script = Script::new((0..6).map(|_| Step::AnswerLater(Duration::from_secs(1), 200, DONE)));
    let client = script.client_with(2);
    let start = Instant::now();
    let calls = (0..6).map(|_| {
        let ram = ram(&client);
        tokio::spawn(async move { ram.delete_user("a").await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_gets_no_permit_was_never_sent() {
    let script = Script::new([Step::AnswerLater(Duration::from_secs(9), 200, DONE)]);
    let client = script.client_with(1).by(Deadline::after(Duration::from_secs(5)));
    let (first, second) = (ram(&client), ram(&client));
    let (first, second) = tokio::join!(first.delete_user("a"), second.create_access_key("a"));
    assert!(first.unwrap_err().outcome_unknown());
    let second = second.unwrap_err();
    assert_eq!((second.kind(), second.outcome_unknown()), (Kind::Timeout, false));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_gives_its_permit_back() {
    let steps = [
        Step::AnswerLater(Duration::from_secs(9), 200, DONE),
        Step::Answer(200, DONE),
    ];
    let client = Script::new(steps).client_with(1);
    let dropped = tokio::time::timeout(Duration::from_secs(1), ram(&client).delete_user("a")).await;
    assert!(dropped.is_err());
    ram(&client).delete_user("a").await.unwrap();
}
