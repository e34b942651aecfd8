//! A client without a network, for tests: a script of outcomes, a record of what was sent, and a clock that stands still.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::cloud::client::Client;
use crate::cloud::clock::{Clock, parse};
use crate::cloud::transport::{Answer, Failure, Request, Signer, Transport};
use http::{HeaderMap, HeaderName};

/// What a scripted transport does with one request.
pub(crate) enum Step {
    Answer(u16, &'static str),
    AnswerLater(Duration, u16, &'static str),
    /// With a body that is made for the call.
    Made(u16, String),
    /// None, for ever.
    Silence,
    /// With a header.
    AnswerWith(&'static str, String, u16, &'static str),
    Fail(Failure),
}

/// One request as it was sent, with its parameters decoded.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) endpoint: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    /// Those of the form; where the operation is named in a header, those of the query and what else is in headers.
    pub(crate) parameters: Vec<(String, String)>,
}

impl Sent {
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What answers when a script has no step for a call.
type Usual = Arc<dyn Fn(&Sent) -> Step + Send + Sync>;

#[derive(Default)]
struct Record {
    steps: Mutex<VecDeque<Step>>,
    /// Steps for one action each, taken before the others.
    by_action: Mutex<Vec<(&'static str, Step)>>,
    /// What answers when no step is left.
    usual: Option<Usual>,
    sent: Mutex<Vec<Sent>>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Record")
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Step")
    }
}

/// The script behind a client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script(Arc<Record>);

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let script = Self::default();
        script.0.steps.lock().unwrap().extend(steps);
        script
    }

    /// A script in which the order of calls does not matter: each call takes the first step of its own action, and when
    /// there is none the usual one.
    pub(crate) fn by_action(
        usual: fn(&str) -> Step,
        steps: impl IntoIterator<Item = (&'static str, Step)>,
    ) -> Self {
        let usual = move |sent: &Sent| usual(sent.value("Action").unwrap_or_default());
        let script = Self::by_call(usual);
        script.0.by_action.lock().unwrap().extend(steps);
        script
    }

    /// A script that answers each call as this function says.
    pub(crate) fn by_call(answer: impl Fn(&Sent) -> Step + Send + Sync + 'static) -> Self {
        Self(Arc::new(Record {
            usual: Some(Arc::new(answer)),
            ..Record::default()
        }))
    }

    fn step(&self, sent: &Sent) -> Step {
        let action = sent.value("Action").unwrap_or_default();
        let mut by_action = self.0.by_action.lock().unwrap();
        if let Some(at) = by_action.iter().position(|(name, _)| *name == action) {
            return by_action.remove(at).1;
        }
        let next = self.0.steps.lock().unwrap().pop_front();
        next.or_else(|| self.0.usual.as_ref().map(|usual| usual(sent)))
            .expect("the script has no more steps")
    }

    /// A client that follows the script, at `2024-02-29T23:59:59Z`.
    pub(crate) fn client(&self) -> Client {
        self.client_with(64)
    }

    /// The same at the time of this clock.
    pub(crate) fn client_at(&self, clock: &FixedClock) -> Client {
        Client::assemble(Box::new(self.clone()), Arc::new(clock.clone()), 64)
    }

    /// The same with so many calls in flight.
    pub(crate) fn client_with(&self, in_flight: usize) -> Client {
        Client::assemble(Box::new(self.clone()), Arc::new(FixedClock::default()), in_flight)
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.0.sent.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request, _: Signer) -> Result<Answer, Failure> {
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .unwrap()
                .into_owned()
        };
        let form = String::from_utf8(request.body.to_vec()).unwrap();
        let named = in_headers(&request.headers);
        let query = if named.is_empty() { "" } else { &*request.query };
        let pairs = form.split('&').chain(query.split('&'));
        let pairs = pairs.filter_map(|pair| pair.split_once('='));
        let pairs = pairs.map(|(name, value)| (decode(name), decode(value)));
        let sent = Sent {
            endpoint: request.endpoint.to_string(),
            parameters: named.into_iter().chain(pairs).collect(),
            query: request.query.to_string(),
            headers: request.headers,
        };
        let step = self.step(&sent);
        self.0.sent.lock().unwrap().push(sent);
        let mut headers = HeaderMap::new();
        let (status, body) = match step {
            Step::Answer(status, body) => (status, body.to_owned()),
            Step::AnswerLater(wait, status, body) => {
                tokio::time::sleep(wait).await;
                (status, body.to_owned())
            }
            Step::Made(status, body) => (status, body),
            Step::Silence => std::future::pending().await,
            Step::AnswerWith(name, value, status, body) => {
                headers.insert(HeaderName::from_static(name), value.parse().unwrap());
                (status, body.to_owned())
            }
            Step::Fail(failure) => return Err(failure),
        };
        Ok(Answer {
            status,
            headers,
            body: Zeroizing::new(body.into_bytes()),
        })
    }
}

/// Operation, version and signer of a request that has them in its headers, as parameters.
fn in_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let value = |name: &str| headers.get(name)?.to_str().ok();
    let signer = || {
        Some(
            value("authorization")?
                .split_once("Credential=")?
                .1
                .split_once(',')?
                .0,
        )
    };
    let (Some(action), Some(version), Some(signer)) =
        (value("x-acs-action"), value("x-acs-version"), signer())
    else {
        return Vec::new();
    };
    [("Action", action), ("Version", version), ("AccessKeyId", signer)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// A clock that stands still until it is advanced.
#[derive(Debug, Clone)]
pub(crate) struct FixedClock(Arc<Mutex<OffsetDateTime>>);

impl FixedClock {
    pub(crate) fn advance(&self, by: time::Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Default for FixedClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(parse("2024-02-29T23:59:59Z").unwrap())))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }
}
