//! A backend as data, and the dispatch of requests to it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::class::RequestClass;
use super::error::Error;
use super::forward::{Forwarding, is_read_only};
use super::handler::{Bound, Handler, bound};
use super::help;
use super::kind::{BackendKind, SpecialPaths};
use super::metrics::{self, Collect, MountMetrics, Registry};
use super::openapi;
use super::path::{DisplayAttributes, HandlerResult, Path};
use super::pattern::Captures;
use super::request::{Context, Operation, Request, Services};
use super::response::{Auth, Response, object};
use super::schedule::{Job, Schedule};
use super::secret::{Lease, SecretType};
use super::serve::{collect, serve};
use super::tick::Tick;
use super::wal_rollback::WalRollback;

/// A secrets engine or auth method.
pub struct Backend {
    kind: BackendKind,
    help: &'static str,
    paths: Vec<Path>,
    special: SpecialPaths,
    secrets: Vec<SecretType>,
    wal: WalRollback,
    schedules: Vec<Arc<Schedule>>,
    initialize: Option<Bound<(), Result<(), Error>>>,
    auth_renew: Option<Bound<Auth, HandlerResult>>,
    forwarding: Forwarding,
    metrics: Arc<MountMetrics>,
    registry: Arc<Registry>,
}

impl Backend {
    /// A backend without paths. `help` is shown by `path-help` on the mount.
    pub fn new(kind: BackendKind, help: &'static str) -> Self {
        let metrics = Arc::new(MountMetrics::new(kind));
        let registry = Arc::<Registry>::default();
        registry.add(metrics.clone());
        Self {
            kind,
            help,
            paths: Vec::new(),
            special: SpecialPaths::default(),
            secrets: Vec::new(),
            wal: WalRollback::default(),
            schedules: Vec::new(),
            initialize: None,
            auth_renew: None,
            forwarding: Forwarding::default(),
            metrics,
            registry,
        }
    }

    /// Adds a path. The first one that matches a request serves it.
    pub fn path(mut self, path: Path) -> Self {
        self.paths.push(path.compact());
        self
    }

    /// Adds the path `metrics`. `display` is what the engine's OpenAPI operation ids begin with.
    pub fn metrics_path(self, display: DisplayAttributes) -> Self {
        let path = metrics::path(display, &self.registry);
        self.path(path)
    }

    /// Adds metrics of the engine's own to those that the path shows.
    pub fn metrics(self, metrics: Arc<dyn Collect>) -> Self {
        self.registry.add(metrics);
        self
    }

    /// Sets the paths that the host treats specially.
    pub fn special(mut self, special: SpecialPaths) -> Self {
        self.special = special;
        self
    }

    /// Adds a lease type.
    pub fn secret(mut self, secret: SecretType) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Adds a kind of WAL entry and what rolls it back, given the data of the entry. An entry that it fails on stays, and
    /// is tried again at a later tick; so does one whose kind no handler was added for. As with a [`Job`], several entries
    /// are worked on at the same time, and each may be cut off.
    pub fn wal<S, T>(
        mut self,
        kind: &'static str,
        state: &Arc<S>,
        rollback: impl Handler<S, T, Result<(), Error>>,
    ) -> Self
    where
        S: Send + Sync + 'static,
        T: DeserializeOwned + 'static,
    {
        if self.wal.is_empty() {
            self.registry.add(self.wal.metrics.clone());
        }
        self.wal.add(kind, state, rollback);
        self
    }

    /// Adds a job that runs at ticks of the host, which come about once a minute: when the last run went through all of its
    /// entries that long ago, and at the next tick when it did not.
    pub fn schedule(mut self, name: &'static str, every: Duration, job: Arc<dyn Job>) -> Self {
        let schedule = Arc::new(Schedule::new(name, every, job));
        self.registry.add(schedule.clone());
        self.schedules.push(schedule);
        self
    }

    /// Sets what is done when the host has set the mount up: once a process, after an unseal or a step-up too, on every
    /// node. The mount serves no request before it ends, and its failure fails the mount.
    pub fn initialize<S>(mut self, state: &Arc<S>, hook: impl Handler<S, (), Result<(), Error>>) -> Self
    where
        S: Send + Sync + 'static,
    {
        self.initialize = Some(bound(state, hook));
        self
    }

    /// Sets what renews a token.
    pub fn auth_renew<S>(mut self, state: &Arc<S>, renew: impl Handler<S, Auth, HandlerResult>) -> Self
    where
        S: Send + Sync + 'static,
    {
        self.auth_renew = Some(bound(state, renew));
        self
    }

    /// Secrets engine or auth method.
    pub fn kind(&self) -> BackendKind {
        self.kind
    }

    /// The paths that the host treats specially.
    pub fn special_paths(&self) -> &SpecialPaths {
        &self.special
    }

    /// The class of a request.
    pub fn class(&self, operation: Operation, path: &str) -> RequestClass {
        match operation {
            Operation::Help | Operation::ResolvePath | Operation::ResolveRole => RequestClass::Static,
            Operation::Renew | Operation::Initialize => RequestClass::Storage,
            Operation::Revoke => RequestClass::Revoke,
            Operation::Rollback => RequestClass::Tick,
            _ if self.is_unauthenticated(path) => RequestClass::Login,
            _ => self
                .route(path)
                .ok()
                .and_then(|(path, _)| path.operation(operation))
                .map_or(RequestClass::Storage, |spec| spec.class),
        }
    }

    fn is_unauthenticated(&self, path: &str) -> bool {
        self.special.unauthenticated.iter().any(|open| open == path)
    }

