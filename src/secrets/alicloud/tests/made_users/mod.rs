//! Users that are made for leases, in a cloud that keeps them with all that belongs to them.

mod kills;
mod service_credentials;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use super::rotation::{Stop, StoppedStorage, error};
use super::*;
use crate::cloud::Clock as _;
use crate::cloud::testing::{FixedClock, Sent};
use crate::cloud::timestamp;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// What a role can have beside its kind of credentials.
fn everything() -> Value {
    let document = |action: &str| {
        json!({"Version": "1", "Statement": [
            {"Effect": "Allow", "Action": action, "Resource": "*"}]})
    };
    json!({
        "inline_policies": [document("oss:Get*"), document("rds:Describe*")],
        "remote_policies": ["name:AliyunOSSReadOnlyAccess,type:System"],
        "ram_groups": ["auditors", "readers"], "tags": {"team": "a", "env": "prod"}, "ttl": HOUR, "max_ttl": 2 * HOUR,
    })
}

fn access_keys() -> Value {
    let mut role = object(everything());
    role.insert("allowed_ips".to_owned(), json!(["203.0.113.1"]));
    role.into()
}

fn api_keys() -> Value {
    let mut role = object(everything());
    role.extend(object(
        json!({"credential_type": "service_credential", "service_name": "s.aliyuncs.com"}),
    ));
    role.into()
}

#[derive(Debug, Clone, PartialEq)]
struct ApiKey {
    id: String,
    name: String,
    service: String,
    days: u16,
    active: bool,
}

#[derive(Debug, Clone, Default)]
struct User {
    id: String,
    comments: String,
    /// The names of its policies, of both types.
    attached: BTreeSet<String>,
    groups: BTreeSet<String>,
    tags: BTreeMap<String, String>,
    keys: BTreeSet<String>,
    api_keys: Vec<ApiKey>,
}

#[derive(Debug, Default)]
struct Things {
    /// By their names.
    users: BTreeMap<String, User>,
    policies: BTreeSet<String>,
    made: usize,
}

/// An account, and what it does with calls.
#[derive(Default)]
struct Account {
    things: Mutex<Things>,
    clock: FixedClock,
    stop: Arc<Stop>,
    /// Actions that are refused.
    denied: Mutex<Vec<&'static str>>,
    /// Actions that are carried out once without an answer.
    lost: Mutex<Vec<&'static str>>,
    /// Whether API keys say when they end.
    tells_expiration: std::sync::atomic::AtomicBool,
}

fn with_members(members: Value) -> Step {
    let mut body = object(json!({"RequestId": "R"}));
    body.extend(object(members));
    Step::Made(200, Value::from(body).to_string())
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>, of: impl Fn(&str) -> Value) -> Vec<Value> {
    names.into_iter().map(|name| of(name)).collect()
}

impl Account {
    fn answer(&self, sent: &Sent) -> Step {
        let action = sent.value("Action").unwrap();
        let answer = self
            .stop
            .around(action, &Mutex::default(), || self.carry_out(action, sent));
        let mut lost = self.lost.lock().unwrap();
        match lost.iter().position(|other| *other == action) {
            Some(at) if !matches!(answer, Step::Silence) => {
                lost.remove(at);
                error(500, "InternalError")
            }
            _ => answer,
        }
    }

    fn carry_out(&self, action: &str, sent: &Sent) -> Step {
        if self.denied.lock().unwrap().contains(&action) {
            return error(403, "NoPermission");
        }
        let value = |name| sent.value(name).unwrap_or_default();
        let (name, policy) = (value("UserName"), value("PolicyName"));
        let things = &mut *self.things.lock().unwrap();
        things.made += 1;
        match action {
            "GetCallerIdentity" => return IDENTITY,
            "CreateUser" if things.users.contains_key(name) => {
                return error(409, "EntityAlreadyExists.User");
            }
            "CreateUser" => {
                let user = User {
                    id: format!("20{}", things.made),
                    comments: value("Comments").to_owned(),
                    ..User::default()
                };
                things.users.insert(name.to_owned(), user);
                return shown(name, &things.users[name]);
            }
            "ListUsers" => {
                let users: Vec<_> = things.users.iter().map(|(name, user)| row(name, user)).collect();
                return with_members(json!({"Users": {"User": users}}));
            }
            "CreatePolicy" => {
                things.policies.insert(policy.to_owned());
                return DONE;
            }
            "DeletePolicy" if !things.policies.contains(policy) => {
                return error(404, "EntityNotExist.Policy");
            }
            "DeletePolicy" if things.users.values().any(|user| user.attached.contains(policy)) => {
                return error(409, "DeleteConflict.Policy.User");
            }
            "DeletePolicy" => {
                things.policies.remove(policy);
                return DONE;
            }
            _ => {}
        }
        let principal = value("UserPrincipalName").split('@').next().unwrap();
        let id = [value("UserId"), value("ResourceId.1")].concat();
        let found = things
            .users
            .iter_mut()
            .find(|(own, user)| *own == name || *own == principal || user.id == id);
        let Some((name, user)) = found else {
            return error(404, "EntityNotExist.User");
        };
        if action == "DeleteUser" {
            return match in_the_way(user) {
                Some(kind) => error(409, &format!("DeleteConflict.User.{kind}")),
                None => {
                    let name = name.clone();
                    things.users.remove(&name);
                    DONE
                }
            };
        }
        self.of_user(action, name, user, things.made, sent)
    }

