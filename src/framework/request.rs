//! A request as the host sends it, and the context that a handler runs in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::bounded::{BoundedStorage, BoundedSystem};
use super::error::{Error, Status};
use super::metrics::{Collect, Families};
use super::response::{Auth, Secret};
use super::storage::Storage;
use super::system::SystemView;
use crate::cloud::{Clock, Deadline};

/// What the host asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// A login's entity alias, without the login. Always refused.
    AliasLookahead,
    /// A write to something that the existence check did not find.
    Create,
    /// DELETE.
    Delete,
    /// Help text and OpenAPI document.
    Help,
    /// The host has set the mount up. A call of its own in the protocol.
    Initialize,
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
    /// The text that `data` was read from, for fields that are handed on as they were sent; empty where there is none.
    pub body: String,
    /// The lease, for [`Operation::Renew`] and [`Operation::Revoke`] of one.
    pub secret: Option<Secret>,
    /// The token's own record, for [`Operation::Renew`] of a token.
    pub auth: Option<Auth>,
    /// The caller's display name, such as `token` or `userpass-bob`.
    pub display_name: String,
    /// The id of the entity that the caller's token belongs to, empty where it belongs to none.
    pub entity_id: String,
    /// Where the backend is mounted, with a trailing slash.
    pub mount_point: String,
    /// The request's id, empty for requests of the host itself.
    pub id: String,
    /// The client's address as the host saw it.
    pub remote_address: Option<String>,
}

/// What a handler runs with: the request, the host's services, the clock, and how long there is.
#[derive(Clone)]
pub struct Context {
    /// The request.
    pub request: Arc<Request>,
    /// The mount's own storage. Its calls fail when the deadline is over.
    pub storage: Arc<dyn Storage>,
    /// What the host tells about itself and the mount. Its calls fail when the deadline is over.
    pub system: Arc<dyn SystemView>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    pub(super) services: Services,
    deadline: Deadline,
    cancelled: CancellationToken,
}

/// What the host offers to a mount, without a deadline, and the clock.
#[derive(Clone)]
pub struct Services {
    /// The mount's own storage.
    pub storage: Arc<dyn Storage>,
    /// What the host tells about itself and the mount.
    pub system: Arc<dyn SystemView>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Whether the host has asked for the canonical form of a path of this mount. A host that asks does so before each
    /// request.
    pub resolves_paths: Arc<AtomicBool>,
    /// The metrics of the process, which all its mounts show.
    pub process: Arc<dyn Collect>,
}

impl Services {
    /// Notes that the host has asked for the canonical form of a path.
    pub(crate) fn host_asks_for_paths(&self) {
        self.resolves_paths.store(true, Ordering::Relaxed);
    }
}

impl Operation {
    /// Reads the host's name for an operation.
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
    pub fn new(operation: Operation, path: impl Into<String>) -> Self {
        Self {
            operation,
            path: path.into(),
            data: Map::new(),
            body: String::new(),
            secret: None,
            auth: None,
            display_name: String::new(),
            entity_id: String::new(),
            mount_point: String::new(),
            id: String::new(),
            remote_address: None,
        }
    }
}

impl Context {
    /// A context for one request. `cancelled` fires when the caller has gone away.
    pub fn new(
        request: impl Into<Arc<Request>>,
        services: Services,
        deadline: Deadline,
        cancelled: CancellationToken,
    ) -> Self {
        Self {
            request: request.into(),
            storage: Arc::new(BoundedStorage {
                storage: Arc::clone(&services.storage),
                deadline,
            }),
            system: Arc::new(BoundedSystem {
                system: Arc::clone(&services.system),
                deadline,
            }),
            clock: Arc::clone(&services.clock),
            services,
            deadline,
            cancelled,
        }
    }

    /// Whether this host asks for the canonical form of a path before its policy check. Where it does not, a policy that
    /// names a path is passed by every other spelling that the backend takes for it.
    pub fn host_resolves_paths(&self) -> bool {
        self.services.resolves_paths.load(Ordering::Relaxed)
    }

    /// Adds the metrics of the process.
    pub(super) fn collect_process(&self, families: &mut Families) {
        self.services.process.collect(families);
    }

    /// When the request must be over. Every wait, retry and nested call takes the earlier of its own limit and this.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// The same request for a part of its work, which may take this long, and no longer than the request.
    pub fn within(&self, budget: Duration) -> Self {
        Self::new(
            Arc::clone(&self.request),
            self.services.clone(),
            self.deadline.within(budget),
            self.cancelled.clone(),
        )
    }

    /// The same request for an undo: with a budget that begins now, and that goes on when the caller has gone away.
    pub fn for_undo(&self, budget: Duration) -> Self {
        Self::new(
            Arc::clone(&self.request),
            self.services.clone(),
            Deadline::after(budget),
            CancellationToken::new(),
        )
    }

    /// Waits for something as long as the caller does, and until the deadline.
    ///
    /// # Errors
    /// The caller has gone away, or the deadline is over. What was waited for is dropped.
    pub async fn unless_cancelled<T>(&self, waiting: impl Future<Output = T>) -> Result<T, Error> {
        self.cancelled
            .run_until_cancelled(self.deadline.run(waiting))
            .await
            .ok_or_else(cancelled)?
            .map_err(|_| out_of_time())
    }

    /// Fails when the caller has gone away or the deadline is over. Asked between the steps of a change in the cloud,
    /// so that nothing is made for nobody.
    ///
    /// # Errors
    /// As it says.
    pub fn check_cancelled(&self) -> Result<(), Error> {
        if self.cancelled.is_cancelled() {
            return Err(cancelled());
        }
        if self.deadline.remaining().is_zero() {
            return Err(out_of_time());
        }
        Ok(())
    }
}

fn cancelled() -> Error {
    Error::internal("the request was cancelled")
}

fn out_of_time() -> Error {
    Error::coded(
        Status::UNAVAILABLE,
        "the request exceeded the plugin's time limit and was aborted; try again later",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{FixedSystem, MemoryStorage, testing};

    fn context(budget: Duration, cancelled: &CancellationToken) -> Context {
        let services = testing::services(Arc::new(MemoryStorage::default()), FixedSystem::default());
        let request = Request::new(Operation::Read, "x");
        Context::new(request, services, Deadline::after(budget), cancelled.clone())
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_deadline_only_an_undo_goes_on() {
        let context = context(Duration::from_secs(10), &CancellationToken::new());
        context.check_cancelled().unwrap();
        let waited = tokio::time::Instant::now();
        let error = context
            .unless_cancelled(std::future::pending::<()>())
            .await
            .unwrap_err();
        assert_eq!(waited.elapsed(), Duration::from_secs(10));
        assert_eq!(error.kind(), crate::framework::Kind::Coded(Status::UNAVAILABLE));
        context.check_cancelled().unwrap_err();
        let nested = context.within(Duration::from_secs(60));
        assert_eq!(nested.deadline(), context.deadline());
        let undo = context.for_undo(Duration::from_secs(20));
        undo.check_cancelled().unwrap();
        undo.storage.put("a", vec![1]).await.unwrap();
    }

    #[tokio::test]
    async fn an_undo_goes_on_when_the_caller_has_gone() {
        let cancelled = CancellationToken::new();
        let context = context(Duration::from_secs(10), &cancelled);
        cancelled.cancel();
        context.check_cancelled().unwrap_err();
        context
            .unless_cancelled(std::future::pending::<()>())
            .await
            .unwrap_err();
        context
            .for_undo(Duration::from_secs(20))
            .check_cancelled()
            .unwrap();
    }
}
