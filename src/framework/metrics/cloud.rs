//! The calls that a mount makes.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

use super::by_name::ByName;
use super::families::{Collect, Families};
use super::values::{Counter, Durations, Gauge};
use crate::cloud::observer::{Observer, Outcome};

/// The calls of one mount, as its client tells of them.
#[derive(Debug, Default)]
pub struct CloudMetrics {
    operations: ByName<Operation>,
    sources: ByName<Source>,
}

/// One operation of the cloud.
#[derive(Debug, Default)]
struct Operation {
    ended: [Counter; Outcome::ALL.len()],
    took: Durations,
    throttled: Counter,
    queued: AtomicI64,
    waited: Durations,
}

/// One source of credentials. Times are seconds since 1970.
#[derive(Debug, Default)]
struct Source {
    used_at: Gauge,
    expires_at: Gauge,
}

impl Observer for CloudMetrics {
    fn call_ended(&self, operation: &'static str, outcome: Outcome, took: Duration) {
        let Some(operation) = self.operations.of(operation) else {
            return;
        };
        if let Some(counter) = operation.ended.get(outcome.index()) {
            counter.increment();
        }
        operation.took.add(took);
    }

    fn throttled(&self, operation: &'static str) {
        if let Some(operation) = self.operations.of(operation) {
            operation.throttled.increment();
        }
    }

    fn queue_entered(&self, operation: &'static str) {
        if let Some(operation) = self.operations.of(operation) {
            operation.queued.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn queue_left(&self, operation: &'static str, waited: Duration) {
        if let Some(operation) = self.operations.of(operation) {
            operation.queued.fetch_sub(1, Ordering::Relaxed);
            operation.waited.add(waited);
        }
    }

    fn credentials_used(
        &self,
        source: &'static str,
        now: OffsetDateTime,
        expires_at: Option<OffsetDateTime>,
    ) {
        let Some(source) = self.sources.of(source) else {
            return;
        };
        source.used_at.set(now.unix_timestamp());
        match expires_at {
            Some(expires_at) => source.expires_at.set(expires_at.unix_timestamp()),
            None => source.expires_at.clear(),
        }
    }
}

impl Collect for CloudMetrics {
    fn collect(&self, families: &mut Families) {
        let operations = self.operations.all();
        let calls = families.counter(
            "cloud_calls_total",
            "Calls of the mount to the cloud that have ended, each with all its tries.",
        );
        for (name, operation) in &operations {
            for (outcome, counter) in Outcome::ALL.into_iter().zip(&operation.ended) {
                let labels = [("operation", *name), ("outcome", outcome.word())];
                calls.sample(&labels, counter.value());
            }
        }
        let took = families.summary(
            "cloud_call_duration_seconds",
            "Durations of calls to the cloud, with their tries, pauses and queues.",
        );
        for (name, operation) in &operations {
            took.durations(&[("operation", name)], &operation.took);
        }
        let throttled = families.counter(
            "cloud_throttled_total",
            "Tries of calls that the cloud throttled. Most are repeated.",
        );
        for (name, operation) in &operations {
            throttled.sample(&[("operation", name)], operation.throttled.value());
        }
        let queued = families.gauge(
            "rate_limiter_queued_calls",
            "Calls of the mount that wait for the rate limiter now.",
        );
        for (name, operation) in &operations {
            let calls = operation.queued.load(Ordering::Relaxed);
            queued.sample(&[("operation", name)], calls as f64);
        }
        let waited = families.summary(
            "rate_limiter_wait_seconds",
            "How long tries of calls waited for the rate limiter.",
        );
        for (name, operation) in &operations {
            waited.durations(&[("operation", name)], &operation.waited);
        }
        self.collect_sources(families);
    }
}

impl CloudMetrics {
    fn collect_sources(&self, families: &mut Families) {
        let sources = self.sources.all();
        let used = families.gauge(
            "credentials_last_used_timestamp_seconds",
            "When a call was last signed with credentials of this source. The latest source is the one in force.",
        );
        for (name, source) in &sources {
            used.sample(&[("source", name)], source.used_at.value());
        }
        let expiry = families.gauge(
            "credentials_expiry_timestamp_seconds",
            "When the credentials of this source that were used last expire. None for those that do not.",
        );
        for (name, source) in &sources {
            expiry.sample(&[("source", name)], source.expires_at.value());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::metrics::text::text;

    #[test]
    fn calls_are_counted_by_operation_and_outcome() {
        let metrics = CloudMetrics::default();
        metrics.queue_entered("CreateUser");
        metrics.queue_entered("CreateUser");
        metrics.queue_left("CreateUser", Duration::from_secs(2));
        metrics.throttled("CreateUser");
        metrics.call_ended("CreateUser", Outcome::Success, Duration::from_secs(3));
        metrics.call_ended("CreateUser", Outcome::Cancelled, Duration::from_secs(1));
        let now = OffsetDateTime::from_unix_timestamp(1_000).unwrap();
        metrics.credentials_used("oidc", now, Some(now + Duration::from_secs(60)));
        metrics.credentials_used("stored", now, None);
        let mut families = Families::default();
        metrics.collect(&mut families);
        let text = text(&families);
        for line in [
            "cloud_calls_total{operation=\"CreateUser\",outcome=\"success\"} 1",
            "cloud_calls_total{operation=\"CreateUser\",outcome=\"cancelled\"} 1",
            "cloud_calls_total{operation=\"CreateUser\",outcome=\"denied\"} 0",
            "cloud_call_duration_seconds_sum{operation=\"CreateUser\"} 4",
            "cloud_call_duration_seconds_count{operation=\"CreateUser\"} 2",
            "cloud_throttled_total{operation=\"CreateUser\"} 1",
            "rate_limiter_queued_calls{operation=\"CreateUser\"} 1",
            "rate_limiter_wait_seconds_sum{operation=\"CreateUser\"} 2",
            "credentials_last_used_timestamp_seconds{source=\"oidc\"} 1000",
            "credentials_last_used_timestamp_seconds{source=\"stored\"} 1000",
            "credentials_expiry_timestamp_seconds{source=\"oidc\"} 1060",
        ] {
            assert!(
                text.contains(&format!("vault_plugin_alicloud_{line}\n")),
                "{line}: {text}"
            );
        }
        assert!(
            !text.contains("expiry_timestamp_seconds{source=\"stored\"}"),
            "{text}"
        );
    }
}
