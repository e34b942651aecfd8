//! Rotations of the root key, in a cloud that keeps the keys of one user, with a clock that is moved on.

mod kills;
mod request;
mod schedule;

use std::sync::Mutex;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Notify;

use super::*;
use crate::cloud::testing::{FixedClock, Sent};
use crate::cloud::{Clock as _, timestamp};
use crate::framework::Context;

/// What stops everything at one of the calls and writes, as when the process is killed.
#[derive(Default)]
pub(super) struct Stop {
    /// The place, counted from 1. 0: nowhere.
    at: AtomicUsize,
    seen: AtomicUsize,
    /// What was come to, in order.
    pub(super) places: Mutex<Vec<String>>,
    pub(super) stopped: Notify,
}

impl Stop {
    /// Whether everything ends here. What is done at a place is between its two.
    pub(super) fn is_here(&self, place: &str) -> bool {
        let seen = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        self.places.lock().unwrap().push(place.to_owned());
        let here = seen == self.at.load(Ordering::SeqCst);
        if here {
            self.stopped.notify_one();
        }
        here
    }

    /// Carries an action out, unless everything ends before it. There is no answer if everything ends after it, and none
    /// that helps if it is among the lost ones.
    pub(super) fn around(
        &self,
        action: &str,
        lost: &Mutex<Vec<&'static str>>,
        carry_out: impl FnOnce() -> Step,
    ) -> Step {
        if self.is_here(&format!("before {action}")) {
            return Step::Silence;
        }
        let answer = carry_out();
        if self.is_here(&format!("after {action}")) {
            return Step::Silence;
        }
        if lost.lock().unwrap().contains(&action) {
            return error(500, "InternalError");
        }
        answer
    }

    async fn pass(&self, place: &str) {
        if self.is_here(place) {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn arm(&self, at: usize) {
        self.seen.store(0, Ordering::SeqCst);
        self.at.store(at, Ordering::SeqCst);
        self.places.lock().unwrap().clear();
    }
}

/// Storage that can refuse writes and be stopped at them.
pub(super) struct StoppedStorage(pub(super) Arc<Faulty>, pub(super) Arc<Stop>);

#[async_trait]
impl Storage for StoppedStorage {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.0.get(key).await
    }

    async fn put(&self, key: &str, value: Vec<u8>) -> Result<(), StorageError> {
        self.1.pass(&format!("before put {key:.4}")).await;
        self.0.put(key, value).await?;
        self.1.pass(&format!("after put {key:.4}")).await;
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.1.pass(&format!("before delete {key:.4}")).await;
        self.0.delete(key).await?;
        self.1.pass(&format!("after delete {key:.4}")).await;
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        self.0.list(prefix).await
    }
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) active: bool,
    pub(super) created: OffsetDateTime,
    /// How many more calls with it are refused because it is new.
    pub(super) unknown_for: usize,
}

/// The keys of one user, and what the cloud does with calls.
struct Keys {
    keys: Mutex<Vec<Key>>,
    made: AtomicUsize,
    clock: FixedClock,
    stop: Arc<Stop>,
    /// Calls with a new key that are refused.
    lag: AtomicUsize,
    /// Changes of keys that RAM refuses because it learns of a new key later than STS.
    ram_lag: AtomicUsize,
    /// Actions that are refused, or carried out without an answer.
    denied: Mutex<Vec<&'static str>>,
    lost: Mutex<Vec<&'static str>>,
    identity: Mutex<&'static str>,
}

const USER: &str = "acs:ram::1234567890123456:user/vault-root";

