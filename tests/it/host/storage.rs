//! What the host serves over a brokered connection: storage and system view, from memory, with faults on demand.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tonic::{Code, Request, Response, Status};
use vault_plugin_alicloud::protocol::vault::{logical, pb};

/// What goes wrong. Each reaches the plugin in the way that hosts have.
#[derive(Clone, Debug, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Every call gives a reply with this text in `err`.
    Text(String),
    /// Every call fails with a gRPC status.
    Grpc(Code, String),
    /// Writes and deletes give a reply with this text, reads work.
    Writes(String),
    /// As on a standby node: writes give `cannot write to readonly storage`.
    ReadOnly,
}

/// One mount's storage; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Storage(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<String, Vec<u8>>,
    fault: Fault,
    delay: Duration,
    reads: usize,
    writes: usize,
}

impl Storage {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<String> {
        self.state().entries.keys().cloned().collect()
    }

    /// The bytes under a key.
    pub fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.state().entries.get(key).cloned()
    }

    /// The JSON under a key.
    pub fn json(&self, key: &str) -> Option<Value> {
        self.bytes(key)
            .map(|bytes| serde_json::from_slice(&bytes).expect("storage holds JSON"))
    }

    /// Puts JSON under a key, behind the plugin's back.
    pub fn put_json(&self, key: &str, value: &Value) {
        self.put_bytes(key, value.to_string().as_bytes());
    }

    /// Puts bytes under a key, behind the plugin's back.
    pub fn put_bytes(&self, key: &str, value: &[u8]) {
        self.state().entries.insert(key.to_owned(), value.to_vec());
    }

    /// Removes a key, behind the plugin's back.
    pub fn remove(&self, key: &str) {
        self.state().entries.remove(key);
    }

    /// From now on this goes wrong.
    pub fn fail(&self, fault: Fault) {
        self.state().fault = fault;
    }

    /// From now on every call takes so long.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// Calls so far that read, and that write or delete.
    pub fn calls(&self) -> (usize, usize) {
        let state = self.state();
        (state.reads, state.writes)
    }

    /// Begins a call: counts it, waits, and says what goes wrong.
    async fn begin(&self, write: bool) -> Result<Option<String>, Status> {
        let (delay, fault) = {
            let mut state = self.state();
            if write {
                state.writes += 1;
            } else {
                state.reads += 1;
            }
            (state.delay, state.fault.clone())
        };
        tokio::time::sleep(delay).await;
        match fault {
            Fault::Text(text) => Ok(Some(text)),
            Fault::Grpc(code, text) => Err(Status::new(code, text)),
            Fault::Writes(text) if write => Ok(Some(text)),
            Fault::ReadOnly if write => Ok(Some("cannot write to readonly storage".to_owned())),
            Fault::None | Fault::Writes(_) | Fault::ReadOnly => Ok(None),
        }
    }
}

/// The host's check of keys.
fn refused(key: &str) -> Option<String> {
    key.split('/')
        .any(|part| part == "..")
        .then(|| "relative paths not supported".to_owned())
}

#[tonic::async_trait]
impl pb::storage_server::Storage for Storage {
    async fn list(
        &self,
        request: Request<pb::StorageListArgs>,
    ) -> Result<Response<pb::StorageListReply>, Status> {
        let prefix = request.into_inner().prefix;
        if let Some(err) = self.begin(false).await?.or_else(|| refused(&prefix)) {
            return Ok(Response::new(pb::StorageListReply {
                keys: Vec::new(),
                err,
            }));
        }
        // Names directly below the prefix; folders end in a slash and come once.
        let mut keys: Vec<String> = Vec::new();
        for key in self.state().entries.keys() {
            if let Some(rest) = key.strip_prefix(&prefix) {
                let name = rest.split_inclusive('/').next().unwrap_or_default().to_owned();
                if !name.is_empty() && keys.last() != Some(&name) {
                    keys.push(name);
                }
            }
        }
        Ok(Response::new(pb::StorageListReply {
            keys,
            err: String::new(),
        }))
    }

    async fn get(
        &self,
        request: Request<pb::StorageGetArgs>,
    ) -> Result<Response<pb::StorageGetReply>, Status> {
        let key = request.into_inner().key;
        if let Some(err) = self.begin(false).await?.or_else(|| refused(&key)) {
            return Ok(Response::new(pb::StorageGetReply { entry: None, err }));
        }
        let entry = self.bytes(&key).map(|value| pb::StorageEntry {
            key,
            value,
            seal_wrap: false,
        });
        Ok(Response::new(pb::StorageGetReply {
            entry,
            err: String::new(),
        }))
    }

    async fn put(
        &self,
        request: Request<pb::StoragePutArgs>,
    ) -> Result<Response<pb::StoragePutReply>, Status> {
        let entry = request.into_inner().entry.expect("a put has an entry");
        let err = self
            .begin(true)
            .await?
            .or_else(|| refused(&entry.key))
            .unwrap_or_default();
        if err.is_empty() {
            self.put_bytes(&entry.key, &entry.value);
        }
        Ok(Response::new(pb::StoragePutReply { err }))
    }

