//! What the paths of one mount share.

use std::fmt;

use crate::alicloud::Client;
use crate::framework::NamedLocks;
use crate::secrets::alicloud::accounts::Accounts;
use crate::secrets::alicloud::credentials::MountCredentials;
use crate::secrets::lease::{BindOnce, OwnerTag};

/// What OpenAPI operation ids begin with. Generated clients depend on it.
pub(super) const OPERATION_PREFIX: &str = "ali-cloud";

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
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
