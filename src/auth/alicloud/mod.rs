//! The AliCloud auth method.
use crate::alicloud::Client;
use crate::framework::{Backend, BackendKind};

/// The backend of one mount.
#[must_use]
pub fn backend(_client: Client) -> Backend {
    Backend::new(BackendKind::Auth, "")
}
