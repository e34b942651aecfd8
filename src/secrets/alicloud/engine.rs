//! What the paths of one mount share.

use crate::alicloud::Client;
use crate::framework::{DisplayAttributes, NamedLocks};
use crate::secrets::alicloud::accounts::Accounts;
use crate::secrets::alicloud::credentials::MountCredentials;
use crate::secrets::alicloud::rotation::RootRotation;
use crate::secrets::alicloud::static_roles::StaticRoles;
use crate::secrets::lease::Mount;

/// What OpenAPI operation ids begin with. Generated clients depend on it.
pub(super) const OPERATIONS: DisplayAttributes = DisplayAttributes::prefix("ali-cloud");

/// What the paths of one mount share.
pub(super) struct Engine {
    pub(super) client: Client,
    pub(super) credentials: MountCredentials,
    /// One writer at a time for each role, for the configuration, and for the keys of each user of a static role.
    pub(super) locks: NamedLocks,
    pub(super) accounts: Accounts,
    pub(super) mount: Mount,
    pub(super) root: RootRotation,
    pub(super) static_roles: StaticRoles,
}
