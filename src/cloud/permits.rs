//! Permits for calls in flight: how many there are, and how foreground, background and hosts share them.

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
    /// Both parts together, to one host: the two must not hold all permits between them.
    hosts: Hosts,
    /// Requests that others signed, who need no token for it: they must not take the permits of our own.
    forwarded: Semaphore,
}

/// A part of our own permits. One host that hangs, such as that of STS, cannot hold all of it.
#[derive(Debug)]
struct Part {
    permits: Semaphore,
    hosts: Hosts,
}

/// As many permits for each host.
#[derive(Debug)]
struct Hosts {
    per_host: usize,
    map: Mutex<HashMap<Endpoint, Arc<Semaphore>>>,
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
    _host_in_both: Option<OwnedSemaphorePermit>,
    part: &'a Semaphore,
    /// Those of the host, in the part and in both.
    hosts: [Arc<Semaphore>; 2],
}

impl Permits {
    /// For so many calls that we sign, and as many that others signed.
    pub(super) fn new(in_flight: usize) -> Self {
        Self {
            own: Semaphore::new(in_flight),
            foreground: Part::new(in_flight),
            background: Part::new(in_flight),
            hosts: Hosts::new((in_flight * 7).div_ceil(8)),
            forwarded: Semaphore::new(in_flight),
        }
    }

    /// Waits for a permit.
    pub(super) async fn acquire(&self, signer: Signer, priority: Priority, host: &Endpoint) -> Permit<'_> {
        let (permits, own) = match (signer, priority) {
            (Signer::Other, _) => (&self.forwarded, None),
            (Signer::Own, Priority::Foreground) => (&self.own, Some(self.own(&self.foreground, host).await)),
            (Signer::Own, Priority::Background) => (&self.own, Some(self.own(&self.background, host).await)),
        };
        Permit {
            // None of the semaphores is ever closed.
            _permit: permits.acquire().await.ok(),
            own,
            permits,
        }
    }

    /// All that a call of our own needs first, in the same order for everybody, so that none waits for another in a circle.
    async fn own<'a>(&self, part: &'a Part, host: &Endpoint) -> OwnPermit<'a> {
        let (in_part, in_both) = (part.hosts.of(host), self.hosts.of(host));
        OwnPermit {
            _host: Arc::clone(&in_part).acquire_owned().await.ok(),
            _part: part.permits.acquire().await.ok(),
            _host_in_both: Arc::clone(&in_both).acquire_owned().await.ok(),
            part: &part.permits,
            hosts: [in_part, in_both],
        }
    }
}

impl Permit<'_> {
    /// Whether others may be waiting for it.
    pub(super) fn is_scarce(&self) -> bool {
        let is_empty = |semaphore: &Semaphore| semaphore.available_permits() == 0;
        let own = self.own.as_ref();
        is_empty(self.permits)
            || own.is_some_and(|own| is_empty(own.part) || own.hosts.iter().any(|host| is_empty(host)))
    }
}

impl Part {
    fn new(in_flight: usize) -> Self {
        Self {
            permits: Semaphore::new((in_flight * 3).div_ceil(4)),
            hosts: Hosts::new((in_flight * 5).div_ceil(8)),
        }
    }
}

impl Hosts {
    fn new(per_host: usize) -> Self {
        Self {
            per_host,
            map: Mutex::default(),
        }
    }

    fn of(&self, host: &Endpoint) -> Arc<Semaphore> {
        let mut hosts = self.map.lock().unwrap_or_else(PoisonError::into_inner);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_host_that_hangs_leaves_permits_to_the_others() {
        let permits = Arc::new(Permits::new(128));
        let [hangs, other] =
            ["sts.example.com", "ram.example.com"].map(|name| Endpoint::parse(name).unwrap());
        let held = Arc::new(Mutex::new(0));
        for call in 0..200 {
            let priority = if call % 2 == 0 {
                Priority::Foreground
            } else {
                Priority::Background
            };
            let (permits, host, held) = (Arc::clone(&permits), hangs.clone(), Arc::clone(&held));
            tokio::spawn(async move {
                let _permit = permits.acquire(Signer::Own, priority, &host).await;
                *held.lock().unwrap() += 1;
                std::future::pending::<()>().await;
            });
        }
        sleep(Duration::from_secs(1)).await;
        assert_eq!(*held.lock().unwrap(), 112);
        for priority in [Priority::Foreground, Priority::Background] {
            let others = permits.acquire(Signer::Own, priority, &other);
            assert!(
                timeout(Duration::from_secs(1), others).await.is_ok(),
                "{priority:?}"
            );
        }
    }
}
