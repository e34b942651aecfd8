//! The client: waits for its turn, lets the service sign, sends, and repeats what may be repeated.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::sleep;

use crate::cloud::budget::{CALL, TRY};
use crate::cloud::circuit::Circuits;
use crate::cloud::clock::{Clock, SystemClock};
use crate::cloud::credentials::Credentials;
use crate::cloud::deadline::Deadline;
use crate::cloud::endpoint::Endpoint;
use crate::cloud::error::{Error, Kind, Result};
use crate::cloud::https::Https;
use crate::cloud::observer::{Observed, Observer};
use crate::cloud::permits::Permits;
use crate::cloud::rate_limiter::{Priority, RateLimiters};
use crate::cloud::retry::{TRIES, Tries};
use crate::cloud::service::{Call, Service};
use crate::cloud::transport::{Answer, Failure, Request, Signer, Transport};

/// Calls on the wire at the same time; more wait for a permit.
const IN_FLIGHT: usize = 128;

/// How long a permit is kept after an answer when others wait for it.
const HANDOVER: Duration = Duration::from_millis(10);

/// Clocks that differ by less are not why a service refuses a time.
const CLOCK_TOLERANCE: time::Duration = time::Duration::minutes(1);

/// Calls a cloud's APIs over one pool of HTTPS connections. A clone shares the connections, the permits and the rate
/// limiters: make one per process.
///
/// Dropping the future of a call ends it: nothing goes on in the background.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    tries: u32,
    /// The access key id whose rate limit counts, where it is not that of the key that signs.
    account: Option<Arc<str>>,
    priority: Priority,
    /// For all calls together, where there is one.
    deadline: Option<Deadline>,
    observed: Observed,
}

struct Inner {
    transport: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    limiters: RateLimiters,
    permits: Permits,
    /// For requests that others signed.
    circuits: Circuits,
}

impl Client {
    /// The client of a process. Nothing is read or connected yet, so a machine without CA certificates starts; its calls
    /// then fail with [`Kind::Connect`] and a text that says so.
    #[must_use]
    pub fn new() -> Self {
        Self::assemble(Box::new(Https::from_env()), Arc::new(SystemClock), IN_FLIGHT)
    }

