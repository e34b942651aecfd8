//! What each operation costs: calls to the host, one after the other or together, and allocations.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use serde_json::{Value, json};

use super::call;
use crate::alicloud::credentials::Sources;
use crate::alicloud::sign::{add_common, add_signature_v1};
use crate::alicloud::sts::STS_VERSION;
use crate::alicloud::{Credentials, Parameters};
use crate::cloud::testing::{FixedClock, Script, Step};
use crate::cloud::{Clock as _, Method};
use crate::framework::{
    Backend, Entity, FixedSystem, MemoryStorage, Product, ReplicationState, Services, Storage, StorageError,
    SystemError, SystemView, testing,
};
use crate::vault::generated::pb;
use crate::vault::testing::Mount;
use crate::{auth, secrets};

/// Each operation, its calls to the host, and its allocations, of which a fifth more are too many. Fewer are to be written
/// down here, so that they stay fewer.
const RECORDED: [Found; 7] = [
    ("role write", 5, 71),
    ("role read", 1, 47),
    ("role list", 1, 29),
    ("STS creds", 4, 161),
    ("RAM creds", 7, 402),
    ("revoke", 2, 373),
    ("login", 2, 191),
];

/// An operation, its calls, and its allocations.
type Found = (&'static str, usize, u64);

/// Requests before the one that counts: they fill caches.
const WARM: usize = 3;

/// A host that counts what it is asked.
#[derive(Default)]
struct Host {
    storage: MemoryStorage,
    system: FixedSystem,
    calls: AtomicUsize,
}

impl Host {
    fn count(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Storage for Host {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.count();
        self.storage.get(key).await
    }

    async fn put(&self, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        self.count();
        self.storage.put(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.count();
        self.storage.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.count();
        self.storage.list(prefix).await
    }
}

#[async_trait]
impl SystemView for Host {
    async fn default_lease_ttl(&self) -> Result<Duration, SystemError> {
        self.count();
        self.system.default_lease_ttl().await
    }

    async fn max_lease_ttl(&self) -> Result<Duration, SystemError> {
        self.count();
        self.system.max_lease_ttl().await
    }

    async fn replication_state(&self) -> Result<ReplicationState, SystemError> {
        self.count();
        self.system.replication_state().await
    }

    async fn local_mount(&self) -> Result<bool, SystemError> {
        self.count();
        self.system.local_mount().await
    }

    async fn host_version(&self) -> Result<String, SystemError> {
        self.count();
        self.system.host_version().await
    }

    async fn entity(&self, id: &str) -> Result<Option<Entity>, SystemError> {
        self.count();
        self.system.entity(id).await
    }

    async fn groups_of_entity(&self, id: &str) -> Result<Vec<String>, SystemError> {
        self.count();
        self.system.groups_of_entity(id).await
    }

    fn product(&self) -> Product {
        self.system.product()
    }
}

/// What a cloud in which all is well answers.
fn well(action: &str) -> Step {
    Step::Answer(
        200,
        match action {
            "AssumeRole" => {
                r#"{"RequestId":"R","AssumedRoleUser":{"Arn":"a","AssumedRoleId":"i"},"Credentials":{"AccessKeyId":"STS.1",
                "AccessKeySecret":"x","SecurityToken":"t","Expiration":"2024-03-01T00:59:59Z"}}"#
            }
            "CreateUser" => r#"{"RequestId":"R","User":{"UserName":"u","UserId":"1"}}"#,
            "GetUser" => {
                r#"{"RequestId":"R","User":{"UserName":"u","Comments":"Made by Vault: mount uuid, request 1, for x"}}"#
            }
            "CreateAccessKey" => {
                r#"{"RequestId":"R","AccessKey":{"AccessKeyId":"LTAInew","AccessKeySecret":"new-secret","Status":"Active"}}"#
            }
            "GetCallerIdentity" => {
                r#"{"RequestId":"R","AccountId":"1234567890123456","Arn":"acs:ram::1234567890123456:user/u","PrincipalId":"1"}"#
            }
            _ => r#"{"RequestId":"R"}"#,
        },
    )
}

/// Answers to a login.
fn session(_: &str) -> Step {
    Step::Answer(
        200,
        r#"{"RequestId":"R-1","IdentityType":"AssumedRoleUser","AccountId":"12345","PrincipalId":"300:i-1",
            "RoleId":"300","Arn":"acs:ram::12345:assumed-role/Dev/i-1"}"#,
    )
}

/// One mount, and how its requests are answered.
struct Measured {
    runtime: tokio::runtime::Runtime,
    host: Arc<Host>,
    mount: Mount,
}

/// What a request cost.
struct Cost {
    calls: usize,
    allocations: u64,
    reply: pb::HandleRequestReply,
}

impl Cost {
    fn of(self, operation: &'static str) -> Found {
        (operation, self.calls, self.allocations)
    }
}

