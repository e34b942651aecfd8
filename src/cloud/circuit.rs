//! Limits for each host that people who log in make us wait for: of requests that they signed, they choose the host. One
//! that does not answer must not hold up the requests for others.
//!
//! A host has a few requests in flight; more wait for a permit as long as the host answers. A host that is silent for a
//! moment, with all its permits in use, refuses the rest at once. After a few failures in a row its circuit opens: every
//! request is refused at once, and after a pause one at a time tries whether it answers again.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use crate::cloud::deadline::Deadline;
use crate::cloud::endpoint::Endpoint;
use crate::cloud::error::{Error, Kind, Result};

/// Requests in flight to one host.
const IN_FLIGHT: usize = 16;

/// How long requests wait for a permit of a host that answers nobody.
const SILENCE: Duration = Duration::from_secs(2);

/// A request that fails sooner holds nobody up: a refused connection opens no circuit.
const SLOW: Duration = Duration::from_secs(1);

/// Slow failures in a row that open a circuit.
const FAILURES: u32 = 3;

/// For how long a circuit is open; it doubles with every failure after that, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// More circuits are kept only while they are in use or have failures to remember.
const MAX_CIRCUITS: usize = 256;

/// The circuits of all hosts, for those who share them.
#[derive(Debug, Default)]
pub(crate) struct Circuits(Mutex<HashMap<Endpoint, Arc<Circuit>>>);

impl Circuits {
    /// Does work at a host, unless the host has not answered for a while. A failure to connect and an answer that did not
    /// come in time count against it; whatever else the work ends with is an answer. The work comes as a function: a future
    /// would be held twice.
    ///
    /// # Errors
    /// Those of the work; [`Kind::Unavailable`] when it was not begun because the host has not answered others, and
    /// [`Kind::Timeout`] when the deadline passed before.
    pub(crate) async fn run<T, F>(
        &self,
        operation: &'static str,
        host: &Endpoint,
        deadline: Deadline,
        work: impl FnOnce() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let circuit = self.get(host);
        let attempt = match deadline.run(circuit.enter()).await {
            Ok(Ok(attempt)) => attempt,
            Ok(Err(silent)) => return Err(Error::new(Kind::Unavailable, operation, silent.to_string())),
            Err(_) => return Err(Error::busy(operation)),
        };
        let outcome = work().await;
        match &outcome {
            Err(error) if error.kind() == Kind::Connect => attempt.failed(error),
            Err(error) if error.kind() == Kind::Timeout && error.outcome_unknown() => attempt.failed(error),
            Err(error) if error.kind() == Kind::Timeout => attempt.unsent(),
            _ => attempt.answered(),
        }
        outcome
    }

    fn get(&self, endpoint: &Endpoint) -> Arc<Circuit> {
        let mut circuits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(circuit) = circuits.get(endpoint) {
            return Arc::clone(circuit);
        }
        if circuits.len() >= MAX_CIRCUITS {
            circuits.retain(|_, circuit| Arc::strong_count(circuit) > 1 || circuit.state().failures > 0);
        }
        let circuit = Arc::new(Circuit::new(endpoint));
        circuits.insert(endpoint.clone(), Arc::clone(&circuit));
        circuit
    }
}

/// The circuit of one host.
#[derive(Debug)]
struct Circuit {
    host: Endpoint,
    permits: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    in_flight: usize,
    /// Since when requests are in flight and none was answered.
    silent_since: Option<Instant>,
    /// Slow ones in a row.
    failures: u32,
    /// While the circuit is open: when one request may try again.
    try_again_at: Option<Instant>,
    /// When it was opened, or opened anew.
    opened_at: Option<Instant>,
}

impl State {
    /// Whether no request may be sent.
    fn is_open(&self) -> bool {
        self.try_again_at.is_some_and(|at| Instant::now() < at)
    }
}

/// The host has not answered for a while: nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the host has not answered for a while; the request was not sent")]
struct Silent;

/// One request in flight. Dropping it counts as a failure.
#[derive(Debug)]
struct Attempt<'a> {
    circuit: &'a Circuit,
    begun: Instant,
    ended: bool,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Circuit {
    fn new(host: &Endpoint) -> Self {
        Self {
            host: host.clone(),
            permits: Semaphore::new(IN_FLIGHT),
            state: Mutex::default(),
        }
    }

    /// Waits for a permit of this host, as long as it answers.
    async fn enter(&self) -> Result<Attempt<'_>, Silent> {
        if self.state().is_open() {
            return Err(Silent);
        }
        let permit = loop {
            match timeout(self.wait_left(), self.permits.acquire()).await {
                // The semaphore is never closed.
                Ok(permit) => break permit.ok(),
                Err(_) if self.wait_left().is_zero() => return Err(Silent),
                Err(_) => {}
            }
        };
        let now = Instant::now();
        let mut state = self.state();
        // It may have opened meanwhile.
        if state.is_open() {
            return Err(Silent);
        }
        state.in_flight += 1;
        state.silent_since.get_or_insert(now);
        if let Some(at) = &mut state.try_again_at {
            // This is the one that tries; the others wait for what becomes of it.
            *at = now + MAX_PAUSE;
        }
        Ok(Attempt {
            circuit: self,
            begun: now,
            ended: false,
            _permit: permit,
        })
    }

    /// How long a request may still wait for a permit.
    fn wait_left(&self) -> Duration {
        let silent_for = self
            .state()
            .silent_since
            .map_or(Duration::ZERO, |since| since.elapsed());
        SILENCE.saturating_sub(silent_for)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// The host answered, whatever it said.
    fn answered(mut self) {
        self.ended = true;
        let mut state = self.circuit.state();
        if state.try_again_at.is_some() {
            tracing::info!(host = %self.circuit.host, "the host answers again");
        }
        state.failures = 0;
        state.try_again_at = None;
        state.opened_at = None;
        state.silent_since = None;
    }

    /// The request was not sent, through no fault of the host.
    fn unsent(mut self) {
        self.ended = true;
    }

    /// The host did not answer.
    fn failed(mut self, error: &Error) {
        self.ended = true;
        self.count(Some(error));
    }

    fn count(&self, error: Option<&Error>) {
        let mut state = self.circuit.state();
        let now = Instant::now();
        let host = &self.circuit.host;
        let error = error.map(tracing::field::display);
        if now - self.begun < SLOW {
            if let Some(at) = &mut state.try_again_at {
                *at = now + FIRST_PAUSE;
            }
            return;
        }
        // Those that were in flight when it opened tell nothing new.
        if state.opened_at.is_some_and(|opened| self.begun < opened) {
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures < FAILURES {
            return;
        }
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(state.failures - FAILURES));
        let pause = doubled.min(MAX_PAUSE);
        if state.try_again_at.is_none() {
            tracing::warn!(event = "host_not_answering", %host, error, "a host does not answer; requests for it are refused until it does");
        }
        state.try_again_at = Some(now + pause);
        state.opened_at = Some(now);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.count(None);
        }
        let mut state = self.circuit.state();
        state.in_flight -= 1;
        state.silent_since = match (state.in_flight, state.silent_since) {
            (0, _) => None,
            // After an answer, the rest begin to be silent now.
            (_, since) => Some(since.unwrap_or_else(Instant::now)),
        };
    }
}

#[cfg(test)]
mod tests;
