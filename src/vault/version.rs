//! The version service. The host asks while the plugin is registered.

use tonic::{Request, Response, Status};

use super::generated::logical::plugin_version_server::PluginVersion;
use super::generated::logical::{Empty, VersionReply};
use super::multiplex::mount_id;

pub(super) struct Version {
    version: &'static str,
}

impl Version {
    pub(super) fn new(version: &'static str) -> Self {
        Self { version }
    }
}

#[tonic::async_trait]
impl PluginVersion for Version {
    async fn version(&self, request: Request<Empty>) -> Result<Response<VersionReply>, Status> {
        mount_id(request.metadata())?;
        Ok(Response::new(VersionReply {
            plugin_version: self.version.to_owned(),
        }))
    }
}
