//! How many requests are at work at the same time: more wait for a place, and more than can wait are turned away, so that
//! a flood costs memory within bounds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::framework::{Error, Operation, Status};

/// Bounds of one class of requests.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Requests at work.
    places: usize,
    /// Requests that wait for a place.
    seats: usize,
    /// The longest wait.
    patience: Duration,
}

/// What clients ask for. Their libraries give up after a minute.
const CLIENTS: Bounds = Bounds {
    places: 128,
    seats: 512,
    patience: Duration::from_secs(20),
};

/// Revocations have places of their own, so that a flood of issues cannot hold them up. The host has 200 workers for them,
/// gives each about 90 seconds, and gives a lease up after six failures.
const REVOCATIONS: Bounds = Bounds {
    places: 64,
    seats: 1024,
    patience: Duration::from_secs(75),
};

/// The places of a process.
#[derive(Debug)]
pub(super) struct Admission {
    clients: Class,
    revocations: Class,
}

#[derive(Debug)]
struct Class {
    bounds: Bounds,
    places: Arc<Semaphore>,
    seats: Arc<Semaphore>,
}

/// A place, held until it is dropped. Requests that are cheap, or that the host makes one at a time, need none.
#[derive(Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

impl Admission {
    /// Waits for a place for an operation.
    ///
    /// # Errors
    /// Too many wait already, or the wait was too long: HTTP 503, and nothing was done.
    pub(super) async fn enter(&self, operation: Operation) -> Result<Place, Error> {
        let class = match operation {
            Operation::Help | Operation::ResolvePath | Operation::ResolveRole | Operation::Rollback => {
                return Ok(Place(None));
            }
            Operation::Revoke => &self.revocations,
            _ => &self.clients,
        };
        class.enter().await
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            clients: Class::new(CLIENTS),
            revocations: Class::new(REVOCATIONS),
        }
    }
}

impl Class {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            places: Arc::new(Semaphore::new(bounds.places)),
            seats: Arc::new(Semaphore::new(bounds.seats)),
        }
    }

    async fn enter(&self) -> Result<Place, Error> {
        // In this order nobody overtakes those who wait: a place that is free has nobody waiting for it.
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(Place(Some(place)));
        }
        let Ok(_seat) = self.seats.try_acquire() else {
            return Err(self.busy());
        };
        match timeout(self.bounds.patience, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(Place(Some(place))),
            _ => Err(self.busy()),
        }
    }

    fn busy(&self) -> Error {
        let Bounds { places, seats, .. } = self.bounds;
        Error::coded(
            Status::UNAVAILABLE,
            format!(
                "too many requests at once: the plugin works on {places} of this kind and lets {seats} more wait; \
                 nothing was done, try again later"
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::Kind;

    fn small() -> Class {
        Class::new(Bounds {
            places: 2,
            seats: 1,
            patience: Duration::from_secs(20),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_place_waits_and_who_finds_no_seat_is_turned_away() {
        let class = Arc::new(small());
        let first = class.enter().await.unwrap();
        let _second = class.enter().await.unwrap();
        let waiting = tokio::spawn({
            let class = Arc::clone(&class);
            async move { class.enter().await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let started = tokio::time::Instant::now();
        let refused = class.enter().await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Coded(Status::UNAVAILABLE));
        assert_eq!(started.elapsed(), Duration::ZERO);
        drop(first);
        let third = waiting.await.unwrap().unwrap();
        // The seat is free again, but nobody leaves a place in time.
        let refused = class.enter().await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Coded(Status::UNAVAILABLE));
        assert_eq!(started.elapsed(), Duration::from_secs(20));
        drop(third);
        class.enter().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_clients_holds_up_neither_revocations_nor_the_tick() {
        let admission = Admission::default();
        let mut places = Vec::new();
        for _ in 0..CLIENTS.places {
            places.push(admission.enter(Operation::Read).await.unwrap());
        }
        for operation in [Operation::Revoke, Operation::Rollback, Operation::ResolvePath] {
            admission.enter(operation).await.unwrap();
        }
        assert!(admission.enter(Operation::Read).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_leaves_the_seat() {
        let class = small();
        let _places = (class.enter().await.unwrap(), class.enter().await.unwrap());
        assert!(timeout(Duration::from_secs(1), class.enter()).await.is_err());
        assert!(timeout(Duration::from_secs(1), class.enter()).await.is_err());
    }
}
