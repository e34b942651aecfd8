//! The host's services, bounded by a request's deadline: a host that does not answer holds no request for ever.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::storage::{Change, Storage, StorageError};
use super::system::{Entity, Product, ReplicationState, SystemError, SystemView};
use crate::cloud::Deadline;

/// Storage whose calls fail when the deadline is over. Whether a change that was cut off was made is unknown.
pub(super) struct BoundedStorage {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) deadline: Deadline,
}

impl BoundedStorage {
    async fn run<T>(&self, call: impl Future<Output = Result<T, StorageError>>) -> Result<T, StorageError> {
        self.deadline.run(call).await.unwrap_or_else(|_| {
            Err(StorageError(
                "the server's storage did not answer before the request's deadline".to_owned(),
            ))
        })
    }
}

#[async_trait]
impl Storage for BoundedStorage {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.run(self.storage.get(key)).await
    }

    async fn put(&self, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        self.run(self.storage.put(key, value)).await
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.run(self.storage.delete(key)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.run(self.storage.list(prefix)).await
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        self.run(self.storage.apply(changes)).await
    }
}

/// A system view whose questions fail when the deadline is over.
pub(super) struct BoundedSystem {
    pub(super) system: Arc<dyn SystemView>,
    pub(super) deadline: Deadline,
}

impl BoundedSystem {
    async fn run<T>(
        &self,
        question: &'static str,
        call: impl Future<Output = Result<T, SystemError>>,
    ) -> Result<T, SystemError> {
        self.deadline.run(call).await.unwrap_or_else(|_| {
            Err(SystemError {
                question,
                reason: "the request's deadline is over".to_owned(),
            })
        })
    }
}

#[async_trait]
impl SystemView for BoundedSystem {
    async fn default_lease_ttl(&self) -> Result<Duration, SystemError> {
        self.run("its default lease TTL", self.system.default_lease_ttl())
            .await
    }

    async fn max_lease_ttl(&self) -> Result<Duration, SystemError> {
        self.run("its maximum lease TTL", self.system.max_lease_ttl())
            .await
    }

    async fn replication_state(&self) -> Result<ReplicationState, SystemError> {
        self.run("its replication state", self.system.replication_state())
            .await
    }

    async fn local_mount(&self) -> Result<bool, SystemError> {
        self.run("whether the mount is local", self.system.local_mount())
            .await
    }

    async fn host_version(&self) -> Result<String, SystemError> {
        self.run("its version", self.system.host_version()).await
    }

    async fn entity(&self, id: &str) -> Result<Option<Entity>, SystemError> {
        self.run("who the caller is", self.system.entity(id)).await
    }

    async fn groups_of_entity(&self, id: &str) -> Result<Vec<String>, SystemError> {
        self.run("the caller's groups", self.system.groups_of_entity(id))
            .await
    }

    fn product(&self) -> Product {
        self.system.product()
    }
}