    /// A client over another transport, with another clock and number of calls in flight.
    pub(super) fn assemble(transport: Box<dyn Transport>, clock: Arc<dyn Clock>, in_flight: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                transport,
                clock,
                limiters: RateLimiters::default(),
                permits: Permits::new(in_flight),
                circuits: Circuits::default(),
            }),
            tries: TRIES,
            account: None,
            priority: Priority::Foreground,
            deadline: None,
            observed: Observed::default(),
        }
    }

    /// The same client, with somebody who is told about its calls.
    #[must_use]
    pub fn observed_by(&self, observer: Arc<dyn Observer>) -> Self {
        Self {
            observed: Observed(Some(observer)),
            ..self.clone()
        }
    }

    /// The same client, over the same connections, with another number of retries of a call that failed transiently.
    #[must_use]
    pub fn with_max_retries(&self, retries: u32) -> Self {
        Self {
            tries: retries.saturating_add(1),
            ..self.clone()
        }
    }

    /// The same client for the account of an access key: its calls count against the rate limit of that account, whatever
    /// keys they are signed with. Without this, a call counts against the account of the key that signs it.
    #[must_use]
    pub fn for_account_of(&self, access_key_id: &str) -> Self {
        Self {
            account: Some(access_key_id.into()),
            ..self.clone()
        }
    }

    pub(super) fn for_account_unless_set(&self, access_key_id: &str) -> Self {
        match &self.account {
            Some(_) => self.clone(),
            None => self.for_account_of(access_key_id),
        }
    }

    /// The same client for work that nobody waits for. Where there are more calls than the cloud takes, its calls let
    /// others go first, but never wait for ever.
    #[must_use]
    pub fn in_background(&self) -> Self {
        Self {
            priority: Priority::Background,
            ..self.clone()
        }
    }

    /// The same client for work that must be over by then: all calls together, with their credentials, tries, pauses and
    /// queues. An earlier deadline stays: an undo, which has a deadline of its own, begins with a client without one.
    #[must_use]
    pub fn by(&self, deadline: Deadline) -> Self {
        Self {
            deadline: Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline))),
            ..self.clone()
        }
    }

    /// The time of day that this client signs with.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    pub(super) fn observed(&self) -> &Observed {
        &self.observed
    }

    /// The tries of something that begins now.
    pub(super) fn tries(&self) -> Tries {
        Tries::new(self.tries, self.call_deadline())
    }

    /// The end of a call that begins now.
    pub(super) fn call_deadline(&self) -> Deadline {
        self.deadline_within(CALL)
    }

    fn deadline_within(&self, limit: Duration) -> Deadline {
        match self.deadline {
            Some(deadline) => deadline.within(limit),
            None => Deadline::after(limit),
        }
    }

    /// Makes a call, with as many tries as this client has. Without credentials it is anonymous.
    ///
    /// # Errors
    /// Every kind.
    pub(crate) async fn call(
        &self,
        service: &dyn Service,
        endpoint: &Endpoint,
        credentials: Option<&Credentials>,
        call: &Call,
    ) -> Result<Answer> {
        let observed = self.observed.call(call.operation);
        observed.ended(self.call_in_turn(service, endpoint, credentials, call).await)
    }

    async fn call_in_turn(
        &self,
        service: &dyn Service,
        endpoint: &Endpoint,
        credentials: Option<&Credentials>,
        call: &Call,
    ) -> Result<Answer> {
        let deadline = self.call_deadline();
        // Anonymous calls have a limiter of their own.
        let account = self.account.clone().unwrap_or_default();
        let rate = service.rate(call.operation);
        let limiter = self.inner.limiters.get(&account, call.operation, rate);
        let mut tries = self.tries();
        let mut failed = None;
        // What is added to this machine's time: nothing, until the service refuses that and tells its own.
        let mut correction = None;
        loop {
            let turn = limiter.wait(self.priority, failed.is_some());
            let waiting = self.observed.queue(call.operation);
            let begun = deadline.run(turn).await;
            drop(waiting);
            if begun.is_err() {
                return Err(failed.unwrap_or_else(|| {
                    let text = "the rate limiter's queue timed out; the request was not sent";
                    Error::new(Kind::Throttled, call.operation, text)
                }));
            }
            let now = || self.inner.clock.now() + correction.unwrap_or(time::Duration::ZERO);
            let sign = || service.sign(call, endpoint, credentials, now());
            let answer = self
                .exchange(call.operation, deadline, (Signer::Own, endpoint), sign)
                .await;
            let outcome = answer.and_then(|answer| {
                let told = service.interpret(call.operation, credentials, &answer);
                told.map_err(|error| error.with_clock_of(&answer, self.inner.clock.now()))?;
                Ok(answer)
            });
            let error = match outcome {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match error.kind() {
                Kind::Throttled => {
                    self.observed.throttled(call.operation);
                    limiter.throttled(error.retry_after());
                }
                Kind::Clock if self.corrects(&error, &mut correction) => {
                    failed = Some(error);
                    continue;
                }
                _ => {}
            }
            failed = Some(tries.another_after(error, call.idempotency).await?);
        }
    }

    /// Notes the service's own time for another try, once for each call. A call whose time was refused was surely not
    /// carried out. False where the service told no time, or one that is not the reason.
    fn corrects(&self, error: &Error, correction: &mut Option<time::Duration>) -> bool {
        let now = self.inner.clock.now();
        let difference = error.server_time().map(|time: OffsetDateTime| time - now);
        let difference = difference.filter(|difference| difference.abs() > CLOCK_TOLERANCE);
        if correction.is_some() || difference.is_none() {
            return false;
        }
        *correction = difference;
        tracing::warn!(event = "clock_refused", %error, "the cloud refused the time of this machine; set its clock. Trying with the cloud's time");
        true
    }

    /// Sends a request that somebody else signed, once: its nonce is used up by the first try, so a second could only be
    /// refused.
    ///
    /// A host that does not answer is not asked for a while, so that requests for it cannot hold up those for others.
    ///
    /// # Errors
    /// No answer. [`Kind::Unavailable`] when nothing was sent because the host has not answered others.
    pub(crate) async fn forward(&self, operation: &'static str, request: Request) -> Result<Answer> {
        let observed = self.observed.call(operation);
        observed.ended(self.forward_once(operation, request).await)
    }

    async fn forward_once(&self, operation: &'static str, request: Request) -> Result<Answer> {
        let deadline = self.deadline_within(TRY);
        let host = request.endpoint.clone();
        let send = || self.exchange(operation, deadline, (Signer::Other, &host), || Ok(request));
        self.inner.circuits.run(operation, &host, deadline, send).await
    }

    /// Waits for a permit, makes the request as late as possible, sends it, and reads the whole answer.
    async fn exchange(
        &self,
        operation: &'static str,
        deadline: Deadline,
        (signer, host): (Signer, &Endpoint),
        request: impl FnOnce() -> Result<Request>,
    ) -> Result<Answer> {
        let permit = self.inner.permits.acquire(signer, self.priority, host);
        let Ok(permit) = deadline.run(permit).await else {
            return Err(Error::busy(operation));
        };
        let sent = self.inner.transport.send(request()?, signer);
        let outcome = deadline.within(TRY).run(sent).await;
        if permit.is_scarce() {
            // Calls are waiting for this permit. The connection returns to the pool by a task of its own; without a
            // pause the next call looks before that and opens another (seen: 200 connections in a burst of 200).
            sleep(HANDOVER).await;
        }
        match outcome {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failure::Connect(cause))) => Err(Error::new(Kind::Connect, operation, cause)),
            Ok(Err(Failure::Unusable(cause))) => Err(Error::new(Kind::Connect, operation, cause).lasting()),
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
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}
