//! One mount without a host, for tests and fuzz targets.

use std::sync::Arc;

use prost::Message as _;
use tokio_util::sync::CancellationToken;

use super::pb;
use crate::cloud::{Clock, Deadline};
use crate::framework::{Backend, FixedSystem, MemoryStorage, Operation, Services};
use crate::vault::admission::Permit;
use crate::vault::arrival::{Arrival, Carrier, is_large};
use crate::vault::instances::Instance;

/// A host with nothing stored yet.
pub(in crate::vault) fn services(clock: Arc<dyn Clock>) -> Services {
    Services {
        storage: Arc::new(MemoryStorage::default()),
        system: Arc::new(FixedSystem::default()),
        clock,
        resolves_paths: Arc::default(),
        process: Arc::new(()),
    }
}

/// A mount as the service keeps it.
pub(in crate::vault) fn instance(backend: Backend, services: Services) -> Instance {
    Instance {
        backend,
        services,
        refused_logins: Arc::default(),
        gone: CancellationToken::new(),
    }
}

/// A mount with storage in memory, which is called as the service calls it.
#[derive(Clone)]
pub struct Mount(Arc<Instance>);

impl Mount {
    /// A mount of a backend, with nothing stored yet.
    pub fn new(backend: Backend, clock: Arc<dyn Clock>) -> Self {
        Self::with(backend, services(clock))
    }

    /// A mount of a backend, with a host.
    pub fn with(backend: Backend, services: Services) -> Self {
        Self(Arc::new(instance(backend, services)))
    }

    /// Answers a request.
    pub async fn handle(&self, arguments: pb::HandleRequestArgs) -> pb::HandleRequestReply {
        let arrival = self.arrival(Carrier::Request, arguments.request.as_deref());
        super::handled(&self.0, arrival, arguments).await
    }

    /// Answers an existence check.
    pub async fn exists(&self, arguments: pb::HandleExistenceCheckArgs) -> pb::HandleExistenceCheckReply {
        let arrival = self.arrival(Carrier::ExistenceCheck, arguments.request.as_deref());
        super::checked(&self.0, arrival, arguments).await
    }

    fn arrival(&self, carrier: Carrier, request: Option<&pb::Request>) -> Arc<Arrival> {
        let (operation, path) = request
            .map(|request| (request.operation.clone(), request.path.clone()))
            .unwrap_or_default();
        let known = Operation::from_wire(&operation);
        let class = self.0.backend.class(known, &path);
        let needs_path_alone = carrier.needs_path_alone(&self.0.backend, known, &path);
        Arc::new(Arrival {
            operation,
            path,
            class,
            deadline: Deadline::after(class.budget()),
            is_large: request.is_some_and(|request| is_large(class, request.encoded_len())),
            needs_path_alone,
            permit: Ok(Permit::default()),
        })
    }
}
