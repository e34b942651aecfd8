//! Static roles, in a cloud that keeps users and their keys, with a clock that is moved on.

mod kills;
mod peers;
mod rules;
mod schedule;
mod seamless;

use std::sync::Mutex;
use std::time::Duration;

use super::rotation::{Key, Stop, StoppedStorage, error};
use super::*;
use crate::cloud::testing::{FixedClock, Sent};
use crate::cloud::{Clock as _, timestamp};
use crate::framework::Context;

const HOUR: u64 = 3600;

/// A user of the cloud.
#[derive(Debug, Clone)]
struct User {
    name: String,
    id: String,
    comments: String,
    keys: Vec<Key>,
}

/// The users of the account, and what the cloud does with calls.
struct Users {
    users: Mutex<Vec<User>>,
    made: AtomicUsize,
    clock: FixedClock,
    stop: Arc<Stop>,
    /// Calls with a new key that are refused.
    lag: AtomicUsize,
    /// Actions that are refused, or carried out without an answer.
    denied: Mutex<Vec<&'static str>>,
    lost: Mutex<Vec<&'static str>>,
    /// Whom `GetUser` answers with, whoever is asked for.
    mistaken: Mutex<Option<&'static str>>,
}

impl Users {
    fn key(&self, id: &str) -> Key {
        Key {
            id: id.to_owned(),
            active: true,
            created: self.clock.now(),
            unknown_for: 0,
        }
    }

    fn add(&self, name: &str, id: &str, keys: &[&str]) {
        self.users.lock().unwrap().push(User {
            name: name.to_owned(),
            id: id.to_owned(),
            comments: String::new(),
            keys: keys.iter().map(|key| self.key(key)).collect(),
        });
    }

    /// Changes a user behind the engine's back.
    fn change(&self, name: &str, change: impl FnOnce(&mut User)) {
        let mut users = self.users.lock().unwrap();
        change(users.iter_mut().find(|user| user.name == name).unwrap());
    }

    fn remove(&self, name: &str) {
        self.users.lock().unwrap().retain(|user| user.name != name);
    }

    fn keys(&self, name: &str) -> Vec<String> {
        let users = self.users.lock().unwrap();
        let user = users.iter().find(|user| user.name == name);
        user.map(|user| user.keys.iter().map(|key| key.id.clone()).collect())
            .unwrap_or_default()
    }

    fn answer(&self, sent: &Sent) -> Step {
        let action = sent.value("Action").unwrap();
        self.stop
            .around(action, &self.lost, || self.carry_out(action, sent))
    }

    fn carry_out(&self, action: &str, sent: &Sent) -> Step {
        let mut users = self.users.lock().unwrap();
        let signer = sent.value("AccessKeyId").unwrap();
        if signer.starts_with("STS.") {
            return self.as_role(action, &mut users, sent);
        }
        let Some(caller) = users
            .iter_mut()
            .find(|user| user.keys.iter().any(|key| key.id == signer))
        else {
            return error(404, "InvalidAccessKeyId.NotFound");
        };
        let (name, id) = (caller.name.clone(), caller.id.clone());
        for key in caller.keys.iter_mut().filter(|key| key.id == signer) {
            if !key.active {
                return error(400, "InvalidAccessKeyId.Inactive");
            }
            if key.unknown_for > 0 {
                key.unknown_for -= 1;
                return error(404, "InvalidAccessKeyId.NotFound");
            }
        }
        if action == "GetCallerIdentity" {
            let arn = format!("acs:ram::1234567890123456:user/{name}");
            return Step::Made(
                200,
                json!({"RequestId": "R", "AccountId": "1234567890123456", "Arn": arn, "UserId": id})
                    .to_string(),
            );
        }
        if action == "AssumeRole" {
            let expiration = timestamp(self.clock.now() + Duration::from_secs(HOUR));
            return Step::Made(
                200,
                json!({"RequestId": "R", "Credentials": {"AccessKeyId": "STS.engine", "AccessKeySecret": "s",
                       "SecurityToken": "t", "Expiration": expiration}})
                .to_string(),
            );
        }
        self.about_user(action, &mut users, sent)
    }

    /// What the RAM role that `config` names may do.
    fn as_role(&self, action: &str, users: &mut [User], sent: &Sent) -> Step {
        if action == "GetCallerIdentity" {
            let arn = "acs:ram::1234567890123456:assumed-role/engine/vault";
            return Step::Made(
                200,
                json!({"RequestId": "R", "AccountId": "1234567890123456", "Arn": arn, "RoleId": "3001"})
                    .to_string(),
            );
        }
        self.about_user(action, users, sent)
    }

    fn about_user(&self, action: &str, users: &mut [User], sent: &Sent) -> Step {
        if self.denied.lock().unwrap().contains(&action) {
            return error(403, "NoPermission");
        }
        let mistaken = self.mistaken.lock().unwrap().filter(|_| action == "GetUser");
        let named = mistaken.or(sent.value("UserName")).unwrap_or_default();
        let Some(user) = users
            .iter_mut()
            .find(|user| user.name.eq_ignore_ascii_case(named))
        else {
            return error(404, "EntityNotExist.User");
        };
        self.of_user(
            action,
            user,
            sent.value("UserAccessKeyId").unwrap_or_default(),
            sent,
        )
    }