    fn of_user(&self, action: &str, name: &str, user: &mut User, number: usize, sent: &Sent) -> Step {
        let value = |name: &str| sent.value(name).unwrap_or_default().to_owned();
        let done_if = |is_there, subject: &str| {
            if is_there {
                DONE
            } else {
                error(404, &format!("EntityNotExist.User.{subject}"))
            }
        };
        match action {
            "GetUser" => shown(name, user),
            "AttachPolicyToUser" => {
                user.attached.insert(value("PolicyName"));
                DONE
            }
            "DetachPolicyFromUser" => done_if(user.attached.remove(&value("PolicyName")), "Policy"),
            "ListPoliciesForUser" => {
                let kind = |name: &str| {
                    if name.starts_with("Aliyun") {
                        "System"
                    } else {
                        "Custom"
                    }
                };
                let rows = listed(
                    &user.attached,
                    |name| json!({"PolicyName": name, "PolicyType": kind(name)}),
                );
                with_members(json!({"Policies": {"Policy": rows}}))
            }
            "AddUserToGroup" => {
                user.groups.insert(value("GroupName"));
                DONE
            }
            "RemoveUserFromGroup" => done_if(user.groups.remove(&value("GroupName")), "Group"),
            "ListGroupsForUser" => {
                let rows = listed(&user.groups, |name| json!({"GroupName": name}));
                with_members(json!({"Groups": {"Group": rows}}))
            }
            "TagResources" => {
                for number in 1..=2 {
                    let tag = |part| value(&format!("Tag.{number}.{part}"));
                    user.tags.insert(tag("Key"), tag("Value"));
                }
                DONE
            }
            "DeleteLoginProfile" => done_if(false, "LoginProfile"),
            "CreateAccessKey" => {
                let id = format!("LTAI{number}");
                user.keys.insert(id.clone());
                with_members(json!({"AccessKey": {"AccessKeyId": id, "AccessKeySecret": "very-secret"}}))
            }
            "ListAccessKeys" => {
                let rows = listed(&user.keys, |id| json!({"AccessKeyId": id}));
                with_members(json!({"AccessKeys": {"AccessKey": rows}}))
            }
            "SetAccessKeyPolicy" => done_if(user.keys.contains(&value("UserAccessKeyId")), "AccessKey"),
            "DeleteAccessKey" => done_if(user.keys.remove(&value("UserAccessKeyId")), "AccessKey"),
            _ => self.of_api_keys(action, user, number, sent),
        }
    }

    fn of_api_keys(&self, action: &str, user: &mut User, number: usize, sent: &Sent) -> Step {
        let value = |name| sent.value(name).unwrap_or_default();
        let id = value("ServiceCredentialId");
        let known = user.api_keys.iter().position(|key| key.id == id);
        match (action, known) {
            ("CreateServiceCredential", _) if user.api_keys.len() >= 2 => {
                error(409, "LimitExceeded.User.ServiceCredential")
            }
            ("CreateServiceCredential", _) => {
                let key = ApiKey {
                    id: format!("SC{number}"),
                    name: value("ServiceCredentialName").to_owned(),
                    service: value("ServiceName").to_owned(),
                    days: value("CredentialAgeDays").parse().unwrap(),
                    active: true,
                };
                let end = self.clock.now() + time::Duration::days(key.days.into());
                let mut made = object(json!({
                    "ServiceCredentialId": key.id, "ServiceCredentialSecret": "very-secret", "Status": "Active",
                }));
                if self.tells_expiration.load(Ordering::SeqCst) {
                    made.insert("ExpirationTime".to_owned(), timestamp(end).into());
                }
                user.api_keys.push(key);
                with_members(json!({"ServiceCredential": made}))
            }
            ("ListServiceCredentials", _) => {
                let status = |active| if active { "Active" } else { "Inactive" };
                let rows = user
                    .api_keys
                    .iter()
                    .map(|key| json!({"ServiceCredentialId": key.id, "Status": status(key.active)}));
                with_members(json!({"ServiceCredentials": rows.collect::<Vec<_>>()}))
            }
            ("UpdateServiceCredential", Some(at)) => {
                user.api_keys[at].active = value("Status") == "Active";
                DONE
            }
            ("DeleteServiceCredential", Some(at)) if user.api_keys[at].active => {
                error(409, "DeleteConflict.ServiceCredential.Active")
            }
            ("DeleteServiceCredential", Some(at)) => {
                user.api_keys.remove(at);
                DONE
            }
            ("UpdateServiceCredential" | "DeleteServiceCredential", None) => {
                error(404, "EntityNotExist.ServiceCredential")
            }
            (other, _) => panic!("{other} is no call of a lease"),
        }
    }
}

