//! The mount's own storage, as the host offers it.

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::framework::error::{Error, Kind, READ_ONLY};
use crate::framework::excerpt::Excerpt;
use crate::framework::go_json::to_go_json;

/// Storage of one mount. Keys are relative to the mount; `/` separates.
#[async_trait]
pub trait Storage: Send + Sync {
    /// The value under `key`, if there is one.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError>;
    /// Writes `value` under `key`.
    async fn put(&self, key: &str, value: Vec<u8>) -> Result<(), StorageError>;
    /// Removes `key`; a missing key is no failure.
    async fn delete(&self, key: &str) -> Result<(), StorageError>;
    /// The names under `prefix`, relative to it and sorted; folders end in `/`.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError>;

    /// Makes several changes, each to a different key: all or none where the host has transactions, elsewhere one after the
    /// other in this order, up to the first that fails. So the order must be one that may be cut short anywhere.
    async fn apply(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        for change in changes {
            match change {
                Change::Put { key, value } => self.put(&key, value).await?,
                Change::Delete { key } => self.delete(&key).await?,
            }
        }
        Ok(())
    }
}

/// One change of storage. `Debug` leaves the value out: it may be a secret.
pub enum Change {
    /// Writes a value.
    Put {
        /// Relative to the mount.
        key: String,
        /// What is stored.
        value: Vec<u8>,
    },
    /// Removes an entry.
    Delete {
        /// Relative to the mount.
        key: String,
    },
}

/// A failure of the host's storage. The text is the host's own and is passed on unchanged: the host looks for certain
/// words in it, to forward the request to the active node.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StorageError(pub String);

impl dyn Storage + '_ {
    /// Reads JSON.
    pub async fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(value) = self.get(key).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&value).map(Some).map_err(|error| {
            // serde's text may quote the stored value, which may be a secret; line and column are enough.
            Error::internal(format!(
                "the stored entry {:?} cannot be read: {:?} error at line {} column {}",
                Excerpt(key),
                error.classify(),
                error.line(),
                error.column()
            ))
        })
    }

    /// Writes JSON the way Go's encoder does.
    pub async fn put_json<T: Serialize>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.put(key, encoded(key, value)?).await?;
        Ok(())
    }
}

impl Change {
    /// Writes JSON the way Go's encoder does.
    pub fn put_json<T: Serialize>(key: String, value: &T) -> Result<Self, Error> {
        let value = encoded(&key, value)?;
        Ok(Self::Put { key, value })
    }
}

fn encoded<T: Serialize>(key: &str, value: &T) -> Result<Vec<u8>, Error> {
    to_go_json(value)
        .map_err(|error| Error::internal(format!("the entry {key:?} cannot be encoded")).with_source(error))
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        let kind = if error.0.contains(READ_ONLY) {
            Kind::ReadOnly
        } else {
            Kind::Internal
        };
        Self::new(kind, error.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::memory::MemoryStorage;

    #[tokio::test]
    async fn an_unreadable_entry_is_named_but_not_quoted() {
        let storage: std::sync::Arc<dyn Storage> = std::sync::Arc::new(MemoryStorage::default());
        storage
            .put("config", br#"{"secret_key":"hush"#.to_vec())
            .await
            .unwrap();
        let error = storage.get_json::<serde_json::Value>("config").await.unwrap_err();
        assert!(error.message().contains("config"), "{error}");
        assert!(!error.message().contains("hush"), "{error}");
    }

    #[test]
    fn the_readonly_text_of_the_host_survives() {
        let error = Error::from(StorageError("rpc: cannot write to readonly storage".to_owned()));
        assert_eq!(error.kind(), Kind::ReadOnly);
        assert_eq!(error.message(), "rpc: cannot write to readonly storage");
    }
}
