//! What the paths of one mount share.

use std::sync::Arc;

use super::used_signatures::UsedSignatures;
use crate::cloud::Client;
use crate::framework::{DisplayAttributes, NamedLocks};

/// What OpenAPI operation ids begin with. Generated clients depend on it.
pub(super) const OPERATIONS: DisplayAttributes = DisplayAttributes::prefix("ali-cloud");

/// What the paths of one mount share.
pub(super) struct Method {
    pub(super) client: Client,
    /// One writer at a time for each role and for the configuration.
    pub(super) locks: NamedLocks,
    /// Of all mounts of this process.
    pub(super) used_signatures: Arc<UsedSignatures>,
}
