//! What the paths of one mount share.

use std::sync::Arc;

use crate::cloud::Client;
use crate::framework::DisplayAttributes;
use crate::secrets::aws::accounts::Accounts;
use crate::secrets::lease::Mount;

/// What OpenAPI operation ids begin with.
pub(super) const OPERATIONS: DisplayAttributes = DisplayAttributes::prefix("aws");

/// What the paths of one mount share.
pub(super) struct Engine {
    pub(super) client: Client,
    pub(super) accounts: Arc<Accounts>,
    pub(super) mount: Arc<Mount>,
}
