//! One mount: the calls that a server makes for the requests of its clients.

use std::time::Duration;

use serde_json::{Value, json};
use tonic::{Request, Status, transport::Channel};
use vault_plugin_alicloud::protocol::vault::{logical, pb, pb::backend_client::BackendClient};

use super::{
    Product,
    reply::{Auth, Lease, Reply},
    storage::{Storage, System},
};

/// What a mount is, as the catalogue knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Auth,
    Secrets,
}

impl Kind {
    /// `plugin_type` in the configuration of a mount.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Secrets => "secret",
        }
    }

    /// The answer of `Type`.
    pub fn number(self) -> u32 {
        match self {
            Self::Secrets => 1,
            Self::Auth => 2,
        }
    }
}

/// A mount that is set up. Clones are the same mount.
#[derive(Clone)]
pub struct Mount {
    pub kind: Kind,
    /// The `multiplex_id` of its calls.
    pub id: String,
    pub storage: Storage,
    pub system: System,
    pub(super) client: BackendClient<Channel>,
    pub(super) channel: Channel,
    pub(super) product: Product,
}

/// `message` with the id of a mount, as every call has it.
pub fn with_id<T>(id: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("multiplex_id", id.parse().unwrap());
    request
}

impl Mount {
    /// The generated client, for calls that are not here; see [`with_id`].
    pub fn client(&self) -> BackendClient<Channel> {
        self.client.clone()
    }

    /// A request as the server makes it; change it and [`send`](Self::send) it.
    pub fn request(&self, operation: &str, path: &str, data: &Value) -> pb::Request {
        let mount_point = match self.kind {
            Kind::Auth => "auth/alicloud/",
            Kind::Secrets => "alicloud/",
        };
        pb::Request {
            id: "11111111-2222-3333-4444-555555555555".to_owned(),
            operation: operation.to_owned(),
            path: path.to_owned(),
            data: data.to_string(),
            display_name: "token".to_owned(),
            mount_point: mount_point.to_owned(),
            mount_type: "alicloud".to_owned(),
            connection: Some(pb::Connection {
                remote_addr: "127.0.0.1".to_owned(),
                remote_port: 40_000,
            }),
            ..pb::Request::default()
        }
    }

    /// One `HandleRequest`, undecoded.
    pub async fn raw(&self, request: pb::Request) -> Result<pb::HandleRequestReply, Status> {
        let arguments = pb::HandleRequestArgs {
            storage_id: 0,
            request: Some(Box::new(request)),
        };
        self.client()
            .handle_request(with_id(&self.id, arguments))
            .await
            .map(tonic::Response::into_inner)
    }

    /// One `HandleRequest`, decoded; panics when the call itself fails.
    pub async fn send(&self, request: pb::Request) -> Reply {
        let (operation, path) = (request.operation.clone(), request.path.clone());
        let reply = self
            .raw(request)
            .await
            .unwrap_or_else(|status| panic!("{operation} {path}: {status:?}"));
        Reply::decode(reply, &operation, &path)
    }

    /// A request of a client, with what precedes it: OpenBao asks for the canonical path, and both ask whether the
    /// thing exists before they write.
    pub async fn handle(&self, request: pb::Request) -> Reply {
        let mut request = request;
        if self.product == Product::OpenBao {
            match self.resolve(&request).await {
                Ok(path) => request.path = path,
                Err(reply) => return reply,
            }
        }
        if request.operation == "update" {
            let check = self.exists(request.clone()).await;
            match check.err {
                None if check.check_found && !check.exists => request.operation = "create".to_owned(),
                None => {}
                Some(error) if error.err_type == 6 => {}
                Some(error) => {
                    let status = if error.err_type == 1 { 400 } else { 500 };
                    let reply = pb::HandleRequestReply {
                        response: None,
                        err: Some(error),
                    };
                    return Reply {
                        status,
                        ..Reply::decode(reply, "update", &request.path)
                    };
                }
            }
        }
        self.send(request).await
    }

    /// `resolve-path`: the path to go on with, or what the client gets instead.
    async fn resolve(&self, request: &pb::Request) -> Result<String, Reply> {
        let question = pb::Request {
            operation: "resolve-path".to_owned(),
            path: request.path.clone(),
            data: request.data.clone(),
            mount_point: request.mount_point.clone(),
            ..pb::Request::default()
        };
        let reply = self.send(question).await;
        match (reply.error_type, &reply.data["path"]) {
            (Some(5 | 6), _) | (None, Value::Null) => Ok(request.path.clone()),
            (Some(_), _) => Err(reply),
            (None, Value::String(path)) => Ok(path.trim_start_matches('/').to_owned()),
            (None, other) => panic!("a path that is not a string: {other}"),
        }
    }

    /// `HandleExistenceCheck` for a request, with the operation the server gives it.
    pub async fn exists(&self, request: pb::Request) -> pb::HandleExistenceCheckReply {
        let request = pb::Request {
            operation: "update".to_owned(),
            ..request
        };
        let arguments = pb::HandleExistenceCheckArgs {
            storage_id: 0,
            request: Some(Box::new(request)),
        };
        self.client()
            .handle_existence_check(with_id(&self.id, arguments))
            .await
            .unwrap()
            .into_inner()
    }

