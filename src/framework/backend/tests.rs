use std::sync::Mutex;

use serde::Deserialize;
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::cloud::budget;
use crate::framework::testing::{context_of, services};
use crate::framework::{
    Field, FieldKind, FixedSystem, Kind, LeaseOptions, MemoryStorage, ReplicationState, Request, Secret,
};

/// What the handlers were called with.
type Calls = Mutex<Vec<String>>;

#[derive(Deserialize)]
struct Named {
    name: String,
    size: Option<u32>,
}

async fn note(calls: Arc<Calls>, context: Context, named: Named) -> HandlerResult {
    let operation = context.request.operation;
    calls
        .lock()
        .unwrap()
        .push(format!("{operation:?} {} {:?}", named.name, named.size));
    Ok(Some(Response::data(Map::new())))
}

async fn renew_lease(calls: Arc<Calls>, _: Context, lease: Lease) -> HandlerResult {
    calls.lock().unwrap().push("renew lease".to_owned());
    let options = lease.options;
    Ok(Some(lease.renewed(options)))
}

async fn revoke_lease(calls: Arc<Calls>, _: Context, _: Lease) -> HandlerResult {
    calls.lock().unwrap().push("revoke lease".to_owned());
    Ok(None)
}

async fn renew_token(calls: Arc<Calls>, _: Context, auth: Auth) -> HandlerResult {
    calls.lock().unwrap().push("renew token".to_owned());
    Ok(Some(Response::auth(auth)))
}

struct Mount {
    backend: Backend,
    calls: Arc<Calls>,
    system: FixedSystem,
}

impl Mount {
    fn new(kind: BackendKind) -> Self {
        let calls = Arc::new(Calls::default());
        let path = |pattern| {
            Path::new(pattern)
                .field(Field::new("name", FieldKind::LowercaseString))
                .field(Field::new("size", FieldKind::Int))
        };
        let backend = Backend::new(kind, "A test.")
            .special(SpecialPaths {
                unauthenticated: vec!["login".to_owned()],
                ..SpecialPaths::default()
            })
            .path(
                path("things/{name}")
                    .on(Operation::Read, &calls, note)
                    .on(Operation::Update, &calls, note)
                    .and_on(Operation::Create)
                    .exists(&calls, |_: Arc<Calls>, _: Context, named: Named| async move {
                        Ok(named.name == "there")
                    }),
            )
            .path(
                path("made/{name}")
                    .on(Operation::Read, &calls, note)
                    .changing()
                    .makes_in_cloud()
                    .on(Operation::List, &calls, note)
                    .calls_cloud(),
            )
            .path(
                Path::new("login")
                    .field(Field::new("name", FieldKind::String))
                    .on(Operation::Update, &calls, note),
            )
            .secret(SecretType::new("thing", &calls, renew_lease, revoke_lease))
            .auth_renew(&calls, renew_token)
            .initialize(&calls, |calls: Arc<Calls>, _: Context, ()| async move {
                calls.lock().unwrap().push("initialize".to_owned());
                Ok(())
            });
        Self {
            backend,
            calls,
            system: FixedSystem::default(),
        }
    }

    fn context(&self, request: Request) -> Context {
        let services = services(Arc::new(MemoryStorage::default()), self.system);
        context_of(&self.backend, request, services, CancellationToken::new())
    }

    async fn send(&self, request: Request) -> HandlerResult {
        self.backend.handle(self.context(request)).await
    }

