//! The engine as its host sees it, with storage in memory and a scripted cloud: what a failed issue leaves, what the
//! write-ahead log and the record of leases are for, and leases that the Go plugin made.

mod accounts;
mod issue;
mod made_users;
mod metrics;
mod orphans;
mod record;
mod revoke;
mod rotation;
mod spelling;
mod static_roles;
mod ttl;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::backend;
use crate::alicloud::credentials::Sources;
use crate::cloud::testing::{Script, Step};
use crate::framework::{
    Backend, Change, Error, FixedSystem, HandlerResult, Kind, LeaseOptions, MemoryStorage, Operation,
    ReplicationState, Request, Response, Secret, Status, Storage, StorageError, testing,
};

/// ProviderEnv that offer nothing, and no address to ask.
fn no_sources(script: &Script) -> Arc<Sources> {
    let disabled = |name: &str| (name == "ALIBABA_CLOUD_ECS_METADATA_DISABLED").then(|| "true".to_owned());
    Arc::new(Sources::new(&script.client(), Arc::new(disabled)))
}

const MOUNT_ID: &str = "0b2c7f0e-1111-2222-3333-444455556666";

const DONE: Step = Step::Answer(200, r#"{"RequestId":"R"}"#);

/// What a cloud in which all is well answers.
fn well(action: &str) -> Step {
    match action {
        "CreateUser" => UNMARKED_USER,
        "GetUser" => Step::Answer(
            200,
            r#"{"RequestId":"R","User":{"UserName":"u",
                "Comments":"Made by Vault: mount 0b2c7f0e-1111-2222-3333-444455556666, request 1, for x"}}"#,
        ),
        "CreateAccessKey" => Step::Answer(
            200,
            r#"{"RequestId":"R","AccessKey":{"AccessKeyId":"LTAInew","AccessKeySecret":"new-secret","Status":"Active"}}"#,
        ),
        "GetCallerIdentity" => IDENTITY,
        _ => DONE,
    }
}

const IDENTITY: Step = Step::Answer(
    200,
    r#"{"RequestId":"R","AccountId":"1234567890123456","Arn":"acs:ram::1234567890123456:user/u","PrincipalId":"1"}"#,
);