    /// Serves a request.
    pub async fn handle(&self, context: Context) -> HandlerResult {
        match context.request.operation {
            Operation::Help => self.help(&context).await,
            Operation::Renew => {
                let request = Arc::clone(&context.request);
                self.counted(RequestClass::Storage, &request, self.renew(context))
                    .await
            }
            Operation::ResolvePath => self.resolve_path(&context.services, &context.request.path),
            Operation::Revoke => {
                let request = Arc::clone(&context.request);
                self.counted(RequestClass::Revoke, &request, self.revoke(context))
                    .await
            }
            Operation::Rollback => self.tick(context).await,
            Operation::Initialize => match &self.initialize {
                Some(hook) => hook(context, ()).await.map(|()| None),
                None => Ok(None),
            },
            // Never an answer: a host that lets anybody ask it would take the alias for a login.
            Operation::AliasLookahead | Operation::Unknown => Err(Error::unsupported_operation()),
            operation => self.serve(context, operation).await,
        }
    }

    /// Whether a path tells create from update, so that what a write names has to be looked for.
    pub(crate) fn checks_existence(&self, path: &str) -> Result<bool, Error> {
        self.route(path).map(|(path, _)| path.existence.is_some())
    }

    /// Whether what a write names exists: `None` when the path does not tell create from update.
    pub async fn exists(&self, context: Context) -> Result<Option<bool>, Error> {
        let (path, captures) = self.route(&context.request.path)?;
        let Some(check) = &path.existence else {
            return Ok(None);
        };
        let collected = collect(path, &captures, &context)?;
        check(context, collected.values).await.map(Some)
    }

    fn route(&self, path: &str) -> Result<(&Path, Captures), Error> {
        self.paths
            .iter()
            .find_map(|candidate| {
                candidate
                    .pattern
                    .captures(path)
                    .map(|captures| (candidate, captures))
            })
            .ok_or_else(Error::unsupported_path)
    }

    async fn serve(&self, context: Context, operation: Operation) -> HandlerResult {
        let (path, captures) = self.route(&context.request.path)?;
        let spec = path
            .operation(operation)
            .ok_or_else(Error::unsupported_operation)?;
        let request = Arc::clone(&context.request);
        let class = if self.is_unauthenticated(&request.path) {
            RequestClass::Login
        } else {
            spec.class
        };
        let served = serve(&self.forwarding, path, &captures, spec, context);
        self.counted(class, &request, served).await
    }

    /// Serves a request, and counts how that ends.
    async fn counted(
        &self,
        class: RequestClass,
        request: &Request,
        served: impl Future<Output = HandlerResult>,
    ) -> HandlerResult {
        let result = served.await;
        if let Some(outcomes) = self.metrics.of(class, request) {
            outcomes.count(request, &result);
        }
        result
    }

    /// The canonical form of a path. Pure string work: the host asks this before it knows who the caller is.
    pub(crate) fn resolve_path(&self, services: &Services, path: &str) -> HandlerResult {
        services.host_asks_for_paths();
        let Ok((matched, _)) = self.route(path) else {
            return Err(Error::unsupported_operation());
        };
        let folded = matched.folded(path).ok_or_else(Error::unsupported_operation)?;
        Ok(Some(Response::data(object([("path", folded.into())]))))
    }

    async fn renew(&self, context: Context) -> HandlerResult {
        if let Some(lease) = Lease::of(&context.request) {
            return (SecretType::of(&self.secrets, &lease)?.renew)(context, lease).await;
        }
        match (&self.auth_renew, context.request.auth.clone()) {
            (Some(renew), Some(auth)) => renew(context, auth).await,
            (None, Some(_)) => Err(Error::bad_request("this backend does not renew tokens")),
            (_, None) => Err(Error::internal("a renewal must carry a lease or a token")),
        }
    }

    async fn revoke(&self, context: Context) -> HandlerResult {
        let lease =
            Lease::of(&context.request).ok_or_else(|| Error::internal("a revocation must carry a lease"))?;
        (SecretType::of(&self.secrets, &lease)?.revoke)(context, lease).await
    }

    /// The host's tick: all jobs and the WAL at the same time, sharing what may run concurrently.
    async fn tick(&self, context: Context) -> HandlerResult {
        if is_read_only(&context).await? {
            // OpenBao ticks standbys as well. They see storage late: what looks left behind there may have become a lease.
            self.wal.metrics.job.forget();
            for schedule in &self.schedules {
                schedule.runner.metrics.forget();
            }
            return Ok(None);
        }
        self.metrics.ticked(context.clock.now().unix_timestamp());
        let tick = Tick::new(context);
        let schedules = self.schedules.iter().map(|schedule| schedule.run(&tick));
        join(self.wal.run(&tick), join_all(schedules)).await;
        Ok(None)
    }

    async fn help(&self, context: &Context) -> HandlerResult {
        let request = &context.request;
        let version = context
            .system
            .host_version()
            .await
            .unwrap_or_else(|_| "unknown".to_owned());
        let info = openapi::DocumentInfo {
            title: context.system.product().api_title(),
            version: &version,
            kind: self.kind,
            default_prefix: request.data.get("requestResponsePrefix").and_then(Value::as_str),
        };
        let (help, document) = if request.path.is_empty() {
            let paths: Vec<&Path> = self.paths.iter().collect();
            (
                help::root_help(self.help, &self.paths),
                openapi::document(&paths, &self.special, &info),
            )
        } else {
            let (path, _) = self.route(&request.path)?;
            (
                help::path_help(path, &request.path),
                openapi::document(&[path], &self.special, &info),
            )
        };
        Ok(Some(Response::data(object([
            ("help", help.into()),
            ("openapi", document),
            ("see_also", Value::Null),
        ]))))
    }
}

#[cfg(test)]
mod tests;
