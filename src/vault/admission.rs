//! How many requests are at work at the same time, by class: more wait in a queue, and more than can wait are refused, so
//! that a flood costs memory within bounds and no class can use up what another needs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cloud::{Deadline, budget};
use crate::framework::{Collect, Counter, Error, Families, RequestClass, Status};

/// Bounds of one class of requests.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// What its refusals call it.
    name: &'static str,
    /// Requests at work.
    permits: usize,
    /// Requests that wait for a permit.
    queue: usize,
    /// The longest wait.
    timeout: Duration,
    /// The largest `data` of one request, in bytes.
    body: usize,
    /// What requests with the same key can hold together.
    key: Option<KeyBounds>,
}

/// Bounds of the requests of a class that have the same key.
#[derive(Debug, Clone, Copy)]
struct KeyBounds {
    /// What has the key.
    of: &'static str,
    permits: usize,
    queue: usize,
}

/// What most classes have.
const USUAL: Bounds = Bounds {
    name: "requests",
    permits: 128,
    queue: 512,
    timeout: budget::QUEUE,
    body: 1 << 20,
    key: None,
};

impl Bounds {
    /// The bounds of a class, unless its requests need no permit: they are cheap, or the host makes them one at a time.
    fn of(class: RequestClass) -> Option<Self> {
        Some(match class {
            // Clients that log in. A signed request is a few KiB.
            RequestClass::Login => Self {
                name: "logins",
                permits: 64,
                queue: 1024,
                body: 64 << 10,
                key: Some(KeyBounds {
                    of: "one address or role",
                    permits: 48,
                    queue: 800,
                }),
                ..USUAL
            },
            // Fewer of one role are made at a time than the client has permits for calls to one host, so that a role whose
            // calls hang leaves some to others.
            RequestClass::Issue => Self {
                name: "requests for credentials",
                key: Some(KeyBounds {
                    of: "one role",
                    permits: 64,
                    queue: 384,
                }),
                ..USUAL
            },
            // Those on one path wait for each other, for instance rotations of one static role.
            RequestClass::CloudCall => Self {
                name: "requests that look at the cloud",
                permits: 32,
                queue: 128,
                key: Some(KeyBounds {
                    of: "one path",
                    permits: 4,
                    queue: 16,
                }),
                ..USUAL
            },
            // The host has 200 workers for revocations, gives each about 90 seconds, and gives a lease up after six
            // failures.
            RequestClass::Revoke => Self {
                name: "revocations",
                permits: 64,
                queue: 1024,
                timeout: Duration::from_secs(60),
                ..USUAL
            },
            RequestClass::Storage => Self {
                name: "requests that need only storage",
                ..USUAL
            },
            RequestClass::Tick | RequestClass::Static => return None,
        })
    }
}

/// The classes whose requests need permits, with their words in metrics.
const CLASSES: [(RequestClass, &str); 5] = [
    (RequestClass::Login, "login"),
    (RequestClass::Issue, "issue"),
    (RequestClass::CloudCall, "cloud_call"),
    (RequestClass::Revoke, "revoke"),
    (RequestClass::Storage, "storage"),
];

/// The largest body of requests that need no permit.
const UNCOUNTED_BODY: usize = 64 << 10;

/// A message above this is large. Logins and all ordinary requests are below.
pub(super) const SMALL: usize = 96 << 10;
/// Large bodies of one class that are read and worked on at the same time.
const LARGE_PERMITS: usize = 4;
/// Requests with a large body of one class, together with those at work. What of them is not read yet fills the
/// connection's flow-control window, which all requests share.
const LARGE_QUEUE: usize = 8;
/// What small bodies of one class may hold together while their requests wait or are at work, in KiB.
const SMALL_KIB: usize = 4 << 10;

/// What a message may hold beside its data: names, the token's record, the lease.
pub(super) const ENVELOPE: usize = 256 << 10;

/// The permits of a process.
#[derive(Debug)]
pub(super) struct Admission(HashMap<RequestClass, Arc<Class>>);

