//! What the host tells about itself and the mount.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use crate::framework::error::Error;

/// The host's view of the mount. Limits can change at any time, so nothing here is kept.
#[async_trait]
pub trait SystemView: Send + Sync {
    /// The mount's default lease TTL.
    async fn default_lease_ttl(&self) -> Result<Duration, SystemError>;
    /// The mount's maximum lease TTL.
    async fn max_lease_ttl(&self) -> Result<Duration, SystemError>;
    /// The node's part in replication.
    async fn replication_state(&self) -> Result<ReplicationState, SystemError>;
    /// Whether the mount is local to its cluster.
    async fn local_mount(&self) -> Result<bool, SystemError>;
    /// The host's version, for the OpenAPI document.
    async fn host_version(&self) -> Result<String, SystemError>;
    /// An entity by its id, if there is one.
    async fn entity(&self, id: &str) -> Result<Option<Entity>, SystemError>;
    /// The names of the groups that an entity is in, directly or by another group.
    async fn groups_of_entity(&self, id: &str) -> Result<Vec<String>, SystemError>;
    /// Which server the host is.
    fn product(&self) -> Product;
}

/// What the host knows of whom a token belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entity {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Metadata that operators have given it.
    pub metadata: BTreeMap<String, String>,
    /// By what auth methods know it.
    pub aliases: Vec<EntityAlias>,
}

/// By what one mount of an auth method knows an entity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityAlias {
    /// Of the mount.
    pub mount_accessor: String,
    /// The name.
    pub name: String,
    /// What the latest login wrote, whichever token is used.
    pub metadata: BTreeMap<String, String>,
}

/// The servers that speak this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// OpenBao.
    OpenBao,
    /// HashiCorp Vault.
    Vault,
}

impl Product {
    /// The title of its OpenAPI document.
    pub fn api_title(self) -> &'static str {
        match self {
            Self::OpenBao => "OpenBao API",
            Self::Vault => "HashiCorp Vault API",
        }
    }
}

/// The host did not answer a question about itself.
#[derive(Debug, thiserror::Error)]
#[error("the server did not answer {question}: {reason}")]
pub struct SystemError {
    /// Which call.
    pub question: &'static str,
    /// The host's own words.
    pub reason: String,
}

impl From<SystemError> for Error {
    fn from(error: SystemError) -> Self {
        Self::internal(error.to_string())
    }
}

/// Bit set of Vault's `consts.ReplicationState`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplicationState(pub i32);

impl ReplicationState {
    const PERFORMANCE_SECONDARY: i32 = 1 << 6;
    const PERFORMANCE_STANDBY: i32 = 1 << 14;

    /// Whether the node leaves every change to its cluster's active node.
    pub fn is_standby(self) -> bool {
        self.0 & Self::PERFORMANCE_STANDBY != 0
    }

    /// Whether the cluster leaves changes of replicated mounts to its primary.
    pub fn is_performance_secondary(self) -> bool {
        self.0 & Self::PERFORMANCE_SECONDARY != 0
    }
}
