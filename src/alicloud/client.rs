//! The client: signs a call, sends it, sorts the answer, and repeats what may be repeated.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

use super::answer::interpret;
use super::credentials::{Credentials, SharedProvider};
use super::endpoint::Endpoint;
use super::error::{Error, Kind, Result};
use super::http::Https;
use super::pace::{Lines, Priority};
use super::parameters::Parameters;
use super::ram::Ram;
use super::retry::{Idempotency, Policy, TRIES, Tries};
use super::sign::{Method, add_common, add_signature_v1};
use super::sts::Sts;
use super::transport::{ANSWER_LIMIT, Answer, Failure, Request, Transport};
use crate::cloud::clock::{Clock, SystemClock};
use crate::cloud::random;

/// How long a place is kept after an answer when others wait for it.
const HANDOVER: Duration = Duration::from_millis(10);

/// Bounds of a client. The defaults are right for a server; none of them can weaken TLS.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calls on the wire at the same time; more wait for a place. Also the most idle connections kept per host.
    pub calls_in_flight: usize,
    /// For DNS, TCP, proxy and TLS together.
    pub connect_timeout: Duration,
    /// For one try, from connecting to the end of the answer.
    pub try_timeout: Duration,
    /// For a call with all its tries and pauses, and its time in line.
    pub call_timeout: Duration,
    /// Tries of a call, the first included.
    pub tries: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            calls_in_flight: 64,
            connect_timeout: Duration::from_secs(5),
            try_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(45),
            tries: TRIES,
        }
    }
}

/// Why options make no client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// No call could ever be made, or more than can be counted.
    #[error("a client needs between 1 and 4096 calls in flight")]
    CallsInFlight,
    /// A limit of zero time.
    #[error("a client needs time limits above zero")]
    NoTime,
    /// No try at all.
    #[error("a client needs at least one try")]
    NoTry,
}

/// Calls RAM and STS over one pool of HTTPS connections. A clone shares the pool and the lines in which calls wait:
/// make one per process.
///
/// Dropping the future of a call ends it: nothing goes on in the background.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    policy: Policy,
    /// The access key id in whose lines calls wait, where it is not that of the key that signs.
    account: Option<Arc<str>>,
    priority: Priority,
    /// For all calls together, where there is one.
    deadline: Option<Instant>,
}

struct Inner {
    transport: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    lines: Lines,
    places: Semaphore,
    /// The places that the background may take: when the cloud does not answer, it must not take them all.
    background_places: Semaphore,
    /// Places for requests that others signed, who need no token for it: they must not take the places of our own.
    guest_places: Semaphore,
    options: Options,
}

/// One call before it is signed.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    pub(super) version: &'static str,
    pub(super) idempotency: Idempotency,
    pub(super) parameters: Parameters,
}

impl Client {
    /// A client with the default bounds.
    ///
    /// # Errors
    /// None today; the default options are good.
    pub fn new() -> Result<Self, BuildError> {
        Self::with_options(Options::default())
    }

    /// A client with other bounds. Nothing is read or connected yet, so a machine without CA certificates starts; its
    /// calls then fail with [`Kind::Connect`] and a text that says so.
    ///
    /// # Errors
    /// A bound is zero or absurd.
    pub fn with_options(options: Options) -> Result<Self, BuildError> {
        let transport = Https::new(options.connect_timeout, options.calls_in_flight);
        Self::assemble(Box::new(transport), Arc::new(SystemClock), options)
    }

    pub(super) fn assemble(
        transport: Box<dyn Transport>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Result<Self, BuildError> {
        if !(1..=4096).contains(&options.calls_in_flight) {
            return Err(BuildError::CallsInFlight);
        }
        if [options.connect_timeout, options.try_timeout, options.call_timeout].contains(&Duration::ZERO) {
            return Err(BuildError::NoTime);
        }
        if options.tries == 0 {
            return Err(BuildError::NoTry);
        }
        let policy = Policy::of(options.tries);
        let places = Semaphore::new(options.calls_in_flight);
        let background_places = Semaphore::new((options.calls_in_flight * 3).div_ceil(4));
        let guest_places = Semaphore::new(options.calls_in_flight.div_ceil(2));
        Ok(Self {
            inner: Arc::new(Inner {
                transport,
                clock,
                lines: Lines::default(),
                places,
                background_places,
                guest_places,
                options,
            }),
            policy,
            account: None,
            priority: Priority::Foreground,
            deadline: None,
        })
    }

    /// The same client, over the same connections, with another number of repetitions of a call that failed in passing.
    #[must_use]
    pub fn with_max_retries(&self, retries: u32) -> Self {
        let mut client = self.clone();
        client.policy.tries = retries.saturating_add(1);
        client
    }

    /// RAM as seen with these credentials, or with what this provider gives at the time of each call.
    #[must_use]
    pub fn ram(&self, provider: impl Into<SharedProvider>, endpoint: Endpoint) -> Ram {
        Ram::new(self.clone(), provider.into(), endpoint)
    }

    /// STS as seen with these credentials, or with what this provider gives at the time of each call.
    #[must_use]
    pub fn sts(&self, provider: impl Into<SharedProvider>, endpoint: Endpoint) -> Sts {
        Sts::new(self.clone(), provider.into(), endpoint)
    }

    /// The same client for the account of an access key: its calls wait in the lines of that account, whatever keys they
    /// are signed with. Without this, the lines of a call are those of the key that signs it.
    #[must_use]
    pub fn in_lines_of(&self, access_key_id: &str) -> Self {
        Self {
            account: Some(access_key_id.into()),
            ..self.clone()
        }
    }

    /// Whether it is known in whose lines calls wait.
    pub(super) fn has_lines(&self) -> bool {
        self.account.is_some()
    }

    /// For work that nobody waits for: its calls let others go first where there are too many.
    pub(super) fn in_background(&self) -> Self {
        Self {
            priority: Priority::Background,
            ..self.clone()
        }
    }

    /// For work that must be over in time: its calls end by then, and one alone may take as long.
    pub(super) fn within(&self, time: Duration) -> Self {
        Self {
            deadline: Some(Instant::now() + time),
            ..self.clone()
        }
    }

    /// For an operation of several calls, which together take no longer than one may.
    pub(super) fn as_one_call(&self) -> Self {
        Self {
            deadline: Some(self.call_deadline()),
            ..self.clone()
        }
    }

    /// The tries of something that begins now.
    pub(super) fn tries(&self) -> Tries<'_> {
        Tries::new(&self.policy, self.call_deadline())
    }

