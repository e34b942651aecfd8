//! The engine as its host sees it, with storage in memory and a scripted IAM.

mod accounts;
mod config;
mod issue;
mod lease;
mod old_data;
mod orphans;
mod revoke;

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::backend;
use crate::cloud::testing::{FixedClock, Script, Step};
use crate::framework::{
    Backend, Error, FixedSystem, HandlerResult, Kind, LeaseOptions, MemoryStorage, Operation, Request,
    Response, Secret, Services, Status, Storage, testing,
};

const MOUNT_ID: &str = "0b2c7f0e-1111-2222-3333-444455556666";

/// The operations of the document's policy.
const TEN: [&str; 10] = [
    "CreateAccessKey",
    "CreateUser",
    "PutUserPolicy",
    "ListGroupsForUser",
    "ListUserPolicies",
    "ListAccessKeys",
    "DeleteAccessKey",
    "DeleteUserPolicy",
    "RemoveUserFromGroup",
    "DeleteUser",
];

/// What an IAM in which all is well answers.
fn well(action: &str) -> Step {
    let body = match action {
        "CreateUser" => {
            "<CreateUserResponse><CreateUserResult><User><UserId>AIDA1</UserId><Arn>arn:aws:iam::123456789012:user/u</Arn>\
             </User></CreateUserResult></CreateUserResponse>"
        }
        "PutUserPolicy" => "<PutUserPolicyResponse/>",
        "CreateAccessKey" => {
            "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><AccessKeyId>AKIAnew</AccessKeyId>\
             <SecretAccessKey>new-secret</SecretAccessKey></AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>"
        }
        "ListGroupsForUser" => {
            "<ListGroupsForUserResponse><ListGroupsForUserResult><Groups/></ListGroupsForUserResult></ListGroupsForUserResponse>"
        }
        "ListUserPolicies" => {
            "<ListUserPoliciesResponse><ListUserPoliciesResult><PolicyNames><member>vault-0b2c7f0e-1111-2222-3333-444455556666\
             </member></PolicyNames></ListUserPoliciesResult></ListUserPoliciesResponse>"
        }
        "ListAccessKeys" => {
            "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata><member><AccessKeyId>AKIAnew</AccessKeyId>\
             </member></AccessKeyMetadata></ListAccessKeysResult></ListAccessKeysResponse>"
        }
        "DeleteAccessKey" => "<DeleteAccessKeyResponse/>",
        "DeleteUserPolicy" => "<DeleteUserPolicyResponse/>",
        "RemoveUserFromGroup" => "<RemoveUserFromGroupResponse/>",
        "DeleteUser" => "<DeleteUserResponse/>",
        other => panic!("{other} is not among the ten operations"),
    };
    Step::Answer(200, body)
}

macro_rules! refused {
    ($status:literal, $code:literal, $message:literal) => {
        Step::Answer(
            $status,
            concat!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>",
                $code,
                "</Code><Message>",
                $message,
                "</Message></Error><RequestId>R-1</RequestId></ErrorResponse>"
            ),
        )
    };
}
use refused;

const GONE: Step = refused!(404, "NoSuchEntity", "The user with name u cannot be found.");
const DENIED: Step = refused!(
    403,
    "AccessDenied",
    "User: arn:aws:iam::123456789012:user/hashicorp is not authorized to perform: iam:X on resource: \
     arn:aws:iam::123456789012:user/vault-u"
);
const LOST: Step = refused!(500, "ServiceFailure", "failed");

/// A mount with a role `deploy` and root credentials.
struct Mount {
    backend: Backend,
    script: Script,
    storage: Arc<MemoryStorage>,
    system: FixedSystem,
    clock: FixedClock,
}

impl Mount {
    async fn new(steps: impl IntoIterator<Item = (&'static str, Step)>) -> Self {
        let mount = Self::empty(steps);
        let root = json!({"access_key": "AKIAROOT", "secret_key": "hush", "region": "us-east-1"});
        assert!(mount.write("config/root", root).await.unwrap().is_none());
        let policy =
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*"}}"#;
        mount
            .write("roles/deploy", json!({"policy": policy}))
            .await
            .unwrap();
        mount
    }

    fn empty(steps: impl IntoIterator<Item = (&'static str, Step)>) -> Self {
        let script = Script::by_action(well, steps);
        Self {
            backend: backend(script.client(), MOUNT_ID),
            script,
            storage: Arc::default(),
            system: FixedSystem::default(),
            clock: FixedClock::default(),
        }
    }

    /// The same storage under a process that was started anew, with an IAM that answers so.
    fn restarted(self, steps: impl IntoIterator<Item = (&'static str, Step)>) -> Self {
        let script = Script::by_action(well, steps);
        Self {
            backend: backend(script.client(), MOUNT_ID),
            script,
            ..self
        }
    }

    async fn handle(&self, mut request: Request) -> HandlerResult {
        request.mount_point = "aws/".to_owned();
        request.display_name = "token".to_owned();
        let services = Services {
            clock: Arc::new(self.clock.clone()),
            ..testing::services(Arc::clone(&self.storage) as Arc<dyn Storage>, self.system)
        };
        let context = testing::context_of(&self.backend, request, services, CancellationToken::new());
        self.backend.handle(context).await
    }

    async fn write(&self, path: &str, data: Value) -> HandlerResult {
        let mut request = Request::new(Operation::Update, path);
        request.body = data.to_string();
        request.data = object(data);
        self.handle(request).await
    }

    async fn read(&self, path: &str) -> HandlerResult {
        self.handle(Request::new(Operation::Read, path)).await
    }

    async fn delete(&self, path: &str) -> HandlerResult {
        self.handle(Request::new(Operation::Delete, path)).await
    }

    async fn list(&self, path: &str) -> Value {
        let listed = answer(self.handle(Request::new(Operation::List, path)).await);
        listed.data.unwrap().remove("keys").unwrap_or_default()
    }

    async fn creds(&self) -> HandlerResult {
        self.read("creds/deploy").await
    }

    async fn tick(&self, data: Value) {
        let mut request = Request::new(Operation::Rollback, "");
        request.data = object(data);
        self.handle(request).await.unwrap();
    }

    async fn end_lease(&self, operation: Operation, secret: Secret) -> HandlerResult {
        let mut request = Request::new(operation, "creds/deploy");
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

    async fn put(&self, key: &str, value: &str) {
        self.storage.put(key, value.as_bytes().to_vec()).await.unwrap();
    }

    async fn wal_entries(&self) -> usize {
        self.storage.list("wal/").await.unwrap().len()
    }

    async fn records(&self) -> Vec<String> {
        self.storage.list("issued/").await.unwrap()
    }

    fn actions(&self) -> Vec<String> {
        let sent = self.script.sent();
        sent.iter()
            .map(|sent| sent.value("Action").unwrap().to_owned())
            .collect()
    }

    fn values(&self, action: &str, parameter: &str) -> Vec<String> {
        let sent = self.script.sent();
        let sent = sent.iter().filter(|sent| sent.value("Action") == Some(action));
        sent.filter_map(|sent| sent.value(parameter).map(str::to_owned))
            .collect()
    }

    fn advance(&self, seconds: i64) {
        self.clock.advance(time::Duration::seconds(seconds));
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