#[derive(Debug)]
struct Class {
    bounds: Bounds,
    /// At work or in the queue.
    admitted: Arc<Semaphore>,
    permits: Arc<Semaphore>,
    large_admitted: Arc<Semaphore>,
    large: Arc<Semaphore>,
    small_kib: Arc<Semaphore>,
    refused: Counter,
    /// Keys with requests at work or in the queue; so it holds no more keys than that.
    keys: Mutex<HashMap<String, Key>>,
}

#[derive(Debug)]
struct Key {
    admitted: usize,
    permits: Arc<Semaphore>,
}

/// A request that is let into the queue, or needs none.
#[derive(Debug)]
pub(super) struct Ticket(Option<Admitted>);

#[derive(Debug)]
struct Admitted {
    class: Arc<Class>,
    _admitted: OwnedSemaphorePermit,
    body: Vec<OwnedSemaphorePermit>,
    deadline: Deadline,
}

/// A permit, held until it is dropped.
#[derive(Debug, Default)]
#[must_use = "the request is at work for as long as this is held"]
pub(super) struct Permit(#[expect(dead_code, reason = "held, not read")] Option<Held>);

#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
struct Held {
    permit: OwnedSemaphorePermit,
    keys: Vec<KeyPermit>,
    admitted: Admitted,
}

/// One request's part of what its key may hold.
#[derive(Debug)]
struct KeyPermit {
    class: Arc<Class>,
    name: String,
    permit: Option<OwnedSemaphorePermit>,
}

impl Admission {
    /// Lets a request into its class's queue.
    ///
    /// # Errors
    /// Too many wait already: HTTP 503, and nothing was done.
    pub(super) fn ticket(&self, class: RequestClass, deadline: Deadline) -> Result<Ticket, Error> {
        let Some(class) = self.0.get(&class) else {
            return Ok(Ticket(None));
        };
        let Ok(admitted) = Arc::clone(&class.admitted).try_acquire_owned() else {
            return Err(class.busy());
        };
        Ok(Ticket(Some(Admitted {
            _admitted: admitted,
            body: Vec::new(),
            deadline: deadline.within(class.bounds.timeout),
            class: Arc::clone(class),
        })))
    }

    /// The largest `data` that a request of a class may have, in bytes.
    pub(super) fn body_limit(class: RequestClass) -> usize {
        Bounds::of(class).map_or(UNCOUNTED_BODY, |bounds| bounds.body)
    }
}

impl Collect for Admission {
    fn collect(&self, families: &mut Families) {
        let used = |semaphore: &Semaphore, of: usize| of.saturating_sub(semaphore.available_permits());
        for (class, word) in CLASSES {
            let Some(class) = self.0.get(&class) else {
                continue;
            };
            let (label, bounds) = ([("class", word)], class.bounds);
            let in_progress = used(&class.permits, bounds.permits);
            let admitted = used(&class.admitted, bounds.permits + bounds.queue);
            families
                .gauge(
                    "process_requests_permits",
                    "Requests of a class that the process works on at once.",
                )
                .sample(&label, bounds.permits as f64);
            families
                .gauge(
                    "process_requests_in_progress",
                    "Requests of a class that the process works on now.",
                )
                .sample(&label, in_progress as f64);
            families
                .gauge(
                    "process_requests_queued",
                    "Requests of a class that wait for a permit now.",
                )
                .sample(&label, admitted.saturating_sub(in_progress) as f64);
            families
                .counter(
                    "process_requests_refused_total",
                    "Requests of a class that were refused because too many were waiting, or waited for too long.",
                )
                .sample(&label, class.refused.value());
        }
    }
}

impl Default for Admission {
    fn default() -> Self {
        let bounded = |(class, _)| Some((class, Class::new(Bounds::of(class)?)));
        Self(CLASSES.into_iter().filter_map(bounded).collect())
    }
}

impl Ticket {
    /// Reserves memory for the body, before it is read. A large one waits for its turn.
    ///
    /// # Errors
    /// Too many bytes wait already, or too many large bodies.
    pub(super) async fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        let Some(Admitted {
            class,
            body,
            deadline,
            ..
        }) = &mut self.0
        else {
            return Ok(());
        };
        if bytes > SMALL {
            let waiting = Arc::clone(&class.large_admitted).try_acquire_owned();
            body.push(waiting.map_err(|_| class.busy())?);
            let turn = deadline.run(Arc::clone(&class.large).acquire_owned()).await;
            body.push(turn.ok().and_then(Result::ok).ok_or_else(|| class.busy())?);
        } else {
            let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
            let reserved = Arc::clone(&class.small_kib).try_acquire_many_owned(kib);
            body.push(reserved.map_err(|_| class.busy())?);
        }
        Ok(())
    }

    /// Waits for a permit. Requests that share one of these keys cannot hold all permits of the class.
    ///
    /// # Errors
    /// Too many with the same key wait already, or the wait was too long: HTTP 503, and nothing was done.
    pub(super) async fn permit(self, keys: Vec<String>) -> Result<Permit, Error> {
        let Some(admitted) = self.0 else {
            return Ok(Permit(None));
        };
        let (class, deadline) = (Arc::clone(&admitted.class), admitted.deadline);
        let waiting = async {
            let mut held = Vec::new();
            if let Some(bounds) = class.bounds.key {
                for name in keys {
                    held.push(class.key(name, bounds).await?);
                }
            }
            let permit = Arc::clone(&class.permits).acquire_owned().await;
            permit.map(|permit| (permit, held)).map_err(|_| class.busy())
        };
        let (permit, keys) = deadline.run(waiting).await.map_err(|_| class.busy())??;
        Ok(Permit(Some(Held {
            permit,
            keys,
            admitted,
        })))
    }
}

