//! What one process knows of the static roles of a mount: what is due, new keys that do not work yet, and how rotations ended.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::framework::{Error, Families};
use crate::secrets::alicloud::rotation::{Counts, Failure, PendingKeys, Trigger};
use crate::secrets::alicloud::static_roles::queue::Queue;

/// The static roles of one mount.
#[derive(Debug, Default)]
pub(in crate::secrets::alicloud) struct StaticRoles {
    pub(super) queue: Queue,
    pub(super) pending: PendingKeys,
    /// The last work by schedule on these roles failed.
    failed: Mutex<HashMap<String, Failure>>,
    counts: Counts,
}

impl StaticRoles {
    /// Counts how a rotation ended. After a failure by schedule: how long the role is left alone.
    pub(super) fn ended<T>(&self, name: &str, trigger: Trigger, outcome: &Result<T, Error>) -> Duration {
        self.counts.count(trigger, outcome);
        match (trigger, outcome) {
            (_, Ok(_)) => self.recovered(name),
            // Whoever asked is told, and asks again or does not.
            (Trigger::Request, Err(_)) => {}
            (Trigger::Schedule, Err(error)) => return self.failed(name, error),
        }
        Duration::ZERO
    }

    /// Notes that work by schedule failed, and says how long the role is left alone.
    pub(super) fn failed(&self, name: &str, error: &Error) -> Duration {
        let mut failures = self.failures();
        let failure = Failure::after(failures.get(name), error);
        let pause = failure.pause();
        failures.insert(name.to_owned(), failure);
        pause
    }

    /// Notes that nothing is wrong with a role, or that there is no such role any more.
    pub(super) fn recovered(&self, name: &str) {
        self.failures().remove(name);
    }

    /// Whether it is too early for another try after a failure.
    pub(super) fn is_paused(&self, name: &str) -> bool {
        self.failures()
            .get(name)
            .is_some_and(|failure| !failure.pause().is_zero())
    }

    /// What a read of a role tells of failures by schedule.
    pub(super) fn warning(&self, name: &str) -> Option<String> {
        let failures = self.failures();
        let warning = failures.get(name)?.warning();
        Some(format!("automated rotation of static role {name:?} {warning}"))
    }

    /// Adds its metrics. `is_active`: this node does the mount's periodic work.
    pub(super) fn collect(&self, is_active: bool, families: &mut Families) {
        self.counts.collect(
            families,
            "static_rotations_total",
            "Rotations of keys of static roles that have ended, by request and by schedule.",
        );
        let failing = u32::try_from(self.failures().len()).unwrap_or(u32::MAX);
        let (roles, next) = self.queue.seen();
        for (name, help, value) in [
            (
                "static_roles",
                "Static roles when they were last read from storage, at a tick, and those written since.",
                roles,
            ),
            (
                "static_roles_failing",
                "Static roles whose last rotation by schedule, or the deletion of whose older key, has failed.",
                Some(failing.into()),
            ),
            (
                "static_rotation_next_timestamp_seconds",
                "When the next static role has something to do: a rotation, or the end of its older key.",
                next,
            ),
        ] {
            families
                .gauge(name, help)
                .sample(&[], value.filter(|_| is_active));
        }
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<String, Failure>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
