//! What the paths of one mount share.

use std::fmt;
use std::sync::Arc;

use super::used_signatures::UsedSignatures;
use crate::cloud::Client;
use crate::framework::NamedLocks;

/// What OpenAPI operation ids begin with. Generated clients depend on it.
pub(super) const OPERATION_PREFIX: &str = "ali-cloud";

/// What the paths of one mount share.
pub(super) struct Method {
    pub(super) client: Client,
    /// One writer at a time for each role and for the configuration.
    pub(super) locks: NamedLocks,
    /// Of all mounts of this process.
    pub(super) used_signatures: Arc<UsedSignatures>,
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method").finish_non_exhaustive()
    }
}
