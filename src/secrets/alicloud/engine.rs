//! What the paths of one mount share.

use std::sync::Arc;

use crate::alicloud::Client;
use crate::framework::{DisplayAttributes, NamedLocks};
use crate::secrets::alicloud::accounts::Accounts;
use crate::secrets::alicloud::credentials::MountCredentials;
use crate::secrets::lease::{BindOnce, OrphanMetrics, OwnerTag};

/// What OpenAPI operation ids begin with. Generated clients depend on it.
pub(super) const OPERATIONS: DisplayAttributes = DisplayAttributes::prefix("ali-cloud");

/// What the paths of one mount share.
pub(super) struct Engine {
    pub(super) client: Client,
    pub(super) credentials: MountCredentials,
    /// One writer at a time for each role and for the configuration.
    pub(super) locks: NamedLocks,
    /// What this mount's users carry, if the server gave the mount an id.
    pub(super) owner_tag: Option<OwnerTag>,
    pub(super) accounts: Accounts,
    pub(super) binding: BindOnce,
    pub(super) orphans: Arc<OrphanMetrics>,
}
