//! Contexts as the host's adapter makes them, for tests.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::backend::Backend;
use super::memory::{FixedSystem, MemoryStorage};
use super::request::{Context, Operation, Request, Services};
use super::storage::Storage;
use super::system::SystemView;
use crate::cloud::{Deadline, SystemClock, budget};

/// A context with storage of its own and the system's clock.
pub(crate) fn context() -> Context {
    Context::new(
        Request::new(Operation::Read, ""),
        services(Arc::new(MemoryStorage::default()), FixedSystem::default()),
        Deadline::after(budget::REQUEST),
        CancellationToken::new(),
    )
}

/// A host's services with the system's clock.
pub(crate) fn services(storage: Arc<dyn Storage>, system: impl SystemView + 'static) -> Services {
    Services {
        storage,
        system: Arc::new(system),
        clock: Arc::new(SystemClock),
        resolves_paths: Arc::default(),
        process: Arc::new(()),
    }
}

/// The context of a request to a backend, with the deadline of its class.
pub(crate) fn context_of(
    backend: &Backend,
    request: Request,
    services: Services,
    cancelled: CancellationToken,
) -> Context {
    let class = backend.class(request.operation, &request.path);
    Context::new(request, services, Deadline::after(class.budget()), cancelled)
}
