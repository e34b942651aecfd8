//! A request as the host sends it, and the context that a handler runs in.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::response::{Auth, Secret};
use super::storage::Storage;
use super::system::SystemView;
use super::wipe::wipe;

/// What the host asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// A login's entity alias, without the login.
    AliasLookahead,
    /// A write to something that the existence check did not find.
    Create,
    /// DELETE.
    Delete,
    /// Help text and OpenAPI document.
    Help,
    /// LIST.
    List,
    /// GET.
    Read,
    /// Longer life for a lease or a token.
    Renew,
    /// The canonical form of a path, asked before the host's policy check.
    ResolvePath,
    /// The role that a login names.
    ResolveRole,
    /// The end of a lease.
    Revoke,
    /// The host's tick, about once a minute.
    Rollback,
    /// A write.
    Update,
    /// Anything this framework does not know. New hosts add operations.
    Unknown,
}

/// One request.
#[derive(Clone)]
pub struct Request {
    /// What is asked for.
    pub operation: Operation,
    /// Relative to the mount, no leading slash.
    pub path: String,
    /// Body or query parameters.
    pub data: Map<String, Value>,
    /// The lease, for [`Operation::Renew`] and [`Operation::Revoke`] of one.
    pub secret: Option<Secret>,
    /// The token's own record, for [`Operation::Renew`] of a token.
    pub auth: Option<Auth>,
    /// The caller's display name, such as `token` or `userpass-bob`.
    pub display_name: String,
    /// Where the backend is mounted, with a trailing slash.
    pub mount_point: String,
    /// The request's id, empty for requests of the host itself.
    pub id: String,
    /// The client's address as the host saw it.
    pub remote_address: Option<String>,
}

/// What a handler runs with: the request and the host's services.
#[derive(Clone)]
pub struct Context {
    /// The request.
    pub request: Arc<Request>,
    /// The mount's own storage.
    pub storage: Arc<dyn Storage>,
    /// What the host tells about itself and the mount.
    pub system: Arc<dyn SystemView>,
    cancelled: CancellationToken,
}

impl Operation {
    /// Reads the host's name for an operation.
    #[must_use]
    pub fn from_wire(name: &str) -> Self {
        match name {
            "alias-lookahead" => Self::AliasLookahead,
            "create" => Self::Create,
            "delete" => Self::Delete,
            "help" => Self::Help,
            "list" => Self::List,
            "read" => Self::Read,
            "renew" => Self::Renew,
            "resolve-path" => Self::ResolvePath,
            "resolve-role" => Self::ResolveRole,
            "revoke" => Self::Revoke,
            "rollback" => Self::Rollback,
            "update" => Self::Update,
            _ => Self::Unknown,
        }
    }
}

impl Request {
    /// A request with everything but operation and path empty.
    #[must_use]
    pub fn new(operation: Operation, path: impl Into<String>) -> Self {
        Self {
            operation,
            path: path.into(),
            data: Map::new(),
            secret: None,
            auth: None,
            display_name: String::new(),
            mount_point: String::new(),
            id: String::new(),
            remote_address: None,
        }
    }
}

/// The data may hold secrets: a key that is written, or the credentials of a lease.
impl Drop for Request {
    fn drop(&mut self) {
        wipe(&mut self.data);
    }
}

/// Without the data: it may hold secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("operation", &self.operation)
            .field("path", &self.path)
            .field("id", &self.id)
            .field("mount_point", &self.mount_point)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// A context for one request. `cancelled` fires when the caller has gone away.
    pub fn new(
        request: Request,
        storage: Arc<dyn Storage>,
        system: Arc<dyn SystemView>,
        cancelled: CancellationToken,
    ) -> Self {
        Self {
            request: Arc::new(request),
            storage,
            system,
            cancelled,
        }
    }

    /// Waits for something as long as the caller does.
    pub async fn unless_cancelled<T>(&self, waiting: impl Future<Output = T>) -> Result<T, Error> {
        self.cancelled
            .run_until_cancelled(waiting)
            .await
            .ok_or_else(cancelled)
    }

    /// Fails when the caller has gone away. Asked between the steps of a change in the cloud, so that nothing is
    /// made for nobody.
    pub fn check_cancelled(&self) -> Result<(), Error> {
        if self.cancelled.is_cancelled() {
            return Err(cancelled());
        }
        Ok(())
    }
}

fn cancelled() -> Error {
    Error::internal("the request was cancelled")
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
