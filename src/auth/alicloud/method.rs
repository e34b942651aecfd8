//! What the paths of one mount share.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::binding::Caller;
use super::config::Config;
use super::role_tags::RoleTags;
use super::tag::Tags;
use super::used_signatures::UsedSignatures;
use crate::cloud::Client;
use crate::framework::{Context, DisplayAttributes, Error, NamedLocks};

/// What OpenAPI operation ids begin with. Generated clients depend on it.
pub(super) const OPERATIONS: DisplayAttributes = DisplayAttributes::prefix("ali-cloud");

/// What the paths of one mount share.
pub(super) struct Method {
    pub(super) client: Client,
    /// One writer at a time for each role and for the configuration.
    pub(super) locks: NamedLocks,
    /// Of all mounts of this process.
    pub(super) used_signatures: Arc<UsedSignatures>,
    pub(super) role_tags: RoleTags,
    /// For renewals that ask for tags. Renewals share the permits of requests that need only storage, of all mounts.
    pub(super) renewals: Semaphore,
}

/// Renewals of one mount that may wait for RAM at the same time.
pub(super) const RENEWALS: usize = 32;

impl Method {
    /// See [`RoleTags::of`].
    pub(super) async fn tags_of(
        &self,
        context: &Context,
        config: &Config,
        caller: Caller<'_>,
    ) -> Result<Option<Arc<Tags>>, Error> {
        self.role_tags.of(context, &self.client, config, caller).await
    }
}