    /// GET.
    pub async fn read(&self, path: &str) -> Reply {
        self.handle(self.request("read", path, &Value::Null)).await
    }

    /// PUT or POST.
    pub async fn write(&self, path: &str, data: Value) -> Reply {
        self.handle(self.request("update", path, &data)).await
    }

    /// LIST; the server adds the slash.
    pub async fn list(&self, path: &str) -> Reply {
        let path = format!("{}/", path.trim_end_matches('/'));
        self.handle(self.request("list", &path, &Value::Null)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.handle(self.request("delete", path, &Value::Null)).await
    }

    /// The help of a path; `""` is the mount's own. The document is in `data["openapi"]`.
    pub async fn help(&self, path: &str) -> Reply {
        self.send(self.request("help", path, &Value::Null)).await
    }

    /// What the server does every minute.
    pub async fn rollback(&self) -> Reply {
        self.rollback_with(Value::Null).await
    }

    /// The same for everything that waits, however young.
    pub async fn rollback_now(&self) -> Reply {
        self.rollback_with(json!({"immediate": true})).await
    }

    async fn rollback_with(&self, data: Value) -> Reply {
        let request = pb::Request {
            id: String::new(),
            connection: None,
            ..self.request("rollback", "", &data)
        };
        self.send(request).await
    }

    /// Renews a lease by so many seconds.
    pub async fn renew(&self, lease: &Lease, increment: i64) -> Reply {
        self.send(self.lease_request("renew", lease, increment)).await
    }

    /// Revokes a lease.
    pub async fn revoke(&self, lease: &Lease) -> Reply {
        self.send(self.lease_request("revoke", lease, 0)).await
    }

    fn lease_request(&self, operation: &str, lease: &Lease, increment: i64) -> pb::Request {
        let mut secret = lease.secret.clone();
        let options = secret.lease_options.get_or_insert_default();
        options.increment = increment * 1_000_000_000;
        if operation == "revoke" {
            secret.lease_id = format!("alicloud/{}/abc", lease.path);
        }
        pb::Request {
            secret: Some(Box::new(secret)),
            ..self.request(operation, &lease.path, &lease.data)
        }
    }

    /// A login, as an unauthenticated client does it.
    pub async fn login(&self, data: Value) -> Reply {
        let request = pb::Request {
            unauthenticated: true,
            ..self.request("update", "login", &data)
        };
        self.handle(request).await
    }

    /// The question for the role of a login.
    pub async fn resolve_role(&self, data: Value) -> Reply {
        let reply = self.send(self.request("resolve-role", "login", &data)).await;
        let role = &reply.data["role"];
        assert!(
            reply.status != 200 || role.is_string(),
            "a role that is no string kills the host: {role}"
        );
        reply
    }

    /// Renews a token by so many seconds.
    pub async fn renew_token(&self, token: &Auth, increment: i64) -> Reply {
        let mut auth = token.auth.clone();
        auth.display_name = format!("alicloud-{}", auth.display_name);
        auth.lease_options.get_or_insert_default().increment = increment * 1_000_000_000;
        let request = pb::Request {
            auth: Some(Box::new(auth)),
            ..self.request("renew", "login", &Value::Null)
        };
        self.send(request).await
    }

    /// The answer of `Type`.
    pub async fn kind_number(&self) -> u32 {
        self.client()
            .r#type(with_id(&self.id, pb::Empty {}))
            .await
            .unwrap()
            .into_inner()
            .r#type
    }

    /// The answer of `SpecialPaths`.
    pub async fn special_paths(&self) -> pb::Paths {
        let reply = self
            .client()
            .special_paths(with_id(&self.id, pb::Empty {}))
            .await
            .unwrap()
            .into_inner();
        reply.paths.expect("special paths, if only empty ones")
    }

    /// The answer of `Version`.
    pub async fn version(&self) -> String {
        let mut client = logical::plugin_version_client::PluginVersionClient::new(self.channel.clone());
        client
            .version(with_id(&self.id, logical::Empty {}))
            .await
            .unwrap()
            .into_inner()
            .plugin_version
    }

    /// Tells that a key was changed by another node.
    pub async fn invalidate(&self, key: &str) {
        let arguments = pb::InvalidateKeyArgs { key: key.to_owned() };
        self.client()
            .invalidate_key(with_id(&self.id, arguments))
            .await
            .unwrap();
    }

    /// Runs `Initialize`; gives the error's text.
    pub async fn initialize(&self) -> Result<(), String> {
        let reply = self
            .client()
            .initialize(with_id(&self.id, pb::InitializeArgs {}))
            .await;
        match reply.map(|reply| reply.into_inner().err) {
            Ok(None) => Ok(()),
            Ok(Some(error)) => Err(error.err_msg),
            Err(status) => Err(status.to_string()),
        }
    }

    /// Unmounts: the rest of the calls with this id should fail.
    pub async fn cleanup(&self) {
        self.client()
            .cleanup(with_id(&self.id, pb::Empty {}))
            .await
            .unwrap();
    }

    /// Storage calls from now on take so long.
    pub fn slow(&self, delay: Duration) {
        self.storage.delay(delay);
    }
}
