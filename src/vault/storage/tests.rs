//! Changes made together, on hosts with transactions and without.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::*;
use crate::vault::generated::pb;
use crate::vault::generated::pb::storage_server::StorageServer;

/// A host's storage. Writes of a transaction wait for its commit.
#[derive(Clone, Default)]
struct Host {
    transactional: bool,
    /// A key whose writing is refused.
    full: &'static str,
    /// Where changes wait until so many have come.
    gate: Option<Arc<Barrier>>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<String, Vec<u8>>,
    waiting: Vec<Change>,
    begun: usize,
    ended: usize,
}

impl Host {
    fn change(&self, txn: &str, change: Change) -> String {
        let mut state = self.state.lock().unwrap();
        match &change {
            Change::Put { key, .. } if key == self.full => return "storage is full".to_owned(),
            _ if !txn.is_empty() => {
                assert_eq!(txn, "tx-1");
                state.waiting.push(change);
            }
            _ => state.make(change),
        }
        String::new()
    }

    async fn pass_gate(&self) {
        if let Some(gate) = &self.gate {
            gate.wait().await;
        }
    }

    fn keys(&self) -> Vec<String> {
        self.state.lock().unwrap().entries.keys().cloned().collect()
    }

    async fn storage(&self) -> HostStorage {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(
            Server::builder()
                .add_service(StorageServer::new(self.clone()))
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        let channel = Channel::new(move || TcpStream::connect(address)).await;
        HostStorage::new(channel.unwrap_or_else(|error| panic!("{error}")))
    }
}

impl State {
    fn make(&mut self, change: Change) {
        match change {
            Change::Put { key, value } => self.entries.insert(key, value),
            Change::Delete { key } => self.entries.remove(&key),
        };
    }
}

#[tonic::async_trait]
impl pb::storage_server::Storage for Host {
    async fn list(&self, _: Request<StorageListArgs>) -> Result<Response<StorageListReply>, Status> {
        Err(Status::internal("not asked for"))
    }

    async fn get(&self, _: Request<StorageGetArgs>) -> Result<Response<StorageGetReply>, Status> {
        Err(Status::internal("not asked for"))
    }

    async fn put(&self, request: Request<StoragePutArgs>) -> Result<Response<StoragePutReply>, Status> {
        let StoragePutArgs { entry, txn } = request.into_inner();
        let StorageEntry { key, value, .. } = entry.unwrap();
        self.pass_gate().await;
        let err = self.change(&txn, Change::Put { key, value });
        Ok(Response::new(StoragePutReply { err }))
    }

    async fn delete(
        &self,
        request: Request<StorageDeleteArgs>,
    ) -> Result<Response<StorageDeleteReply>, Status> {
        let StorageDeleteArgs { key, txn } = request.into_inner();
        self.pass_gate().await;
        let err = self.change(&txn, Change::Delete { key });
        Ok(Response::new(StorageDeleteReply { err }))
    }

    async fn is_transactional(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<StorageIsTransactionalReply>, Status> {
        if !self.transactional {
            return Err(Status::unimplemented("unknown method IsTransactional"));
        }
        let transactional = true;
        Ok(Response::new(StorageIsTransactionalReply { transactional }))
    }

    async fn begin_tx(&self, _: Request<Empty>) -> Result<Response<StorageBeginTxReply>, Status> {
        self.state.lock().unwrap().begun += 1;
        Ok(Response::new(StorageBeginTxReply {
            txn: "tx-1".to_owned(),
            err: String::new(),
        }))
    }

    async fn commit(
        &self,
        _: Request<StorageCommitTxArgs>,
    ) -> Result<Response<StorageCommitTxReply>, Status> {
        let mut state = self.state.lock().unwrap();
        state.ended += 1;
        let waiting = std::mem::take(&mut state.waiting);
        waiting.into_iter().for_each(|change| state.make(change));
        Ok(Response::new(StorageCommitTxReply { err: String::new() }))
    }

    async fn rollback(
        &self,
        _: Request<StorageRollbackTxArgs>,
    ) -> Result<Response<StorageRollbackTxReply>, Status> {
        let mut state = self.state.lock().unwrap();
        state.ended += 1;
        state.waiting.clear();
        Ok(Response::new(StorageRollbackTxReply { err: String::new() }))
    }
}

fn put(key: &str) -> Change {
    Change::Put {
        key: key.to_owned(),
        value: b"{}".to_vec(),
    }
}

fn delete(key: &str) -> Change {
    Change::Delete { key: key.to_owned() }
}

#[tokio::test]
async fn changes_are_made_together_where_the_host_can_and_in_order_elsewhere() {
    for transactional in [true, false] {
        let host = Host {
            transactional,
            ..Host::default()
        };
        let storage = host.storage().await;
        storage.put("wal/1", b"{}".to_vec()).await.unwrap();
        storage
            .apply(vec![put("issued/u"), delete("wal/1")])
            .await
            .unwrap();
        assert_eq!(host.keys(), ["issued/u"]);
        // One change is whole by itself.
        storage.apply(vec![put("issued/v")]).await.unwrap();
        let state = host.state.lock().unwrap();
        assert_eq!(
            (state.begun, state.ended),
            if transactional { (1, 1) } else { (0, 0) }
        );
    }
}

#[tokio::test]
async fn a_refused_change_takes_back_those_before_it_and_ends_the_transaction() {
    for transactional in [true, false] {
        let host = Host {
            transactional,
            full: "second",
            ..Host::default()
        };
        let storage = host.storage().await;
        let error = storage
            .apply(vec![put("first"), put("second"), put("third")])
            .await
            .unwrap_err();
        assert_eq!(error.0, "storage is full");
        let kept: &[&str] = if transactional { &[] } else { &["first"] };
        assert_eq!(host.keys(), kept);
        let state = host.state.lock().unwrap();
        assert_eq!(state.begun, state.ended);
    }
}

#[tokio::test]
async fn changes_of_a_transaction_go_out_together() {
    let host = Host {
        transactional: true,
        gate: Some(Arc::new(Barrier::new(2))),
        ..Host::default()
    };
    let storage = host.storage().await;
    storage
        .apply(vec![put("issued/u"), delete("wal/1")])
        .await
        .unwrap();
    assert_eq!(host.keys(), ["issued/u"]);
}