const UNMARKED_USER: Step = Step::Answer(200, r#"{"RequestId":"R","User":{"UserName":"u","UserId":"1"}}"#);

const fn refused(status: u16, body: &'static str) -> Step {
    Step::Answer(status, body)
}

const DENIED: Step = refused(
    403,
    r#"{"RequestId":"R-DENIED","Code":"NoPermission","Message":"You are not authorized."}"#,
);
const USER_GONE: Step = refused(
    404,
    r#"{"RequestId":"R","Code":"EntityNotExist.User","Message":"The user does not exist."}"#,
);
const POLICY_IN_THE_WAY: Step = refused(
    409,
    r#"{"RequestId":"R","Code":"DeleteConflict.User.Policy","Message":"A policy is attached."}"#,
);
/// The service failed, and may have done it all the same.
const LOST: Step = refused(
    500,
    r#"{"RequestId":"R","Code":"InternalError","Message":"failed"}"#,
);

/// The calls that look for what hangs on a user, and close its access.
const LOOK: [&str; 4] = [
    "ListAccessKeys",
    "DeleteLoginProfile",
    "ListPoliciesForUser",
    "ListGroupsForUser",
];

/// A mount with a role that has one remote policy.
struct Mount {
    backend: Backend,
    script: Script,
    storage: Arc<Faulty>,
    system: FixedSystem,
    cancelled: CancellationToken,
}

/// Storage in memory that can refuse writes.
#[derive(Default)]
struct Faulty {
    storage: MemoryStorage,
    writes: AtomicUsize,
    /// The first write that is refused, counted from 1, and all after it. 0: none.
    refuse_from: AtomicUsize,
}

impl Faulty {
    fn refuse_from(&self, write: usize) {
        self.writes.store(0, Ordering::SeqCst);
        self.refuse_from.store(write, Ordering::SeqCst);
    }

    fn begin_write(&self) -> Result<(), StorageError> {
        let write = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        match self.refuse_from.load(Ordering::SeqCst) {
            first if first > 0 && write >= first => Err(StorageError("storage is full".to_owned())),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Storage for Faulty {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.storage.get(key).await
    }

    async fn put(&self, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        self.begin_write()?;
        self.storage.put(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.begin_write()?;
        self.storage.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.storage.list(prefix).await
    }

    /// All or nothing, as on a host with transactions.
    async fn apply(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        self.begin_write()?;
        self.storage.apply(changes).await
    }
}

impl Mount {
    async fn new(steps: impl IntoIterator<Item = (&'static str, Step)>) -> Self {
        let script = Script::by_action(well, steps);
        let storage = Arc::new(Faulty::default());
        for (key, entry) in [
            (
                "config",
                "{\"access_key\":\"LTAIconfigured\",\"secret_key\":\"hush\"}\n",
            ),
            (
                "role/dev",
                "{\"role_arn\":\"\",\"remote_policies\":[{\"name\":\"P\",\"type\":\"System\"}],\"inline_policies\":null,\
                 \"ttl\":3600000000000,\"max_ttl\":7200000000000}\n",
            ),
        ] {
            storage.put(key, entry.as_bytes().to_vec()).await.unwrap();
        }
        Self {
            backend: backend(script.client(), no_sources(&script), MOUNT_ID),
            script,
            storage,
            system: FixedSystem::default(),
            cancelled: CancellationToken::new(),
        }
    }

    /// Puts another entry in the place of the role, as it is stored.
    async fn store_role(&self, entry: &str) {
        let entry = entry.as_bytes().to_vec();
        self.storage.put("role/dev", entry).await.unwrap();
    }

    /// The same storage under a process that was started anew, with a cloud that answers so.
    fn restarted(self, steps: impl IntoIterator<Item = (&'static str, Step)>) -> Self {
        let script = Script::by_action(well, steps);
        Self {
            backend: backend(script.client(), no_sources(&script), MOUNT_ID),
            script,
            ..self
        }
    }

    async fn handle(&self, request: Request) -> HandlerResult {
        let services = testing::services(Arc::clone(&self.storage) as Arc<dyn Storage>, self.system);
        let context = testing::context_of(&self.backend, request, services, self.cancelled.clone());
        self.backend.handle(context).await
    }

    async fn creds(&self) -> HandlerResult {
        let mut request = Request::new(Operation::Read, "creds/dev");
        request.display_name = "token".to_owned();
        request.mount_point = "alicloud/".to_owned();
        self.handle(request).await
    }

    async fn tick(&self, data: Value) -> HandlerResult {
        let mut request = Request::new(Operation::Rollback, "");
        request.data = object(data);
        self.handle(request).await
    }

    async fn end_lease(&self, operation: Operation, secret: Secret) -> HandlerResult {
        let mut request = Request::new(operation, "creds/dev");
        request.secret = Some(secret);
        self.handle(request).await
    }

    async fn revoke(&self, internal: Value) -> HandlerResult {
        let secret = Secret {
            internal: object(internal),
            ..Secret::default()
        };
        self.end_lease(Operation::Revoke, secret).await
    }

    async fn wal_entries(&self) -> usize {
        self.storage.list("wal/").await.unwrap().len()
    }

    async fn records(&self) -> Vec<String> {
        self.storage.list("issued/").await.unwrap()
    }

    async fn record(&self, user: &str) -> Value {
        self.stored(&format!("issued/{user}")).await
    }

    async fn stored(&self, key: &str) -> Value {
        let storage: &dyn Storage = &*self.storage;
        storage.get_json(key).await.unwrap().unwrap()
    }

    /// The actions in the order in which they were sent, without the question whose credentials these are.
    fn actions(&self) -> Vec<String> {
        self.script
            .sent()
            .iter()
            .map(|sent| sent.value("Action").unwrap().to_owned())
            .filter(|action| action != "GetCallerIdentity")
            .collect()
    }

    /// What was sent of one action: the values of this parameter.
    fn values(&self, action: &str, parameter: &str) -> Vec<String> {
        let sent = self.script.sent();
        let sent = sent.iter().filter(|sent| sent.value("Action") == Some(action));
        sent.filter_map(|sent| sent.value(parameter).map(str::to_owned))
            .collect()
    }

    async fn write_config(&self, data: Value) -> HandlerResult {
        let mut request = Request::new(Operation::Update, "config");
        request.data = object(data);
        self.handle(request).await
    }

    fn times(&self, action: &str) -> usize {
        self.actions().iter().filter(|sent| *sent == action).count()
    }

    /// The name of the user of the first call that has one.
    fn user(&self) -> String {
        let sent = self.script.sent();
        sent.iter()
            .find_map(|sent| sent.value("UserName"))
            .unwrap()
            .to_owned()
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn failure(outcome: HandlerResult) -> Error {
    outcome.expect_err("the request should have failed")
}

fn answer(outcome: HandlerResult) -> Response {
    outcome
        .expect("the request should have succeeded")
        .expect("there should be an answer")
}

#[tokio::test]
async fn a_missing_role_is_no_success() {
    let mount = Mount::new([]).await;
    assert!(
        mount
            .handle(Request::new(Operation::Read, "creds/none"))
            .await
            .unwrap()
            .is_none()
    );
    let error = failure(mount.handle(Request::new(Operation::Update, "creds/none")).await);
    assert_eq!(error.kind(), Kind::Coded(Status::NOT_FOUND));
}

#[tokio::test]
async fn a_node_that_cannot_write_forwards_before_it_calls_the_cloud() {
    let mut mount = Mount::new([]).await;
    mount.system.replication = ReplicationState(1 << 14);
    assert_eq!(failure(mount.creds().await).kind(), Kind::ReadOnly);
    for request in [
        Request::new(Operation::List, "orphans/"),
        Request::new(Operation::Delete, "orphans/vault-u"),
    ] {
        assert_eq!(failure(mount.handle(request).await).kind(), Kind::ReadOnly);
    }
    assert!(mount.tick(json!({"immediate": true})).await.unwrap().is_none());
    assert_eq!(mount.actions(), Vec::<String>::new());
}

#[tokio::test]
async fn a_node_that_cannot_write_leaves_the_write_ahead_log_alone() {
    let mut mount = Mount::new([]).await;
    let storage: &dyn Storage = &*mount.storage;
    let entry =
        json!({"type": "user", "data": {"user_name": "u", "policies": [], "attached": []}, "created_at": 0});
    storage.put_json("wal/1", &entry).await.unwrap();
    mount.system.replication = ReplicationState(1 << 14);
    assert!(mount.tick(json!({})).await.unwrap().is_none());
    assert_eq!(mount.actions(), Vec::<String>::new());
    assert_eq!(mount.wal_entries().await, 1);
}

#[tokio::test]
async fn two_spellings_of_a_role_are_one_path_to_a_policy() {
    let mount = Mount::new([]).await;
    for (path, folded) in [("role/Dev", "role/dev"), ("creds/DEV", "creds/dev")] {
        let response = answer(mount.handle(Request::new(Operation::ResolvePath, path)).await);
        assert_eq!(response.data.unwrap()["path"], folded);
    }
    for path in ["role/dev", "config", "nothing/Here"] {
        let error = failure(mount.handle(Request::new(Operation::ResolvePath, path)).await);
        assert_eq!(error.kind(), Kind::UnsupportedOperation, "{path}");
    }
}