impl Class {
    fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            admitted: Arc::new(Semaphore::new(bounds.permits + bounds.queue)),
            permits: Arc::new(Semaphore::new(bounds.permits)),
            large_admitted: Arc::new(Semaphore::new(LARGE_QUEUE)),
            large: Arc::new(Semaphore::new(LARGE_PERMITS)),
            small_kib: Arc::new(Semaphore::new(SMALL_KIB)),
            refused: Counter::default(),
            keys: Mutex::default(),
        })
    }

    /// Waits for a permit of a key.
    async fn key(self: &Arc<Self>, name: String, bounds: KeyBounds) -> Result<KeyPermit, Error> {
        let KeyBounds { of, permits, queue } = bounds;
        let semaphore = {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            let key = keys.entry(name.clone()).or_insert_with(|| Key {
                admitted: 0,
                permits: Arc::new(Semaphore::new(permits)),
            });
            if key.admitted >= permits + queue {
                return Err(self.full(permits, queue, &format!(" for {of}")));
            }
            key.admitted += 1;
            Arc::clone(&key.permits)
        };
        // Counted from here on, also when the wait is dropped.
        let mut held = KeyPermit {
            class: Arc::clone(self),
            name,
            permit: None,
        };
        held.permit = semaphore.acquire_owned().await.ok();
        Ok(held)
    }

    fn busy(&self) -> Error {
        self.full(self.bounds.permits, self.bounds.queue, "")
    }

    /// A refusal, which is counted.
    fn full(&self, permits: usize, queue: usize, of: &str) -> Error {
        self.refused.increment();
        let name = self.bounds.name;
        Error::coded(
            Status::UNAVAILABLE,
            format!(
                "too many {name} at once{of}: the plugin works on {permits} of them and lets {queue} more wait; nothing was \
                 done, try again later"
            ),
        )
    }
}

impl Drop for KeyPermit {
    fn drop(&mut self) {
        let mut keys = self.class.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get_mut(&self.name) {
            key.admitted -= 1;
            if key.admitted == 0 {
                keys.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests;