pub(super) fn error(status: u16, code: &str) -> Step {
    Step::Made(
        status,
        format!(r#"{{"RequestId":"R","Code":"{code}","Message":"refused"}}"#),
    )
}

impl Keys {
    fn add(&self, id: &str) {
        self.keys.lock().unwrap().push(Key {
            id: id.to_owned(),
            active: true,
            created: self.clock.now(),
            unknown_for: 0,
        });
    }

    fn ids(&self) -> Vec<String> {
        self.keys
            .lock()
            .unwrap()
            .iter()
            .map(|key| key.id.clone())
            .collect()
    }

    fn answer(&self, sent: &Sent) -> Step {
        let action = sent.value("Action").unwrap();
        self.stop
            .around(action, &self.lost, || self.carry_out(action, sent))
    }

    fn carry_out(&self, action: &str, sent: &Sent) -> Step {
        let mut keys = self.keys.lock().unwrap();
        let signer = sent.value("AccessKeyId").unwrap();
        match keys.iter_mut().find(|key| key.id == signer) {
            None => return error(404, "InvalidAccessKeyId.NotFound"),
            Some(key) if !key.active => return error(400, "InvalidAccessKeyId.Inactive"),
            Some(key) if key.unknown_for > 0 => {
                key.unknown_for -= 1;
                return error(404, "InvalidAccessKeyId.NotFound");
            }
            Some(_) => {}
        }
        if matches!(action, "UpdateAccessKey" | "DeleteAccessKey") && self.ram_lag.load(Ordering::SeqCst) > 0
        {
            self.ram_lag.fetch_sub(1, Ordering::SeqCst);
            return error(404, "InvalidAccessKeyId.NotFound");
        }
        if self.denied.lock().unwrap().contains(&action) {
            return error(403, "NoPermission");
        }
        let named = sent.value("UserAccessKeyId").unwrap_or_default();
        match action {
            "GetCallerIdentity" => {
                let arn = *self.identity.lock().unwrap();
                Step::Made(
                    200,
                    json!({"RequestId": "R", "AccountId": arn.split(':').nth(3), "Arn": arn}).to_string(),
                )
            }
            "ListAccessKeys" => {
                let listed = keys.iter().map(|key| {
                    json!({"AccessKeyId": key.id, "Status": "Active", "CreateDate": timestamp(key.created)})
                });
                let listed: Vec<_> = listed.collect();
                Step::Made(
                    200,
                    json!({"RequestId": "R", "AccessKeys": {"AccessKey": listed}}).to_string(),
                )
            }
            "CreateAccessKey" if keys.len() >= 2 => error(409, "LimitExceeded.User.AccessKey"),
            "CreateAccessKey" => {
                let id = format!("LTAInew{}", self.made.fetch_add(1, Ordering::SeqCst) + 1);
                keys.push(Key {
                    id: id.clone(),
                    active: true,
                    created: self.clock.now(),
                    unknown_for: self.lag.load(Ordering::SeqCst),
                });
                let secret = format!("secret-of-{id}");
                Step::Made(
                    200,
                    json!({"RequestId": "R", "AccessKey": {"AccessKeyId": id, "AccessKeySecret": secret}})
                        .to_string(),
                )
            }
            _ if !keys.iter().any(|key| key.id == named) => error(404, "EntityNotExist.User.AccessKey"),
            "UpdateAccessKey" => {
                for key in keys.iter_mut().filter(|key| key.id == named) {
                    key.active = sent.value("Status") == Some("Active");
                }
                Step::Answer(200, r#"{"RequestId":"R"}"#)
            }
            "DeleteAccessKey" => {
                keys.retain(|key| key.id != named);
                Step::Answer(200, r#"{"RequestId":"R"}"#)
            }
            other => panic!("{other} is no call of a rotation"),
        }
    }
}

/// A mount whose root key is that of a user with no other key.
struct World {
    backend: Backend,
    script: Script,
    keys: Arc<Keys>,
    storage: Arc<Faulty>,
    stop: Arc<Stop>,
    clock: FixedClock,
    system: FixedSystem,
}

impl World {
    async fn new(settings: Value) -> Self {
        let (clock, stop) = (FixedClock::default(), Arc::<Stop>::default());
        let keys = Arc::new(Keys {
            keys: Mutex::default(),
            made: AtomicUsize::new(0),
            clock: clock.clone(),
            stop: Arc::clone(&stop),
            lag: AtomicUsize::new(0),
            ram_lag: AtomicUsize::new(0),
            denied: Mutex::default(),
            lost: Mutex::default(),
            identity: Mutex::new(USER),
        });
        keys.add("LTAIold");
        let script = Self::script(&keys);
        let world = Self {
            backend: backend(script.client_at(&clock), no_sources(&script), MOUNT_ID),
            script,
            keys,
            storage: Arc::default(),
            stop,
            clock,
            system: FixedSystem::default(),
        };
        let mut config =
            object(json!({"access_key": "LTAIold", "secret_key": "hush", "region": "cn-hangzhou"}));
        config.extend(object(settings));
        world.write(config.into()).await.unwrap();
        world
    }

    fn script(keys: &Arc<Keys>) -> Script {
        let keys = Arc::clone(keys);
        Script::by_call(move |sent| keys.answer(sent))
    }

    /// Another process for the same mount.
    fn restart(&mut self) {
        self.script = Self::script(&self.keys);
        self.backend = backend(
            self.script.client_at(&self.clock),
            no_sources(&self.script),
            MOUNT_ID,
        );
    }

    fn context(&self, request: Request) -> Context {
        let storage = StoppedStorage(Arc::clone(&self.storage), Arc::clone(&self.stop));
        let mut services = testing::services(Arc::new(storage), self.system);
        services.clock = Arc::new(self.clock.clone());
        testing::context_of(&self.backend, request, services, CancellationToken::new())
    }

    async fn handle(&self, request: Request) -> HandlerResult {
        self.backend.handle(self.context(request)).await
    }

    async fn rotate(&self) -> HandlerResult {
        self.handle(Request::new(Operation::Update, "config/rotate-root"))
            .await
    }

    /// The key that a rotation answers, which must succeed without warnings.
    async fn rotated(&self) -> String {
        let response = answer(self.rotate().await);
        assert!(response.warnings.is_empty(), "{:?}", response.warnings);
        let data = response.data.unwrap();
        assert_eq!(data.len(), 1);
        data["access_key"].as_str().unwrap().to_owned()
    }

    async fn write(&self, data: Value) -> HandlerResult {
        let mut request = Request::new(Operation::Update, "config");
        request.data = object(data);
        self.handle(request).await
    }

    async fn read(&self) -> Response {
        answer(self.handle(Request::new(Operation::Read, "config")).await)
    }

    async fn tick(&self) {
        self.handle(Request::new(Operation::Rollback, "")).await.unwrap();
    }

    /// Time goes by.
    async fn wait(&self, seconds: u64) {
        self.clock
            .advance(time::Duration::seconds(seconds.try_into().unwrap()));
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    async fn config(&self) -> Value {
        let storage: &dyn Storage = &*self.storage;
        storage.get_json("config").await.unwrap().unwrap()
    }

    async fn entries(&self) -> Vec<String> {
        self.storage.list("wal/").await.unwrap()
    }

    /// Asserts that the user has exactly the key that is in `config`, that it works, and that nothing is under way.
    async fn assert_whole(&self, about: &str) {
        let config = self.config().await;
        assert_eq!(
            self.keys.ids(),
            [config["access_key"].as_str().unwrap()],
            "{about}"
        );
        assert!(self.keys.keys.lock().unwrap()[0].active, "{about}");
        let secret = config["secret_key"].as_str().unwrap();
        let expected = format!("secret-of-{}", config["access_key"].as_str().unwrap());
        assert!(secret == "hush" || secret == expected, "{about}");
        assert_eq!(self.entries().await, Vec::<String>::new(), "{about}");
    }

    fn times(&self, action: &str) -> usize {
        let sent = self.script.sent();
        sent.iter()
            .filter(|sent| sent.value("Action") == Some(action))
            .count()
    }
}
