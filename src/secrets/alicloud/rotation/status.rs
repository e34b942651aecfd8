//! What one process knows of the rotations of a mount: new keys that do not work yet, and how rotations ended.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::framework::{Counter, Error, Families, Gauge};
use crate::secrets::alicloud::rotation::holder::PendingKeys;
use crate::secrets::rotation::RotationSettings;

/// How long after a failure a rotation by schedule is tried again. It doubles with each further failure, up to
/// [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// What asked for a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::secrets::alicloud) enum Trigger {
    /// A request.
    Request,
    /// The schedule.
    Schedule,
}

/// The rotations of one mount's root key.
#[derive(Debug, Default)]
pub(in crate::secrets::alicloud) struct RootRotation {
    pub(super) pending: PendingKeys,
    failed: Mutex<Option<Failure>>,
    counts: Counts,
    /// Both in seconds since 1970.
    next: Gauge,
    last: Gauge,
}

/// The last rotation by schedule failed.
#[derive(Debug)]
pub(in crate::secrets::alicloud) struct Failure {
    times: u32,
    error: String,
    retry: Instant,
}

/// How many rotations have ended, and how.
#[derive(Debug, Default)]
pub(in crate::secrets::alicloud) struct Counts {
    succeeded_by_request: Counter,
    failed_by_request: Counter,
    succeeded_by_schedule: Counter,
    failed_by_schedule: Counter,
}

impl Failure {
    /// One more failure, after those before it.
    pub(in crate::secrets::alicloud) fn after(before: Option<&Self>, error: &Error) -> Self {
        let times = before.map_or(0, |failure| failure.times);
        let pause = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(times))
            .min(LONGEST_PAUSE);
        Self {
            times: times.saturating_add(1),
            error: error.message().to_owned(),
            retry: Instant::now() + pause,
        }
    }

    /// How many rotations by schedule have failed in a row.
    pub(in crate::secrets::alicloud) fn times(&self) -> u32 {
        self.times
    }

    /// How long it is left alone.
    pub(in crate::secrets::alicloud) fn pause(&self) -> Duration {
        self.retry.saturating_duration_since(Instant::now())
    }

    /// What a read tells of it, after the name of what was to be rotated.
    pub(in crate::secrets::alicloud) fn warning(&self) -> String {
        format!(
            "has failed (failures in a row: {}; next try in about {} seconds): {}",
            self.times,
            self.pause().as_secs(),
            self.error
        )
    }
}

impl Counts {
    /// One more.
    pub(in crate::secrets::alicloud) fn count<T>(&self, trigger: Trigger, outcome: &Result<T, Error>) {
        match (trigger, outcome) {
            (Trigger::Request, Ok(_)) => self.succeeded_by_request.increment(),
            (Trigger::Request, Err(_)) => self.failed_by_request.increment(),
            (Trigger::Schedule, Ok(_)) => self.succeeded_by_schedule.increment(),
            (Trigger::Schedule, Err(_)) => self.failed_by_schedule.increment(),
        }
    }

    /// Adds them to the metrics.
    pub(in crate::secrets::alicloud) fn collect(
        &self,
        families: &mut Families,
        name: &'static str,
        help: &'static str,
    ) {
        let rotations = families.counter(name, help);
        for (trigger, outcome, count) in [
            ("request", "success", &self.succeeded_by_request),
            ("request", "failure", &self.failed_by_request),
            ("schedule", "success", &self.succeeded_by_schedule),
            ("schedule", "failure", &self.failed_by_schedule),
        ] {
            rotations.sample(&[("trigger", trigger), ("outcome", outcome)], count.value());
        }
    }
}

impl RootRotation {
    /// Counts how a rotation ended. After a failure by schedule: how long it is left alone.
    pub(super) fn ended<T>(&self, trigger: Trigger, outcome: &Result<T, Error>) -> Duration {
        self.counts.count(trigger, outcome);
        let mut failed = self.failed();
        match (trigger, outcome) {
            (_, Ok(_)) => *failed = None,
            // Whoever asked is told, and asks again or does not.
            (Trigger::Request, Err(_)) => {}
            (Trigger::Schedule, Err(error)) => {
                let failure = Failure::after(failed.as_ref(), error);
                return failed.insert(failure).pause();
            }
        }
        Duration::ZERO
    }

    /// Whether it is too early for another try after a failure.
    pub(super) fn is_paused(&self) -> bool {
        self.failed()
            .as_ref()
            .is_some_and(|failure| !failure.pause().is_zero())
    }

    /// What a read of `config` tells of failures by schedule.
    pub(in crate::secrets::alicloud) fn warning(&self) -> Option<String> {
        let failed = self.failed();
        let failure = failed.as_ref()?;
        Some(format!(
            "automated rotation of the root key {}",
            failure.warning()
        ))
    }

    /// Notes what `config` says, for metrics.
    pub(super) fn seen(&self, settings: &RotationSettings) {
        for (gauge, time) in [
            (&self.next, settings.next_vault_rotation),
            (&self.last, settings.last_vault_rotation),
        ] {
            match time.and_then(|time| i64::try_from(time).ok()) {
                Some(time) => gauge.set(time),
                None => gauge.clear(),
            }
        }
    }

    /// Adds its metrics. `is_active`: this node does the mount's periodic work.
    pub(super) fn collect(&self, is_active: bool, families: &mut Families) {
        self.counts.collect(
            families,
            "root_rotations_total",
            "Rotations of the key in config that have ended, by request and by schedule.",
        );
        let failures = self.failed().as_ref().map_or(0, Failure::times);
        let if_active = |value: Option<f64>| value.filter(|_| is_active);
        families
            .gauge(
                "root_rotation_failures_in_a_row",
                "Rotations by schedule that have failed since the last one that succeeded.",
            )
            .sample(&[], if_active(Some(failures.into())));
        families
            .gauge(
                "root_rotation_next_timestamp_seconds",
                "When the key in config is rotated next by schedule.",
            )
            .sample(&[], if_active(self.next.value()));
        families
            .gauge(
                "root_rotation_last_timestamp_seconds",
                "When the key in config was rotated last.",
            )
            .sample(&[], if_active(self.last.value()));
    }

    fn failed(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