impl Measured {
    fn new(backend: Backend) -> Self {
        let host = Arc::new(Host::default());
        let services = Services {
            clock: Arc::new(FixedClock::default()),
            system: Arc::<Host>::clone(&host),
            ..testing::services(Arc::<Host>::clone(&host), FixedSystem::default())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self {
            runtime: runtime.unwrap(),
            host,
            mount: Mount::with(backend, services),
        }
    }

    fn secrets() -> Self {
        let script = Script::by_action(well, []);
        let disabled =
            |name: &str| (name == "ALIBABA_CLOUD_ECS_METADATA_DISABLED").then(|| "true".to_owned());
        let sources = Arc::new(Sources::new(&script.client(), Arc::new(disabled)));
        let measured = Self::new(secrets::alicloud::backend(script.client(), sources, "uuid"));
        measured.served(&call(
            "update",
            "config",
            &json!({"access_key": "k", "secret_key": "s"}),
        ));
        measured
    }

    fn served(&self, call: &pb::HandleRequestArgs) -> Cost {
        self.host.calls.store(0, Ordering::Relaxed);
        let bytes = call.encode_to_vec();
        let mut reply = None;
        let counted = allocation_counter::measure(|| {
            let call = pb::HandleRequestArgs::decode(&*bytes).unwrap();
            let answer = self.runtime.block_on(self.mount.handle(call));
            drop(answer.encode_to_vec());
            reply = Some(answer);
        });
        let reply = reply.unwrap();
        let data = reply
            .response
            .as_ref()
            .map(|response| response.data.as_str())
            .unwrap_or_default();
        assert!(reply.err.is_none() && !data.starts_with(r#"{"error""#), "{data}");
        Cost {
            calls: self.host.calls.load(Ordering::Relaxed),
            allocations: counted.count_total,
            reply,
        }
    }

    /// Whether something exists, which the host asks before each write.
    fn asked(&self, call: &pb::HandleRequestArgs) -> usize {
        self.host.calls.store(0, Ordering::Relaxed);
        let call = pb::HandleExistenceCheckArgs {
            storage_id: 0,
            request: call.request.clone(),
        };
        self.runtime.block_on(self.mount.exists(call));
        self.host.calls.load(Ordering::Relaxed)
    }

    /// The cost of the last of several requests.
    fn warm(&self, requests: impl Fn(usize) -> pb::HandleRequestArgs) -> Cost {
        for number in 0..WARM {
            self.served(&requests(number));
        }
        self.served(&requests(WARM))
    }
}

#[test]
fn operations_cost_no_more_than_recorded() {
    let found = [roles(), credentials(), vec![login()]].concat();
    let is_more = |((_, calls, allocations), (_, recorded_calls, recorded)): (&Found, &Found)| {
        calls > recorded_calls || allocations * 5 > recorded * 6
    };
    assert_eq!(found.len(), RECORDED.len());
    let more = found.iter().zip(&RECORDED).any(is_more);
    assert!(!more, "found {found:#?}\nrecorded {RECORDED:#?}");
}

fn roles() -> Vec<Found> {
    let measured = Measured::secrets();
    let role = json!({"role_arn": "acs:ram::1234567890123456:role/dev", "ttl": "15m"});
    let write = |number: usize| call("create", &format!("role/r{number}"), &role);
    let asked = measured.asked(&write(9));
    let mut written = measured.warm(write);
    written.calls += asked;
    let read = measured.warm(|_| call("read", "role/r0", &Value::Null));
    // As OpenBao does from 2.7 on: the names are listed as they are stored.
    measured.served(&call("resolve-path", "role/R0", &Value::Null));
    let list = measured.warm(|_| call("list", "role", &Value::Null));
    vec![
        written.of("role write"),
        read.of("role read"),
        list.of("role list"),
    ]
}

fn credentials() -> Vec<Found> {
    let measured = Measured::secrets();
    let arn = json!({"role_arn": "acs:ram::1234567890123456:role/dev", "ttl": "15m"});
    measured.served(&call("create", "role/sts", &arn));
    let remote = json!({"remote_policies": ["name:AliyunOSSReadOnlyAccess,type:System", "name:app-readonly,type:Custom"]});
    measured.served(&call("create", "role/ram", &remote));
    let issue = |_| call("read", "creds/ram", &Value::Null);
    let revoke = |number| {
        let lease = measured.served(&issue(number)).reply.response.unwrap().secret;
        let mut revoke = call("revoke", "creds/ram", &Value::Null);
        revoke.request.as_mut().unwrap().secret = lease;
        revoke
    };
    vec![
        measured
            .warm(|_| call("read", "creds/sts", &Value::Null))
            .of("STS creds"),
        measured.warm(issue).of("RAM creds"),
        measured.warm(revoke).of("revoke"),
    ]
}

fn login() -> Found {
    let script = Script::by_action(session, []);
    let signatures = Arc::new(auth::alicloud::UsedSignatures::new().unwrap());
    let client = script.client();
    let sources = Sources::new(&client, Arc::new(|_: &str| None));
    let measured = Measured::new(auth::alicloud::backend(client, &sources, signatures));
    measured.served(&call(
        "create",
        "role/dev",
        &json!({"arn": "acs:ram::12345:role/dev"}),
    ));
    measured
        .warm(|number| call("update", "login", &payload(number)))
        .of("login")
}

/// A login whose signature no other has.
fn payload(number: usize) -> Value {
    let mut parameters = Parameters::new()
        .with("RegionId", "us-east-1")
        .with("SignatureType", "");
    let (now, nonce) = (FixedClock::default().now(), format!("{number:032}"));
    add_common(&mut parameters, "GetCallerIdentity", STS_VERSION, now, nonce);
    let credentials = Credentials::new("testid", "testsecret").with_token("hush-token");
    add_signature_v1(&mut parameters, Method::Post, &credentials);
    let url = format!("https://sts.us-east-1.aliyuncs.com/?{}", *parameters.encoded());
    json!({
        "role": "dev",
        "identity_request_url": STANDARD.encode(url),
        "identity_request_headers": STANDARD.encode(r#"{"x-acs-action":["GetCallerIdentity"]}"#),
    })
}
