//! Operations that a node leaves to another one of its cluster.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;
use super::request::Context;
use super::system::{ReplicationState, SystemError};

/// Which nodes must leave an operation to the active node before it does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forward {
    /// None: it changes nothing.
    Never,
    /// Standbys. What it makes belongs to the cluster (a token), which a performance secondary writes itself.
    OnStandby,
    /// Every node that cannot write the mount's storage.
    WhenReadOnly,
}

/// How long a node that makes all changes itself is not asked again. A host that becomes a standby sets its mounts up anew,
/// and refuses what the old ones still write.
const FRESH: Duration = Duration::from_secs(1);

/// Finds out whether the node has to leave an operation to another one. Not to ask for each operation saves one of the few
/// questions to the host that it costs.
#[derive(Default)]
pub(super) struct Forwarding {
    /// When the host last said that it makes all changes itself.
    writable: Mutex<Option<Instant>>,
}

impl Forwarding {
    /// A node that cannot do what the operation needs must say so before anything is changed outside.
    pub(super) async fn check(&self, forward: Forward, context: &Context) -> Result<(), Error> {
        if forward == Forward::Never || self.is_fresh() {
            return Ok(());
        }
        let asked = Instant::now();
        let state = context.system.replication_state().await?;
        if !leaves_changes(state, context).await? {
            *self.writable.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
            return Ok(());
        }
        if forward == Forward::WhenReadOnly || state.is_standby() {
            return Err(Error::read_only());
        }
        Ok(())
    }

    fn is_fresh(&self) -> bool {
        let writable = *self.writable.lock().unwrap_or_else(PoisonError::into_inner);
        writable.is_some_and(|asked| asked.elapsed() < FRESH)
    }
}

/// Whether the node leaves changes of this mount to another one.
pub(super) async fn is_read_only(context: &Context) -> Result<bool, SystemError> {
    leaves_changes(context.system.replication_state().await?, context).await
}

async fn leaves_changes(state: ReplicationState, context: &Context) -> Result<bool, SystemError> {
    Ok(state.is_standby() || (state.is_performance_secondary() && !context.system.local_mount().await?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::cloud::{Deadline, budget};
    use crate::framework::memory::{FixedSystem, MemoryStorage};
    use crate::framework::request::{Operation, Request};
    use crate::framework::testing::services;

    const ACTIVE: i32 = 0;
    const SECONDARY: i32 = 1 << 6;
    const STANDBY: i32 = 1 << 14;

    fn node(state: i32, local: bool) -> Context {
        let system = FixedSystem {
            replication: ReplicationState(state),
            local,
            ..FixedSystem::default()
        };
        Context::new(
            Request::new(Operation::Update, "role/r"),
            services(Arc::new(MemoryStorage::default()), system),
            Deadline::after(budget::REQUEST),
            CancellationToken::new(),
        )
    }

    #[tokio::test]
    async fn each_node_leaves_to_others_what_it_cannot_do() {
        for (state, local, changes, logins) in [
            (ACTIVE, false, true, true),
            (SECONDARY, false, false, true),
            (SECONDARY, true, true, true),
            (STANDBY, false, false, false),
            (STANDBY, true, false, false),
        ] {
            let node = node(state, local);
            for (forward, here) in [
                (Forward::WhenReadOnly, changes),
                (Forward::OnStandby, logins),
                (Forward::Never, true),
            ] {
                let checked = Forwarding::default().check(forward, &node).await;
                assert_eq!(checked.is_ok(), here, "{state} {local} {forward:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_host_said_holds_for_a_second_and_only_if_it_makes_changes() {
        let forwarding = Forwarding::default();
        let check = async |state| {
            forwarding
                .check(Forward::WhenReadOnly, &node(state, false))
                .await
                .is_ok()
        };
        assert!(!check(STANDBY).await);
        assert!(check(ACTIVE).await);
        assert!(check(STANDBY).await);
        tokio::time::advance(FRESH).await;
        assert!(!check(STANDBY).await);
        assert!(check(ACTIVE).await);
    }
}
