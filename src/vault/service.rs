//! The backend service: each call finds its mount and is served by the mount's backend.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::convert;
use super::generated::pb;
use super::generated::pb::backend_server::Backend as BackendService;
use super::instances::{Instance, Instances};
use super::multiplex::mount_id;
use super::plugin::Plugin;
use super::requests::run;
use super::storage::HostStorage;
use super::system::HostSystem;
use crate::cloud::{Deadline, SystemClock, budget};
use crate::framework::{self, BackendKind, Collect, Context, Operation, Services};
use crate::goplugin::Broker;

/// The numbers of `logical.BackendType`.
const TYPE_SECRETS: u32 = 1;
const TYPE_AUTH: u32 = 2;

pub(super) struct Service {
    plugin: Plugin,
    broker: Broker,
    instances: Arc<Instances>,
    process: Arc<dyn Collect>,
}

impl Service {
    pub(super) fn new(
        plugin: Plugin,
        broker: Broker,
        instances: Arc<Instances>,
        process: Arc<dyn Collect>,
    ) -> Self {
        Self {
            plugin,
            broker,
            instances,
            process,
        }
    }

    /// What kind of backend the host means. It says so at every mount; only registration without a type does not.
    fn kind(&self, config: &HashMap<String, String>) -> BackendKind {
        match config.get("plugin_type").map(String::as_str) {
            Some("auth") => BackendKind::Auth,
            Some("secret") => BackendKind::Secrets,
            _ => self.plugin.fallback_kind,
        }
    }

    async fn set_up(&self, id: String, arguments: pb::SetupArgs) -> Result<(), String> {
        let channel = self
            .broker
            .dial(arguments.broker_id)
            .await
            .map_err(|error| error.to_string())?;
        let backend = (self.plugin.factory)(self.kind(&arguments.config), &arguments.backend_uuid);
        tracing::debug!(kind = ?backend.kind(), mount = arguments.backend_uuid, "mount set up");
        self.instances.insert(
            id,
            Instance {
                backend,
                services: Services {
                    storage: Arc::new(HostStorage::new(channel.clone())),
                    system: Arc::new(HostSystem::new(channel, self.plugin.product)),
                    clock: Arc::new(SystemClock),
                    resolves_paths: Arc::default(),
                    process: Arc::clone(&self.process),
                },
                refused_logins: Arc::default(),
                gone: CancellationToken::new(),
            },
        );
        Ok(())
    }
}

#[tonic::async_trait]
impl BackendService for Service {
    async fn handle_request(
        &self,
        _: Request<pb::HandleRequestArgs>,
    ) -> Result<Response<pb::HandleRequestReply>, Status> {
        Err(not_admitted())
    }

    async fn handle_existence_check(
        &self,
        _: Request<pb::HandleExistenceCheckArgs>,
    ) -> Result<Response<pb::HandleExistenceCheckReply>, Status> {
        Err(not_admitted())
    }

    async fn special_paths(
        &self,
        request: Request<pb::Empty>,
    ) -> Result<Response<pb::SpecialPathsReply>, Status> {
        let instance = self.instances.get(&mount_id(request.metadata())?)?;
        let special = instance.backend.special_paths();
        Ok(Response::new(pb::SpecialPathsReply {
            paths: Some(pb::Paths {
                root: special.root_protected.clone(),
                unauthenticated: special.unauthenticated.clone(),
                seal_wrap_storage: special.seal_wrapped.clone(),
                ..pb::Paths::default()
            }),
        }))
    }

    async fn cleanup(&self, request: Request<pb::Empty>) -> Result<Response<pb::Empty>, Status> {
        self.instances.remove(&mount_id(request.metadata())?);
        Ok(Response::new(pb::Empty {}))
    }

    async fn invalidate_key(
        &self,
        request: Request<pb::InvalidateKeyArgs>,
    ) -> Result<Response<pb::Empty>, Status> {
        // Backends keep nothing of their storage: they read it at each request, so a change of another node counts.
        self.instances.get(&mount_id(request.metadata())?)?;
        Ok(Response::new(pb::Empty {}))
    }

    async fn setup(&self, request: Request<pb::SetupArgs>) -> Result<Response<pb::SetupReply>, Status> {
        let id = mount_id(request.metadata())?;
        let err = self
            .set_up(id, request.into_inner())
            .await
            .err()
            .unwrap_or_default();
        if !err.is_empty() {
            tracing::error!(event = "mount_setup_failed", err, "a mount cannot be set up");
        }
        Ok(Response::new(pb::SetupReply { err }))
    }

    async fn initialize(
        &self,
        request: Request<pb::InitializeArgs>,
    ) -> Result<Response<pb::InitializeReply>, Status> {
        let instance = self.instances.get(&mount_id(request.metadata())?)?;
        let initialized = run(&instance, false, |instance, cancelled| async move {
            let request = framework::Request::new(Operation::Initialize, "");
            let deadline = Deadline::after(budget::REQUEST);
            let context = Context::new(request, instance.services.clone(), deadline, cancelled);
            instance.backend.handle(context).await
        });
        let err = initialized.await.err();
        if let Some(error) = &err {
            tracing::error!(event = "mount_initialize_failed", %error, "a mount cannot be initialized");
        }
        Ok(Response::new(pb::InitializeReply {
            err: err.as_ref().map(convert::proto_error),
        }))
    }

    async fn r#type(&self, request: Request<pb::Empty>) -> Result<Response<pb::TypeReply>, Status> {
        let kind = match self.instances.get(&mount_id(request.metadata())?) {
            Ok(instance) => instance.backend.kind(),
            Err(_) => self.plugin.fallback_kind,
        };
        let r#type = match kind {
            BackendKind::Secrets => TYPE_SECRETS,
            BackendKind::Auth => TYPE_AUTH,
        };
        Ok(Response::new(pb::TypeReply { r#type }))
    }
}

/// A call that carries a request does not come here: [`Intake`](super::intake::Intake) admits and answers it.
fn not_admitted() -> Status {
    Status::internal("the call was not admitted")
}
