//! The framework's `Storage` over the host's storage service.

use async_trait::async_trait;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::generated::pb::storage_client::StorageClient;
use super::generated::pb::{
    StorageDeleteArgs, StorageEntry, StorageGetArgs, StorageListArgs, StoragePutArgs,
};
use crate::framework::{Storage, StorageError};

pub(super) struct HostStorage {
    client: StorageClient<Channel>,
}

impl HostStorage {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            client: StorageClient::new(channel).max_decoding_message_size(usize::MAX),
        }
    }
}

#[async_trait]
impl Storage for HostStorage {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let reply = answer(
            self.client
                .clone()
                .get(StorageGetArgs { key: key.to_owned() })
                .await,
        )?;
        refused(reply.err)?;
        Ok(reply.entry.map(|entry| entry.value))
    }

    async fn put(&self, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        let entry = Some(StorageEntry {
            key: key.to_owned(),
            value,
            seal_wrap: false,
        });
        refused(answer(self.client.clone().put(StoragePutArgs { entry }).await)?.err)
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        refused(
            answer(
                self.client
                    .clone()
                    .delete(StorageDeleteArgs { key: key.to_owned() })
                    .await,
            )?
            .err,
        )
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let reply = answer(
            self.client
                .clone()
                .list(StorageListArgs {
                    prefix: prefix.to_owned(),
                })
                .await,
        )?;
        refused(reply.err)?;
        Ok(reply.keys)
    }
}

/// Failures come in two ways, as an RPC status and as a text in the reply. Either text goes on unchanged.
fn answer<T>(result: Result<Response<T>, Status>) -> Result<T, StorageError> {
    result
        .map(Response::into_inner)
        .map_err(|status| StorageError(status.message().to_owned()))
}

fn refused(text: String) -> Result<(), StorageError> {
    if text.is_empty() {
        Ok(())
    } else {
        Err(StorageError(text))
    }
}
