//! Which refusals are answered with other credentials, and what a source without any is to the caller.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::alicloud::endpoint;
use crate::alicloud::ram::Ram;
use crate::cloud::credentials::{Credentials, Provider, ProviderError, SharedProvider};
use crate::cloud::testing::{Script, Step};
use crate::cloud::{Deadline, Error, IgnoreNotFound as _, Kind, Result};

const DONE: &str = r#"{"RequestId":"R"}"#;
const EXPIRED: &str = r#"{"RequestId":"R-1","Code":"InvalidSecurityToken.Expired","Message":"m"}"#;
const DENIED: &str = r#"{"RequestId":"R-2","Code":"NoPermission","Message":"m"}"#;

/// Gives one thing after another as it is told to forget, the last for ever.
#[derive(Debug, Clone)]
struct Source(Arc<Mutex<VecDeque<Given>>>);

type Given = Result<Option<Credentials>, ProviderError>;

impl Source {
    fn of(ids: &[&str]) -> SharedProvider {
        let given = ids
            .iter()
            .map(|id| Ok(Some(Credentials::new(*id, "s"))))
            .collect();
        SharedProvider::new(Self(Arc::new(Mutex::new(given))))
    }

    fn failing(outcome: Given) -> SharedProvider {
        SharedProvider::new(Self(Arc::new(Mutex::new([outcome].into()))))
    }
}

#[async_trait]
impl Provider for Source {
    async fn load(&self) -> Given {
        self.0.lock().unwrap().front().unwrap().clone()
    }

    fn invalidate(&self, refused: &Credentials) {
        let mut given = self.0.lock().unwrap();
        let known = matches!(given.front(), Some(Ok(Some(kept))) if kept.is_same(refused));
        if known && given.len() > 1 {
            given.pop_front();
        }
    }
}

/// Deletes a user; the outcome, and the keys that signed.
async fn run(provider: SharedProvider, steps: impl IntoIterator<Item = Step>) -> (Result<()>, Vec<String>) {
    let script = Script::new(steps);
    let ram = Ram::new(&script.client(), provider, endpoint::ram());
    let outcome = ram.delete_user("a").await;
    let keys = script
        .sent()
        .iter()
        .map(|sent| sent.value("AccessKeyId").unwrap().to_owned())
        .collect();
    (outcome, keys)
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_replaced_within_the_call() {
    let steps = [Step::Answer(400, EXPIRED), Step::Answer(200, DONE)];
    let (outcome, keys) = run(Source::of(&["one", "two"]), steps).await;
    assert!(outcome.is_ok());
    assert_eq!(keys, ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn the_same_again_is_not_tried_again() {
    let (outcome, keys) = run(Source::of(&["one"]), [Step::Answer(400, EXPIRED)]).await;
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), Some("InvalidSecurityToken.Expired"));
    assert_eq!(keys, ["one"]);
}

#[tokio::test(start_paused = true)]
async fn there_is_an_end_to_trying_others() {
    let steps = (0..3).map(|_| Step::Answer(400, EXPIRED));
    let (outcome, keys) = run(Source::of(&["one", "two", "three", "four"]), steps).await;
    assert_eq!(outcome.unwrap_err().kind(), Kind::Credentials);
    assert_eq!(keys, ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn a_lack_of_permission_is_no_reason_for_others() {
    let (outcome, keys) = run(Source::of(&["one", "two"]), [Step::Answer(403, DENIED)]).await;
    assert_eq!(outcome.unwrap_err().kind(), Kind::Denied);
    assert_eq!(keys, ["one"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_without_credentials() {
    let (outcome, keys) = run(Source::failing(Ok(None)), []).await;
    let error = outcome.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome_unknown()),
        (Kind::Credentials, false)
    );
    assert!(keys.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_source_was_refused_is_no_answer_to_the_call() {
    for (kind, expected) in [
        (Kind::NotFound, Kind::Credentials),
        (Kind::Exists, Kind::Credentials),
        (Kind::Denied, Kind::Credentials),
        (Kind::Timeout, Kind::Unavailable),
        (Kind::Interrupted, Kind::Unavailable),
        (Kind::Throttled, Kind::Throttled),
        (Kind::Connect, Kind::Connect),
    ] {
        let call = Error::new(kind, "AssumeRole", "m").with_outcome_unknown(true);
        let failed = ProviderError::of_call("test", "cannot assume", call);
        let error = run(Source::failing(Err(failed)), [])
            .await
            .0
            .ignore_not_found()
            .unwrap_err();
        assert_eq!((error.kind(), error.operation()), (expected, "DeleteUser"));
        assert!(!error.outcome_unknown());
        assert!(
            error.to_string().contains("test: cannot assume: AssumeRole"),
            "{error}"
        );
    }
}

/// Never answers.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl Provider for Silent {
    async fn load(&self) -> Given {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn looking_for_credentials_counts_within_the_deadline_of_the_call() {
    let script = Script::new([]);
    let client = script.client().by(Deadline::after(Duration::from_secs(3)));
    let ram = Ram::new(&client, SharedProvider::new(Silent), endpoint::ram());
    let start = Instant::now();
    let error = ram.create_access_key("a").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome_unknown()),
        (Kind::Unavailable, false)
    );
    assert_eq!(start.elapsed().as_secs(), 3);
}
