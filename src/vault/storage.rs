//! The framework's `Storage` over the host's storage service.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use prost::Message;
use tokio::time::timeout;
use tonic::Code;

use super::generated::pb::{
    Empty, StorageBeginTxReply, StorageCommitTxArgs, StorageCommitTxReply, StorageDeleteArgs,
    StorageDeleteReply, StorageEntry, StorageGetArgs, StorageGetReply, StorageIsTransactionalReply,
    StorageListArgs, StorageListReply, StoragePutArgs, StoragePutReply, StorageRollbackTxArgs,
    StorageRollbackTxReply,
};
use crate::cloud::budget;
use crate::framework::{Change, Storage, StorageError};
use crate::goplugin::Channel;

/// The transaction of a call that is in none.
const NO_TRANSACTION: &str = "";

#[derive(Clone)]
pub(super) struct HostStorage {
    channel: Channel,
    /// Whether the host has transactions, once it has said so.
    transactional: Arc<OnceLock<bool>>,
}

impl HostStorage {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            transactional: Arc::default(),
        }
    }

    /// Failures come in two ways, as an RPC status and as a text in the reply. Either text goes on unchanged.
    fn call<M: Message, A: Message + Default>(
        &self,
        method: &'static str,
        message: &M,
    ) -> impl Future<Output = Result<A, StorageError>> + Send + use<M, A> {
        self.channel
            .call(method, message)
            .map(|reply| reply.map_err(|status| StorageError(status.message().to_owned())))
    }

    async fn is_transactional(&self) -> Result<bool, StorageError> {
        if let Some(known) = self.transactional.get() {
            return Ok(*known);
        }
        let reply = self.channel.call("/pb.Storage/IsTransactional", &Empty {}).await;
        let says = match reply {
            Ok(StorageIsTransactionalReply { transactional }) => transactional,
            // Vault, and OpenBao before 2.1.
            Err(status) if status.code() == Code::Unimplemented => false,
            Err(status) => return Err(StorageError(status.message().to_owned())),
        };
        Ok(*self.transactional.get_or_init(|| says))
    }

    async fn put_in(&self, transaction: &str, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        let entry = Some(StorageEntry {
            key: key.to_owned(),
            value,
            seal_wrap: false,
        });
        let txn = transaction.to_owned();
        let reply: StoragePutReply = self
            .call("/pb.Storage/Put", &StoragePutArgs { entry, txn })
            .await?;
        refused(reply.err)
    }

    async fn delete_in(&self, transaction: &str, key: &str) -> Result<(), StorageError> {
        let arguments = StorageDeleteArgs {
            key: key.to_owned(),
            txn: transaction.to_owned(),
        };
        let reply: StorageDeleteReply = self.call("/pb.Storage/Delete", &arguments).await?;
        refused(reply.err)
    }

    async fn transaction(self, changes: Vec<Change>) -> Result<(), StorageError> {
        let begun: StorageBeginTxReply = self.call("/pb.Storage/BeginTx", &Empty {}).await?;
        refused(begun.err)?;
        let txn = begun.txn;
        // Nobody sees them before the end, so their order does not matter.
        let changes = changes.into_iter().map(|change| self.apply_one(&txn, change));
        match join_all(changes).await.into_iter().collect() {
            Ok(()) => {
                let reply: StorageCommitTxReply = self
                    .call("/pb.Storage/Commit", &StorageCommitTxArgs { txn })
                    .await?;
                refused(reply.err)
            }
            Err(error) => {
                let ended: Result<StorageRollbackTxReply, _> = self
                    .call("/pb.Storage/Rollback", &StorageRollbackTxArgs { txn })
                    .await;
                if let Err(StorageError(error)) = ended {
                    tracing::debug!(error, "a storage transaction is left to the host");
                }
                Err(error)
            }
        }
    }

    async fn apply_one(&self, transaction: &str, change: Change) -> Result<(), StorageError> {
        match change {
            Change::Put { key, value } => self.put_in(transaction, &key, value).await,
            Change::Delete { key } => self.delete_in(transaction, &key).await,
        }
    }
}

#[async_trait]
impl Storage for HostStorage {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let arguments = StorageGetArgs { key: key.to_owned() };
        let reply: StorageGetReply = self.call("/pb.Storage/Get", &arguments).await?;
        refused(reply.err)?;
        Ok(reply.entry.map(|entry| entry.value))
    }

    async fn put(&self, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        self.put_in(NO_TRANSACTION, key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.delete_in(NO_TRANSACTION, key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let prefix = prefix.to_owned();
        let reply: StorageListReply = self.call("/pb.Storage/List", &StorageListArgs { prefix }).await?;
        refused(reply.err)?;
        Ok(reply.keys)
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        if changes.len() < 2 || !self.is_transactional().await? {
            for change in changes {
                self.apply_one(NO_TRANSACTION, change).await?;
            }
            return Ok(());
        }
        // The host keeps a transaction until it hears of its end: a task of its own ends it also when the request is cut
        // off.
        let host = self.clone();
        let transaction = tokio::spawn(timeout(budget::TRANSACTION, host.transaction(changes)));
        match transaction.await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StorageError(
                "a transaction of the server's storage took too long".to_owned(),
            )),
            Err(_) => Err(StorageError(
                "a storage transaction failed in the plugin".to_owned(),
            )),
        }
    }
}

fn refused(text: String) -> Result<(), StorageError> {
    text.is_empty().then_some(()).ok_or(StorageError(text))
}

#[cfg(test)]
mod tests;
