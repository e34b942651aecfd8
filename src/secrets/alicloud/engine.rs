//! What the paths of one mount share.

use std::fmt;

use super::credentials::MountCredentials;
use super::owner_tag::OwnerTag;
use crate::alicloud::Client;
use crate::framework::NamedLocks;

/// What the paths of one mount share.
pub(super) struct Engine {
    pub(super) client: Client,
    pub(super) credentials: MountCredentials,
    /// One writer at a time for each role and for the configuration.
    pub(super) locks: NamedLocks,
    /// What this mount's users carry, if the server gave the mount an id.
    pub(super) owner_tag: Option<OwnerTag>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