    /// The time of day that this client signs with.
    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// Makes a call, with as many tries as the policy allows. Without credentials it is anonymous.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        credentials: Option<&Credentials>,
        call: Call,
    ) -> Result<T> {
        let deadline = self.call_deadline();
        // Anonymous calls have lines of their own.
        let account = self.account.clone().unwrap_or_default();
        let line = self.inner.lines.line(&account, call.operation);
        let mut tries = self.tries();
        let mut failed = None;
        loop {
            let passed = line.pass(self.priority, failed.is_some());
            if timeout_at(deadline, passed).await.is_err() {
                return Err(failed.unwrap_or_else(|| {
                    let text = "too many calls in this account wait already; none was sent";
                    Error::new(Kind::Throttled, call.operation, text)
                }));
            }
            let error = match self.attempt(endpoint, credentials, &call, deadline).await {
                Ok(value) => {
                    line.went_well();
                    return Ok(value);
                }
                Err(error) => error,
            };
            if error.kind() == Kind::Throttled {
                line.was_throttled(error.retry_after());
            }
            failed = Some(tries.another_after(error, call.idempotency).await?);
        }
    }

    /// One try: signed anew, with its own time and nonce.
    async fn attempt<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        credentials: Option<&Credentials>,
        call: &Call,
        deadline: Instant,
    ) -> Result<T> {
        let request = |now| {
            let nonce = random::nonce().map_err(|error| {
                Error::new(
                    Kind::Unexpected,
                    call.operation,
                    format!("no random bytes for a nonce: {error}"),
                )
            })?;
            let mut parameters = call.parameters.clone();
            add_common(&mut parameters, call.operation, call.version, now, nonce);
            if let Some(credentials) = credentials {
                add_signature_v1(&mut parameters, Method::Post, credentials);
            }
            Ok(form_request(endpoint.clone(), &parameters))
        };
        let answer = self.exchange(call.operation, deadline, false, request).await?;
        interpret(call.operation, credentials, &answer)
    }

    /// Waits for a place, makes the request as late as possible, sends it, and reads the whole answer.
    pub(super) async fn exchange(
        &self,
        operation: &'static str,
        deadline: Instant,
        guest: bool,
        request: impl FnOnce(time::OffsetDateTime) -> Result<Request>,
    ) -> Result<Answer> {
        let Ok((_share, _place)) = timeout_at(deadline, self.place(guest)).await else {
            return Err(Error::new(
                Kind::Timeout,
                operation,
                "too many calls at once; none was sent",
            ));
        };
        let request = request(self.inner.clock.now())?;
        let limit = deadline.min(Instant::now() + self.inner.options.try_timeout);
        let outcome = timeout_at(limit, self.inner.transport.send(request)).await;
        if self.places(guest).available_permits() == 0 {
            // Calls are waiting for this place. The connection returns to the pool by a task of its own; without a
            // pause the next call looks before that and opens another (seen: 200 connections in a burst of 200).
            sleep(HANDOVER).await;
        }
        match outcome {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failure::Connect(cause))) => Err(Error::new(Kind::Connect, operation, cause)),
            Ok(Err(Failure::Interrupted)) => {
                let text = "the connection broke before the answer";
                Err(Error::new(Kind::Interrupted, operation, text).with_outcome_unknown(true))
            }
            Ok(Err(Failure::TooLong)) => Err(Error::unexpected(operation, "the answer is too long")),
            Err(_) => {
                Err(Error::new(Kind::Timeout, operation, "no answer in time").with_outcome_unknown(true))
            }
        }
    }

    fn places(&self, guest: bool) -> &Semaphore {
        if guest {
            &self.inner.guest_places
        } else {
            &self.inner.places
        }
    }

    /// Waits for a place, in the background first for a share of the places.
    async fn place(&self, guest: bool) -> (Option<SemaphorePermit<'_>>, Option<SemaphorePermit<'_>>) {
        // None of them is ever closed.
        let share = match self.priority {
            Priority::Background => self.inner.background_places.acquire().await.ok(),
            Priority::Foreground => None,
        };
        (share, self.places(guest).acquire().await.ok())
    }

    /// The end of a call that begins now.
    fn call_deadline(&self) -> Instant {
        self.deadline
            .unwrap_or_else(|| Instant::now() + self.inner.options.call_timeout)
    }

    /// A deadline for a single try that begins now.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.inner.options.try_timeout
    }
}

/// All parameters in the form body, so that no token or policy is in a URL.
fn form_request(endpoint: Endpoint, parameters: &Parameters) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    let mut form = parameters.encoded();
    Request {
        method: Method::Post,
        endpoint,
        query: Zeroizing::default(),
        headers,
        body: Zeroizing::new(std::mem::take(&mut *form).into_bytes()),
        answer_limit: ANSWER_LIMIT,
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
