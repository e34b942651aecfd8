//! What one mount of an engine keeps for its leases.

use std::sync::Arc;

use crate::framework::NamedLocks;
use crate::secrets::lease::binding::BindOnce;
use crate::secrets::lease::orphans::OrphanMetrics;
use crate::secrets::lease::owner_tag::OwnerTag;

/// What one mount keeps for its leases.
#[derive(Debug, Default)]
pub struct Mount {
    /// Which users this mount made, if the server gave the mount an id.
    pub owner_tag: Option<OwnerTag>,
    /// What binds leases that do not say their account.
    pub binding: BindOnce,
    /// Counts of orphans.
    pub orphans: Arc<OrphanMetrics>,
    /// One at a time works on a lease record.
    pub(super) locks: NamedLocks,
}

impl Mount {
    /// For the mount with this id of the server's, blank while there is none.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            owner_tag: OwnerTag::of_mount(id),
            ..Self::default()
        }
    }
}
