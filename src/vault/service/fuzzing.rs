//! An entry point of `tests/fuzz`, compiled only with `--cfg fuzzing`: one mount, without a host.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::pb;
use crate::cloud::Clock;
use crate::framework::{Backend, FixedSystem, MemoryStorage, Services};
use crate::vault::instances::Instance;

/// A mount with storage in memory, which is called as the service calls it.
#[derive(Clone)]
pub struct Mount(Arc<Instance>);

impl Mount {
    /// A mount of a backend, with nothing stored yet.
    #[must_use]
    pub fn new(backend: Backend, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Instance {
            backend,
            services: Services {
                storage: Arc::new(MemoryStorage::default()),
                system: Arc::new(FixedSystem::default()),
                clock,
                resolves_paths: Arc::default(),
            },
            gone: CancellationToken::new(),
        }))
    }

    /// Answers a request.
    pub async fn handle(&self, arguments: pb::HandleRequestArgs) -> pb::HandleRequestReply {
        super::handled(&self.0, &Arc::default(), arguments).await
    }

    /// Answers an existence check.
    pub async fn exists(&self, arguments: pb::HandleExistenceCheckArgs) -> pb::HandleExistenceCheckReply {
        super::checked(&self.0, arguments).await
    }
}

impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mount").finish_non_exhaustive()
    }
}
