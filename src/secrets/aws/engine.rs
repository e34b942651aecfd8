//! What the paths of one mount share.

use std::fmt;
use std::sync::Arc;

use crate::cloud::Client;
use crate::framework::{DisplayAttributes, NamedLocks};
use crate::secrets::aws::accounts::Accounts;
use crate::secrets::lease::{BindOnce, OrphanMetrics, OwnerTag};

/// What OpenAPI operation ids begin with.
pub(super) const OPERATIONS: DisplayAttributes = DisplayAttributes::prefix("aws");

/// What the paths of one mount share.
pub(super) struct Engine {
    pub(super) client: Client,
    /// One at a time works on a lease record.
    pub(super) locks: NamedLocks,
    /// Which users this mount made, if the server gave the mount an id.
    pub(super) owner_tag: Option<OwnerTag>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) binding: Arc<BindOnce>,
    pub(super) orphans: Arc<OrphanMetrics>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