    fn of_user(&self, action: &str, user: &mut User, key: &str, sent: &Sent) -> Step {
        let keys = &mut user.keys;
        match action {
            "GetUser" => Step::Made(
                200,
                json!({"RequestId": "R", "User": {"UserName": user.name, "UserId": user.id, "Comments": user.comments}})
                    .to_string(),
            ),
            "ListAccessKeys" => {
                let listed = keys
                    .iter()
                    .map(|key| json!({"AccessKeyId": key.id, "CreateDate": timestamp(key.created)}));
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
                    unknown_for: self.lag.load(Ordering::SeqCst),
                    ..self.key(&id)
                });
                let secret = format!("secret-of-{id}");
                Step::Made(
                    200,
                    json!({"RequestId": "R", "AccessKey": {"AccessKeyId": id, "AccessKeySecret": secret}}).to_string(),
                )
            }
            _ if !keys.iter().any(|known| known.id == key) => error(404, "EntityNotExist.User.AccessKey"),
            "UpdateAccessKey" => {
                for known in keys.iter_mut().filter(|known| known.id == key) {
                    known.active = sent.value("Status") == Some("Active");
                }
                Step::Answer(200, r#"{"RequestId":"R"}"#)
            }
            "DeleteAccessKey" => {
                keys.retain(|known| known.id != key);
                Step::Answer(200, r#"{"RequestId":"R"}"#)
            }
            other => panic!("{other} is no call of a static role"),
        }
    }
}

/// A mount whose own user is `vault-root`, and a user `app` without keys.
struct World {
    backend: Backend,
    script: Script,
    users: Arc<Users>,
    storage: Arc<Faulty>,
    stop: Arc<Stop>,
    clock: FixedClock,
}

impl World {
    async fn new() -> Self {
        let (clock, stop) = (FixedClock::default(), Arc::<Stop>::default());
        let users = Arc::new(Users {
            users: Mutex::default(),
            made: AtomicUsize::new(0),
            clock: clock.clone(),
            stop: Arc::clone(&stop),
            lag: AtomicUsize::new(0),
            denied: Mutex::default(),
            lost: Mutex::default(),
            mistaken: Mutex::default(),
        });
        users.add("vault-root", "1000", &["LTAIroot"]);
        users.add("app", "2001", &[]);
        let script = Self::script(&users);
        let world = Self {
            backend: backend(script.client_at(&clock), no_sources(&script), MOUNT_ID),
            script,
            users,
            storage: Arc::default(),
            stop,
            clock,
        };
        let config = json!({"access_key": "LTAIroot", "secret_key": "hush"});
        world.write("config", config).await.unwrap();
        world
    }

    /// The same with a static role `app`.
    async fn with_role(settings: Value) -> Self {
        let world = Self::new().await;
        let mut data = object(json!({"username": "app"}));
        data.extend(object(settings));
        world.create("app", data.into()).await.unwrap();
        world
    }

    fn script(users: &Arc<Users>) -> Script {
        let users = Arc::clone(users);
        Script::by_call(move |sent| users.answer(sent))
    }

    /// Another process for the same mount.
    fn restart(&mut self) {
        self.script = Self::script(&self.users);
        self.backend = backend(
            self.script.client_at(&self.clock),
            no_sources(&self.script),
            MOUNT_ID,
        );
    }

    fn context(&self, request: Request) -> Context {
        let storage = StoppedStorage(Arc::clone(&self.storage), Arc::clone(&self.stop));
        let mut services = testing::services(Arc::new(storage), FixedSystem::default());
        services.clock = Arc::new(self.clock.clone());
        testing::context_of(&self.backend, request, services, CancellationToken::new())
    }

    async fn handle(&self, request: Request) -> HandlerResult {
        self.backend.handle(self.context(request)).await
    }

    async fn send(&self, operation: Operation, path: &str, data: Value) -> HandlerResult {
        let mut request = Request::new(operation, path);
        request.data = object(data);
        self.handle(request).await
    }

    async fn write(&self, path: &str, data: Value) -> HandlerResult {
        self.send(Operation::Update, path, data).await
    }

    async fn create(&self, name: &str, data: Value) -> HandlerResult {
        self.send(Operation::Create, &format!("static-roles/{name}"), data)
            .await
    }

    async fn delete(&self, name: &str) -> HandlerResult {
        self.send(Operation::Delete, &format!("static-roles/{name}"), json!({}))
            .await
    }

    async fn rotate(&self) -> HandlerResult {
        self.write("rotate-role/app", json!({})).await
    }

    async fn read(&self, path: &str) -> Response {
        answer(self.handle(Request::new(Operation::Read, path)).await)
    }

    async fn role(&self) -> Map<String, Value> {
        self.read("static-roles/app").await.data.unwrap()
    }

    async fn creds(&self) -> Map<String, Value> {
        self.read("static-creds/app").await.data.unwrap()
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

    async fn entries(&self) -> Vec<String> {
        self.storage.list("wal/").await.unwrap()
    }

    fn keys(&self) -> Vec<String> {
        self.users.keys("app")
    }

    /// The key that is given out, which must work, and whose secret must be its own.
    async fn given(&self, about: &str) -> String {
        let creds = self.creds().await;
        let key = creds["access_key"].as_str().unwrap();
        assert_eq!(creds["secret_key"], format!("secret-of-{key}"), "{about}");
        let is_live = |known: &Key| known.id == key && known.active;
        let users = self.users.users.lock().unwrap();
        assert!(
            users.iter().any(|user| user.keys.iter().any(is_live)),
            "{about}: {key} of {users:?}"
        );
        key.to_owned()
    }

    /// Asserts that the user has exactly the key that is given out, and that nothing is under way.
    async fn assert_whole(&self, about: &str) {
        let key = self.given(about).await;
        assert_eq!(self.keys(), [key], "{about}");
        assert_eq!(self.entries().await, Vec::<String>::new(), "{about}");
        assert_eq!(self.role().await["previous_access_key"], "", "{about}");
    }

    fn times(&self, action: &str) -> usize {
        let sent = self.script.sent();
        sent.iter()
            .filter(|sent| sent.value("Action") == Some(action))
            .count()
    }
}