    async fn ask(&self, operation: Operation, path: &str, data: Value) -> HandlerResult {
        let mut request = Request::new(operation, path);
        request.data = data.as_object().unwrap().clone();
        self.send(request).await
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

fn kind(result: HandlerResult) -> Kind {
    result.err().unwrap().kind()
}

#[tokio::test]
async fn a_request_goes_to_the_handler_of_its_path_and_operation() {
    let mount = Mount::new(BackendKind::Secrets);
    for operation in [Operation::Read, Operation::Update, Operation::Create] {
        mount
            .ask(operation, "things/Big", json!({"size": "3"}))
            .await
            .unwrap();
    }
    assert_eq!(
        mount.calls(),
        ["Read big Some(3)", "Update big Some(3)", "Create big Some(3)"]
    );
    let asked = mount.ask(Operation::Delete, "things/big", json!({})).await;
    assert_eq!(kind(asked), Kind::UnsupportedOperation);
    let asked = mount.ask(Operation::Read, "nothing", json!({})).await;
    assert_eq!(kind(asked), Kind::UnsupportedPath);
    let asked = mount
        .ask(Operation::Update, "things/a", json!({"size": "x"}))
        .await;
    assert_eq!(kind(asked), Kind::BadRequest);
    assert!(mount.calls().is_empty());
}

#[tokio::test]
async fn a_field_that_the_path_does_not_have_is_a_warning() {
    let mount = Mount::new(BackendKind::Secrets);
    let response = mount
        .ask(Operation::Update, "things/a", json!({"colour": "red"}))
        .await
        .unwrap()
        .unwrap();
    assert!(response.warnings[0].contains("colour"), "{:?}", response.warnings);
}

#[tokio::test]
async fn the_existence_check_tells_create_from_update() {
    let mount = Mount::new(BackendKind::Secrets);
    for (path, exists) in [
        ("things/there", Some(true)),
        ("things/new", Some(false)),
        ("made/a", None),
    ] {
        let context = mount.context(Request::new(Operation::Update, path));
        assert_eq!(mount.backend.exists(context).await.unwrap(), exists, "{path}");
    }
}

#[tokio::test]
async fn no_operation_but_login_and_renewal_is_served_where_no_token_is_needed() {
    for backend in [BackendKind::Secrets, BackendKind::Auth] {
        let mount = Mount::new(backend);
        for operation in [
            Operation::AliasLookahead,
            Operation::Unknown,
            Operation::Read,
            Operation::Delete,
            Operation::List,
            Operation::Create,
            Operation::ResolveRole,
        ] {
            for path in ["login", "things/there"] {
                let asked = mount.ask(operation, path, json!({"name": "a"})).await;
                let auth = asked.ok().flatten().and_then(|response| response.auth);
                assert!(auth.is_none(), "{operation:?} {path}");
            }
            if operation == Operation::AliasLookahead {
                let asked = mount.ask(operation, "login", json!({"name": "a"})).await;
                assert_eq!(kind(asked), Kind::UnsupportedOperation);
            }
        }
    }
}

#[tokio::test]
async fn a_lease_goes_to_its_type_and_a_token_to_the_method() {
    let mount = Mount::new(BackendKind::Secrets);
    let lease = |name: &str| Secret {
        lease: LeaseOptions::default(),
        internal: Map::from_iter([("secret_type".to_owned(), name.into())]),
    };
    for operation in [Operation::Renew, Operation::Revoke] {
        let mut request = Request::new(operation, "");
        request.secret = Some(lease("thing"));
        mount.send(request.clone()).await.unwrap();
        request.secret = Some(lease("other"));
        assert_eq!(kind(mount.send(request).await), Kind::Internal);
        assert_eq!(
            kind(mount.send(Request::new(operation, "")).await),
            Kind::Internal
        );
    }
    let mut request = Request::new(Operation::Renew, "login");
    request.auth = Some(Auth::default());
    assert!(mount.send(request).await.unwrap().unwrap().auth.is_some());
    assert_eq!(mount.calls(), ["renew lease", "revoke lease", "renew token"]);
}

#[tokio::test]
async fn a_node_that_cannot_write_leaves_changes_to_the_active_one() {
    let mut mount = Mount::new(BackendKind::Secrets);
    mount.system.replication = ReplicationState(1 << 14);
    for (operation, path) in [(Operation::Update, "things/a"), (Operation::Read, "made/a")] {
        assert_eq!(kind(mount.ask(operation, path, json!({})).await), Kind::ReadOnly);
    }
    assert!(mount.calls().is_empty());
    mount.ask(Operation::Read, "things/a", json!({})).await.unwrap();
    assert_eq!(mount.calls(), ["Read a None"]);
}

#[tokio::test]
async fn a_path_is_resolved_to_its_one_spelling_and_the_host_is_known_to_ask() {
    let mount = Mount::new(BackendKind::Secrets);
    let context = mount.context(Request::new(Operation::ResolvePath, "things/BIG"));
    assert!(!context.host_resolves_paths());
    let response = mount.backend.handle(context.clone()).await.unwrap().unwrap();
    assert_eq!(
        Value::Object(response.data.unwrap()),
        json!({"path": "things/big"})
    );
    assert!(context.host_resolves_paths());
    let asked = mount.ask(Operation::ResolvePath, "things/big", json!({})).await;
    assert_eq!(kind(asked), Kind::UnsupportedOperation);
}

#[tokio::test]
async fn the_hook_is_called_when_the_host_initializes_the_mount() {
    let mount = Mount::new(BackendKind::Secrets);
    mount.ask(Operation::Initialize, "", json!({})).await.unwrap();
    assert_eq!(mount.calls(), ["initialize"]);
}

#[test]
fn each_request_has_its_class_and_its_budget() {
    let mount = Mount::new(BackendKind::Auth);
    for (operation, path, class, budget) in [
        (Operation::Update, "login", RequestClass::Login, budget::LOGIN),
        (
            Operation::ResolveRole,
            "login",
            RequestClass::Static,
            budget::REQUEST,
        ),
        (Operation::Read, "made/a", RequestClass::Issue, budget::ISSUE),
        (
            Operation::List,
            "made/a",
            RequestClass::CloudCall,
            budget::REQUEST,
        ),
        (
            Operation::Read,
            "things/a",
            RequestClass::Storage,
            budget::REQUEST,
        ),
        (Operation::Read, "nothing", RequestClass::Storage, budget::REQUEST),
        (Operation::Renew, "login", RequestClass::Storage, budget::REQUEST),
        (Operation::Revoke, "made/a", RequestClass::Revoke, budget::REVOKE),
        (Operation::Rollback, "", RequestClass::Tick, budget::TICK),
        (
            Operation::ResolvePath,
            "login",
            RequestClass::Static,
            budget::REQUEST,
        ),
    ] {
        let found = mount.backend.class(operation, path);
        assert_eq!((found, found.budget()), (class, budget), "{operation:?} {path}");
    }
}
