//! What one process knows of the rotations of a mount: the new key that does not work yet, and how rotations ended.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::alicloud::ram::AccessKey;
use crate::framework::{Counter, Error, Families, Gauge};
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
    /// The schedule in `config`.
    Schedule,
}

/// The rotations of one mount.
#[derive(Debug, Default)]
pub(in crate::secrets::alicloud) struct RootRotation {
    /// A new key that is not stored yet.
    pending: Mutex<Option<AccessKey>>,
    failed: Mutex<Option<Failed>>,
    succeeded_by_request: Counter,
    failed_by_request: Counter,
    succeeded_by_schedule: Counter,
    failed_by_schedule: Counter,
    /// Both in seconds since 1970.
    next: Gauge,
    last: Gauge,
}

/// The last rotation by schedule failed.
#[derive(Debug)]
struct Failed {
    times: u32,
    error: String,
    retry: Instant,
}

impl RootRotation {
    /// Keeps a new key until it is stored.
    pub(super) fn keep(&self, key: &AccessKey) {
        *lock(&self.pending) = Some(key.clone());
    }

    /// The new key of this id, if it is kept.
    pub(super) fn kept(&self, id: Option<&str>) -> Option<AccessKey> {
        lock(&self.pending)
            .clone()
            .filter(|key| Some(key.id.as_str()) == id)
    }

    /// Forgets the new key: it is stored, or is to be deleted.
    pub(super) fn forget(&self) {
        *lock(&self.pending) = None;
    }

    /// Counts how a rotation ended. After a failure by schedule: how long it is left alone.
    pub(super) fn ended<T>(&self, trigger: Trigger, outcome: &Result<T, Error>) -> Duration {
        match (trigger, outcome) {
            (Trigger::Request, Ok(_)) => self.succeeded_by_request.increment(),
            (Trigger::Request, Err(_)) => self.failed_by_request.increment(),
            (Trigger::Schedule, Ok(_)) => self.succeeded_by_schedule.increment(),
            (Trigger::Schedule, Err(_)) => self.failed_by_schedule.increment(),
        }
        match (trigger, outcome) {
            (_, Ok(_)) => *lock(&self.failed) = None,
            // Whoever asked is told, and asks again or does not.
            (Trigger::Request, Err(_)) => {}
            (Trigger::Schedule, Err(error)) => return self.failed(error),
        }
        Duration::ZERO
    }

    fn failed(&self, error: &Error) -> Duration {
        let mut failed = lock(&self.failed);
        let times = failed.as_ref().map_or(0, |failed| failed.times);
        let pause = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(times))
            .min(LONGEST_PAUSE);
        *failed = Some(Failed {
            times: times.saturating_add(1),
            error: error.message().to_owned(),
            retry: Instant::now() + pause,
        });
        pause
    }

    /// Whether it is too early for another try after a failure.
    pub(super) fn is_paused(&self) -> bool {
        lock(&self.failed)
            .as_ref()
            .is_some_and(|failed| Instant::now() < failed.retry)
    }

    /// What a read of `config` tells of failures by schedule.
    pub(in crate::secrets::alicloud) fn warning(&self) -> Option<String> {
        let failed = lock(&self.failed);
        let Failed { times, error, retry } = failed.as_ref()?;
        let retry = retry.saturating_duration_since(Instant::now()).as_secs();
        Some(format!(
            "automated rotation of the root key has failed (failures in a row: {times}; next try in about {retry} seconds): \
             {error}"
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
        let rotations = families.counter(
            "root_rotations_total",
            "Rotations of the key in config that have ended, by request and by schedule.",
        );
        for (trigger, outcome, count) in [
            ("request", "success", &self.succeeded_by_request),
            ("request", "failure", &self.failed_by_request),
            ("schedule", "success", &self.succeeded_by_schedule),
            ("schedule", "failure", &self.failed_by_schedule),
        ] {
            rotations.sample(&[("trigger", trigger), ("outcome", outcome)], count.value());
        }
        let failures = lock(&self.failed).as_ref().map_or(0, |failed| failed.times);
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
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
