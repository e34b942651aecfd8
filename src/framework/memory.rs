//! A host in memory, for tests and fuzz targets.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::framework::storage::{Storage, StorageError};
use crate::framework::system::{Entity, Product, ReplicationState, SystemError, SystemView};

/// Storage in memory.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    entries: Mutex<BTreeMap<String, Vec<u8>>>,
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.entries().get(key).cloned())
    }

    async fn put(&self, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        self.entries().insert(key.to_owned(), value);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.entries().remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let mut names: Vec<String> = self
            .entries()
            .keys()
            .filter_map(|key| key.strip_prefix(prefix))
            .map(|rest| match rest.split_once('/') {
                Some((folder, _)) => format!("{folder}/"),
                None => rest.to_owned(),
            })
            .collect();
        names.dedup();
        Ok(names)
    }
}

impl MemoryStorage {
    fn entries(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A system view with fixed answers.
#[derive(Debug, Clone, Copy)]
pub struct FixedSystem {
    /// The mount's default lease TTL.
    pub default_ttl: Duration,
    /// The mount's maximum lease TTL.
    pub max_ttl: Duration,
    /// The node's part in replication.
    pub replication: ReplicationState,
    /// Whether the mount is local.
    pub local: bool,
}

impl Default for FixedSystem {
    fn default() -> Self {
        let month = Duration::from_secs(768 * 3600);
        Self {
            default_ttl: month,
            max_ttl: month,
            replication: ReplicationState::default(),
            local: false,
        }
    }
}

#[async_trait]
impl SystemView for FixedSystem {
    async fn default_lease_ttl(&self) -> Result<Duration, SystemError> {
        Ok(self.default_ttl)
    }

    async fn max_lease_ttl(&self) -> Result<Duration, SystemError> {
        Ok(self.max_ttl)
    }

    async fn replication_state(&self) -> Result<ReplicationState, SystemError> {
        Ok(self.replication)
    }

    async fn local_mount(&self) -> Result<bool, SystemError> {
        Ok(self.local)
    }

    async fn host_version(&self) -> Result<String, SystemError> {
        Ok("1.0.0".to_owned())
    }

    async fn entity(&self, _: &str) -> Result<Option<Entity>, SystemError> {
        Ok(None)
    }

    async fn groups_of_entity(&self, _: &str) -> Result<Vec<String>, SystemError> {
        Ok(Vec::new())
    }

    fn product(&self) -> Product {
        Product::OpenBao
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_are_listed_relative_to_the_prefix() {
        let storage = MemoryStorage::default();
        for key in ["config", "role/a", "role/b", "role/c/d", "role/c/e"] {
            storage.put(key, vec![]).await.unwrap();
        }
        assert_eq!(storage.list("role/").await.unwrap(), ["a", "b", "c/"]);
        assert_eq!(storage.list("none/").await.unwrap(), Vec::<String>::new());
    }
}
