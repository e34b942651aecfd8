//! Refused logins in the log: anybody can make as many as they like, so they are counted and summed up once a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::framework::{Error, Excerpt};

/// How long refusals are counted before they are summed up.
const PERIOD: Duration = Duration::from_secs(60);
/// How many reasons are told apart in one period. Some quote what the client sent.
const REASONS: usize = 64;

/// The refused logins of one mount.
#[derive(Debug, Default)]
pub(super) struct RefusedLogins(Mutex<Option<Refusals>>);

/// The refusals since the last summary.
#[derive(Debug, Default)]
struct Refusals {
    count: u64,
    reasons: HashMap<String, u64>,
}

impl RefusedLogins {
    /// Counts a refusal. The first one of a period also sees to the summary.
    pub(super) fn note(self: &Arc<Self>, error: &Error) {
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = refusals.is_none();
        refusals.get_or_insert_default().count(error.message());
        if first {
            let logins = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(PERIOD).await;
                let refusals = logins.0.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(refusals) = refusals {
                    refusals.log();
                }
            });
        }
    }
}

impl Refusals {
    fn count(&mut self, reason: &str) {
        self.count += 1;
        let reason = Excerpt(reason).to_string();
        if self.reasons.len() < REASONS || self.reasons.contains_key(&reason) {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// The reason that was given most often, and how often.
    fn commonest(&self) -> (&str, u64) {
        self.reasons
            .iter()
            .max_by_key(|(reason, times)| (**times, *reason))
            .map_or(("", 0), |(reason, times)| (reason, *times))
    }

    fn log(&self) {
        let (reason, times) = self.commonest();
        tracing::warn!(
            event = "logins_refused",
            refused = self.count,
            seconds = PERIOD.as_secs(),
            reason,
            times,
            "logins were refused; the reason is the commonest of them"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_period_ends_after_a_minute() {
        let logins = Arc::new(RefusedLogins::default());
        for _ in 0..3 {
            logins.note(&Error::bad_request("no"));
        }
        let count = || logins.0.lock().unwrap().as_ref().map(|refusals| refusals.count);
        assert_eq!(count(), Some(3));
        tokio::time::sleep(PERIOD + Duration::from_millis(1)).await;
        assert_eq!(count(), None);
        logins.note(&Error::bad_request("no"));
        assert_eq!(count(), Some(1));
    }

    #[test]
    fn the_summary_names_the_number_and_the_commonest_reason_and_stays_small() {
        let mut refusals = Refusals::default();
        for _ in 0..7 {
            refusals.count("the signature\nis wrong");
        }
        for number in 0..1000 {
            refusals.count(&format!("host {number} {}", "x".repeat(1000)));
        }
        assert_eq!(refusals.count, 1007);
        assert_eq!(refusals.commonest(), ("the signature\\nis wrong", 7));
        assert_eq!(refusals.reasons.len(), REASONS);
        assert!(refusals.reasons.keys().all(|reason| reason.len() < 200));
    }
}
