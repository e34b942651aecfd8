//! A point in time that work must not pass.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, Timeout, timeout_at};

/// A deadline on tokio's clock, which a test can pause. Deadlines only ever become earlier on the way down: a nested
/// call takes the earlier of its own limit and its caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline of work that begins now and may take this long.
    #[must_use]
    pub fn after(budget: Duration) -> Self {
        Self(Instant::now() + budget)
    }

    /// The earlier of this deadline and that of work which begins now and may take this long.
    #[must_use]
    pub fn within(self, budget: Duration) -> Self {
        self.min(Self::after(budget))
    }

    /// The time that is left, zero when there is none.
    #[must_use]
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Runs work until it ends or the deadline passes, which is an error. Work that is cut off is dropped.
    pub fn run<F: Future>(self, work: F) -> Timeout<F> {
        // An async function would hold the work twice.
        timeout_at(self.0, work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_nested_limit_never_extends_a_deadline() {
        let deadline = Deadline::after(Duration::from_secs(10));
        assert_eq!(deadline.within(Duration::from_secs(60)), deadline);
        assert_eq!(
            deadline.within(Duration::from_secs(2)).remaining(),
            Duration::from_secs(2)
        );
        assert!(
            deadline
                .run(tokio::time::sleep(Duration::from_secs(11)))
                .await
                .is_err()
        );
        assert_eq!(deadline.remaining(), Duration::ZERO);
    }
}
