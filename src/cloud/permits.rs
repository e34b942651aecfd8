//! Permits for calls in flight: how many connections there are, and who leaves some of them to whom.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::cloud::endpoint::Endpoint;
use crate::cloud::rate_limiter::Priority;
use crate::cloud::transport::Signer;

/// More hosts are kept only as long as somebody calls them.
const MAX_HOSTS: usize = 64;

/// Permits for calls in flight.
#[derive(Debug)]
pub(super) struct Permits {
    /// Calls that we sign.
    own: Semaphore,
    /// The parts of them that requests and background work, such as revocations, may take: when the cloud does not answer
    /// one of the two, the other goes on.
    foreground: Part,
    background: Part,
    /// Requests that others signed, who need no token for it: they must not take the permits of our own.
    forwarded: Semaphore,
}

/// A part of our own permits. One host that hangs, such as that of STS, cannot hold all of it.
#[derive(Debug)]
struct Part {
    permits: Semaphore,
    per_host: usize,
    hosts: Mutex<HashMap<Endpoint, Arc<Semaphore>>>,
}

/// A permit, held until it is dropped.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    _permit: Option<SemaphorePermit<'a>>,
    own: Option<OwnPermit<'a>>,
    permits: &'a Semaphore,
}

#[derive(Debug)]
struct OwnPermit<'a> {
    _host: Option<OwnedSemaphorePermit>,
    _part: Option<SemaphorePermit<'a>>,
    part: &'a Part,
    host: Arc<Semaphore>,
}

impl Permits {
    /// For so many calls that we sign, and as many that others signed.
    pub(super) fn new(in_flight: usize) -> Self {
        Self {
            own: Semaphore::new(in_flight),
            foreground: Part::new(in_flight),
            background: Part::new(in_flight),
            forwarded: Semaphore::new(in_flight),
        }
    }

    /// Waits for a permit.
    pub(super) async fn acquire(&self, signer: Signer, priority: Priority, host: &Endpoint) -> Permit<'_> {
        let (permits, own) = match (signer, priority) {
            (Signer::Other, _) => (&self.forwarded, None),
            (Signer::Own, Priority::Foreground) => (&self.own, Some(self.foreground.acquire(host).await)),
            (Signer::Own, Priority::Background) => (&self.own, Some(self.background.acquire(host).await)),
        };
        Permit {
            // None of the semaphores is ever closed.
            _permit: permits.acquire().await.ok(),
            own,
            permits,
        }
    }
}

impl Permit<'_> {
    /// Whether others may be waiting for it.
    pub(super) fn is_scarce(&self) -> bool {
        let is_empty = |semaphore: &Semaphore| semaphore.available_permits() == 0;
        let own = self.own.as_ref();
        is_empty(self.permits) || own.is_some_and(|own| is_empty(&own.part.permits) || is_empty(&own.host))
    }
}

impl Part {
    fn new(in_flight: usize) -> Self {
        Self {
            permits: Semaphore::new((in_flight * 3).div_ceil(4)),
            per_host: (in_flight * 5).div_ceil(8),
            hosts: Mutex::default(),
        }
    }

    async fn acquire(&self, host: &Endpoint) -> OwnPermit<'_> {
        let host = self.host(host);
        OwnPermit {
            _host: Arc::clone(&host).acquire_owned().await.ok(),
            _part: self.permits.acquire().await.ok(),
            part: self,
            host,
        }
    }

    fn host(&self, host: &Endpoint) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(permits) = hosts.get(host) {
            return Arc::clone(permits);
        }
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|_, permits| Arc::strong_count(permits) > 1);
        }
        let permits = Arc::new(Semaphore::new(self.per_host));
        hosts.insert(host.clone(), Arc::clone(&permits));
        permits
    }
}
