//! What the paths of one mount share.

use std::fmt;
use std::sync::Arc;

use crate::alicloud::{Client, Clock};
use crate::framework::NamedLocks;

/// What the paths of one mount share.
pub(super) struct Method {
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
    /// One writer at a time for each role and for the configuration.
    pub(super) locks: NamedLocks,
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method").finish_non_exhaustive()
    }
}