fn row(name: &str, user: &User) -> Value {
    json!({
        "UserName": name, "UserId": user.id, "Comments": user.comments,
        "UserPrincipalName": format!("{name}@alias.onaliyun.com"),
    })
}

fn shown(name: &str, user: &User) -> Step {
    with_members(json!({"User": row(name, user)}))
}

/// What keeps RAM from deleting a user.
fn in_the_way(user: &User) -> Option<&'static str> {
    let kinds = [
        ("AccessKey", user.keys.is_empty()),
        ("Group", user.groups.is_empty()),
        ("Policy", user.attached.is_empty()),
        ("ServiceCredential", user.api_keys.is_empty()),
    ];
    kinds
        .into_iter()
        .find(|(_, is_gone)| !is_gone)
        .map(|(kind, _)| kind)
}

/// A mount with the role `dev`.
struct World {
    backend: Backend,
    script: Script,
    account: Arc<Account>,
    storage: Arc<Faulty>,
}

impl World {
    async fn new(role: Value) -> Self {
        let account = Arc::<Account>::default();
        let script = Self::script(&account);
        let world = Self {
            backend: backend(script.client(), no_sources(&script), MOUNT_ID),
            script,
            account,
            storage: Arc::default(),
        };
        let config = json!({"access_key": "LTAIroot", "secret_key": "hush"});
        world.send(Operation::Update, "config", config).await.unwrap();
        world.write_role(role).await.unwrap();
        world
    }

    fn script(account: &Arc<Account>) -> Script {
        let account = Arc::clone(account);
        Script::by_call(move |sent| account.answer(sent))
    }

    /// Another process for the same mount.
    fn restart(&mut self) {
        self.script = Self::script(&self.account);
        self.backend = backend(self.script.client(), no_sources(&self.script), MOUNT_ID);
    }

    async fn handle(&self, request: Request) -> HandlerResult {
        let storage = StoppedStorage(Arc::clone(&self.storage), Arc::clone(&self.account.stop));
        let mut services = testing::services(Arc::new(storage), FixedSystem::default());
        services.clock = Arc::new(self.account.clock.clone());
        let context = testing::context_of(&self.backend, request, services, CancellationToken::new());
        self.backend.handle(context).await
    }

    async fn send(&self, operation: Operation, path: &str, data: Value) -> HandlerResult {
        let mut request = Request::new(operation, path);
        request.data = object(data);
        self.handle(request).await
    }

    async fn write_role(&self, data: Value) -> HandlerResult {
        self.send(Operation::Create, "role/dev", data).await
    }

    async fn creds(&self) -> HandlerResult {
        self.handle(Request::new(Operation::Read, "creds/dev")).await
    }

    async fn end_lease(&self, operation: Operation, secret: Secret) -> HandlerResult {
        let mut request = Request::new(operation, "creds/dev");
        request.secret = Some(secret);
        self.handle(request).await
    }

    async fn tick(&self) {
        self.handle(Request::new(Operation::Rollback, "")).await.unwrap();
    }

    /// Time goes by.
    async fn wait(&self, seconds: u64) {
        self.account
            .clock
            .advance(time::Duration::seconds(seconds.try_into().unwrap()));
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    /// The only user.
    fn user(&self) -> User {
        let things = self.account.things.lock().unwrap();
        assert_eq!(things.users.len(), 1, "{things:?}");
        things.users.values().next().unwrap().clone()
    }

    fn is_empty(&self) -> bool {
        let things = self.account.things.lock().unwrap();
        things.users.is_empty() && things.policies.is_empty()
    }

    /// What is stored beside the configuration and the role.
    async fn entries(&self) -> Vec<String> {
        let mut entries = self.storage.list("wal/").await.unwrap();
        entries.extend(self.storage.list("issued/").await.unwrap());
        entries
    }

    async fn assert_nothing_is_left(&self, about: &str) {
        assert!(
            self.is_empty(),
            "{about}: {:?}",
            self.account.things.lock().unwrap()
        );
        assert_eq!(self.entries().await, Vec::<String>::new(), "{about}");
    }

    fn actions(&self) -> Vec<String> {
        let sent = self.script.sent();
        sent.iter()
            .map(|sent| sent.value("Action").unwrap().to_owned())
            .filter(|action| action != "GetCallerIdentity")
            .collect()
    }
}
