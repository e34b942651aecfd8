//! Announcements of the host that nobody has asked for yet.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

/// How long an announcement is good; Go forgets it after five seconds.
const LIFETIME: Duration = Duration::from_secs(60);
/// Announcements kept; a host makes one for each mount, and it is claimed within moments.
const MOST: usize = 256;

/// Where the host listens.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) network: String,
    pub(super) address: String,
}

/// Unclaimed announcements by id, neither many nor old.
#[derive(Debug, Default)]
pub(super) struct Offers(HashMap<u32, (Offer, Instant)>);

impl Offers {
    /// Remembers an announcement; one of the same id is replaced, and when there are too many the oldest goes.
    pub(super) fn insert(&mut self, id: u32, offer: Offer, now: Instant) {
        self.0
            .retain(|_, (_, arrived)| now.duration_since(*arrived) < LIFETIME);
        if self.0.len() >= MOST
            && let Some(oldest) = self
                .0
                .iter()
                .min_by_key(|(_, (_, arrived))| *arrived)
                .map(|(id, _)| *id)
        {
            self.0.remove(&oldest);
        }
        self.0.insert(id, (offer, now));
    }

    /// Claims an announcement; it is gone afterwards.
    pub(super) fn take(&mut self, id: u32, now: Instant) -> Option<Offer> {
        let (offer, arrived) = self.0.remove(&id)?;
        (now.duration_since(arrived) < LIFETIME).then_some(offer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> Offer {
        Offer {
            network: "unix".to_owned(),
            address: "/x".to_owned(),
        }
    }

    #[test]
    fn offers_are_claimed_once_and_grow_old() {
        let mut offers = Offers::default();
        let now = Instant::now();
        offers.insert(1, offer(), now);
        offers.insert(2, offer(), now);
        assert!(offers.take(1, now).is_some());
        assert!(offers.take(1, now).is_none());
        assert!(offers.take(2, now + LIFETIME).is_none());
    }

    #[test]
    fn the_oldest_of_too_many_goes() {
        let mut offers = Offers::default();
        let start = Instant::now();
        for id in 0..=256u32 {
            offers.insert(id, offer(), start + Duration::from_millis(u64::from(id)));
        }
        assert_eq!(offers.0.len(), MOST);
        assert!(offers.take(0, start).is_none());
        assert!(offers.take(1, start + Duration::from_secs(1)).is_some());
    }
}
