//! The version service. The host asks while the plugin is registered.

use tonic::{Request, Response, Status};

use super::generated::logical::plugin_version_server::PluginVersion;
use super::generated::logical::{Empty, VersionReply};
use super::multiplex::mount_id;

/// With its leading `v`.
pub(super) struct Version(pub(super) &'static str);

#[tonic::async_trait]
impl PluginVersion for Version {
    async fn version(&self, request: Request<Empty>) -> Result<Response<VersionReply>, Status> {
        mount_id(request.metadata())?;
        Ok(Response::new(VersionReply {
            plugin_version: self.0.to_owned(),
        }))
    }
}
