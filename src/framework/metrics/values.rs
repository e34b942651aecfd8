//! What is counted: atomics, so that counting neither waits nor allocates.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows, from zero at the start of the process.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The number now.
    pub fn value(&self) -> f64 {
        // Exact up to 2^53, which no counter here reaches.
        self.0.load(Ordering::Relaxed) as f64
    }
}

/// A number that was found at some time, and is not known before that.
#[derive(Debug)]
pub struct Gauge(AtomicI64);

/// Stands for a number that is not known.
const UNKNOWN: i64 = i64::MIN;

impl Gauge {
    /// The number is this.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// So many were counted.
    pub fn set_count(&self, count: usize) {
        self.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The number is no longer known.
    pub fn clear(&self) {
        self.set(UNKNOWN);
    }

    /// The number, if it is known.
    pub fn value(&self) -> Option<f64> {
        let value = self.0.load(Ordering::Relaxed);
        (value != UNKNOWN).then_some(value as f64)
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self(AtomicI64::new(UNKNOWN))
    }
}

/// How many durations there were, and their sum.
#[derive(Debug, Default)]
pub(super) struct Durations {
    count: AtomicU64,
    /// Enough for 584 years.
    nanoseconds: AtomicU64,
}

impl Durations {
    pub(super) fn add(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> f64 {
        self.count.load(Ordering::Relaxed) as f64
    }

    pub(super) fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_has_no_value_before_it_is_set_and_after_it_is_cleared() {
        let gauge = Gauge::default();
        assert_eq!(gauge.value(), None);
        gauge.set_count(3);
        assert_eq!(gauge.value(), Some(3.0));
        gauge.clear();
        assert_eq!(gauge.value(), None);
    }

    #[test]
    fn durations_add_up_in_seconds() {
        let durations = Durations::default();
        durations.add(Duration::from_millis(1500));
        durations.add(Duration::from_millis(250));
        assert_eq!((durations.count(), durations.seconds()), (2.0, 1.75));
    }
}
