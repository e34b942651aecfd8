//! One instance for each mount, found by the id that its calls carry.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::refused_logins::RefusedLogins;
use crate::framework::{Backend, Services};

/// One mount: its backend and the host's services for it.
pub(super) struct Instance {
    pub(super) backend: Backend,
    pub(super) services: Services,
    pub(super) refused_logins: Arc<RefusedLogins>,
    /// Fires when the mount goes away: requests still at work then stop and undo what they made.
    pub(super) gone: CancellationToken,
}

/// The mounts of the process.
#[derive(Default)]
pub(super) struct Instances {
    by_id: RwLock<HashMap<String, Arc<Instance>>>,
}

impl Instances {
    /// Adds a mount. One that has the same id is replaced: the host has set it up anew.
    pub(super) fn insert(&self, id: String, instance: Instance) {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = by_id.insert(id, Arc::new(instance)) {
            old.gone.cancel();
        }
    }

    /// Removes a mount; one that is not there is no failure, since hosts clean up twice.
    pub(super) fn remove(&self, id: &str) {
        let removed = self
            .by_id
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
        if let Some(instance) = removed {
            instance.gone.cancel();
        }
    }

    pub(super) fn get(&self, id: &str) -> Result<Arc<Instance>, Status> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id
            .get(id)
            .cloned()
            .ok_or_else(|| Status::failed_precondition("no mount is set up for this multiplex_id"))
    }
}