    async fn delete(
        &self,
        request: Request<pb::StorageDeleteArgs>,
    ) -> Result<Response<pb::StorageDeleteReply>, Status> {
        let key = request.into_inner().key;
        let err = self
            .begin(true)
            .await?
            .or_else(|| refused(&key))
            .unwrap_or_default();
        if err.is_empty() {
            self.remove(&key);
        }
        Ok(Response::new(pb::StorageDeleteReply { err }))
    }

    /// As Vault, which has no transactions.
    async fn is_transactional(
        &self,
        _: Request<pb::Empty>,
    ) -> Result<Response<pb::StorageIsTransactionalReply>, Status> {
        Err(Status::unimplemented("unknown method IsTransactional"))
    }

    async fn begin_tx(&self, _: Request<pb::Empty>) -> Result<Response<pb::StorageBeginTxReply>, Status> {
        Err(Status::unimplemented("unknown method BeginTx"))
    }

    async fn commit(
        &self,
        _: Request<pb::StorageCommitTxArgs>,
    ) -> Result<Response<pb::StorageCommitTxReply>, Status> {
        Err(Status::unimplemented("unknown method Commit"))
    }

    async fn rollback(
        &self,
        _: Request<pb::StorageRollbackTxArgs>,
    ) -> Result<Response<pb::StorageRollbackTxReply>, Status> {
        Err(Status::unimplemented("unknown method Rollback"))
    }
}

/// One mount's view of the server; clones are the same one.
#[derive(Clone, Debug)]
pub struct System(Arc<Mutex<View>>);

/// What the system view says; change it with [`System::set`].
#[derive(Clone, Debug)]
pub struct View {
    pub default_ttl: Duration,
    pub max_ttl: Duration,
    pub tainted: bool,
    /// A bit set; `1 << 14` is a performance standby.
    pub replication_state: i32,
    pub local_mount: bool,
    pub vault_version: String,
    /// Every call fails with this, as when the host is going down.
    pub fault: Option<(Code, String)>,
}

impl Default for System {
    fn default() -> Self {
        let month = Duration::from_secs(768 * 3600);
        Self(Arc::new(Mutex::new(View {
            default_ttl: month,
            max_ttl: month,
            tainted: false,
            replication_state: 0,
            local_mount: false,
            vault_version: "2.7.2".to_owned(),
            fault: None,
        })))
    }
}

impl System {
    /// Changes what the plugin will be told from now on.
    pub fn set(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.0.lock().unwrap());
    }

    fn answer<T>(&self, reply: impl FnOnce(&View) -> T) -> Result<Response<T>, Status> {
        let view = self.0.lock().unwrap();
        match &view.fault {
            Some((code, text)) => Err(Status::new(*code, text.clone())),
            None => Ok(Response::new(reply(&view))),
        }
    }
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap()
}

#[tonic::async_trait]
impl pb::system_view_server::SystemView for System {
    async fn default_lease_ttl(&self, _: Request<pb::Empty>) -> Result<Response<pb::TtlReply>, Status> {
        self.answer(|view| pb::TtlReply {
            ttl: nanoseconds(view.default_ttl),
        })
    }

    async fn max_lease_ttl(&self, _: Request<pb::Empty>) -> Result<Response<pb::TtlReply>, Status> {
        self.answer(|view| pb::TtlReply {
            ttl: nanoseconds(view.max_ttl),
        })
    }

    async fn tainted(&self, _: Request<pb::Empty>) -> Result<Response<pb::TaintedReply>, Status> {
        self.answer(|view| pb::TaintedReply {
            tainted: view.tainted,
        })
    }

    async fn replication_state(
        &self,
        _: Request<pb::Empty>,
    ) -> Result<Response<pb::ReplicationStateReply>, Status> {
        self.answer(|view| pb::ReplicationStateReply {
            state: view.replication_state,
        })
    }

    async fn local_mount(&self, _: Request<pb::Empty>) -> Result<Response<pb::LocalMountReply>, Status> {
        self.answer(|view| pb::LocalMountReply {
            local: view.local_mount,
        })
    }

    async fn entity_info(
        &self,
        _: Request<pb::EntityInfoArgs>,
    ) -> Result<Response<pb::EntityInfoReply>, Status> {
        self.answer(|_| pb::EntityInfoReply::default())
    }

    async fn groups_for_entity(
        &self,
        _: Request<pb::EntityInfoArgs>,
    ) -> Result<Response<pb::GroupsForEntityReply>, Status> {
        self.answer(|_| pb::GroupsForEntityReply::default())
    }

    async fn plugin_env(&self, _: Request<pb::Empty>) -> Result<Response<pb::PluginEnvReply>, Status> {
        self.answer(|view| pb::PluginEnvReply {
            plugin_environment: Some(logical::PluginEnvironment {
                vault_version: view.vault_version.clone(),
                ..logical::PluginEnvironment::default()
            }),
            err: String::new(),
        })
    }
}
