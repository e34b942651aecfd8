//! What the program tells the services about itself.

use std::sync::Arc;

use crate::framework::{Backend, BackendKind, Product};

/// Makes the backend of one mount, given the server's id for it. The id stays when the mount is moved, and is blank while
/// the plugin is only registered.
type Factory = dyn Fn(BackendKind, &str) -> Backend + Send + Sync;

/// What the services need to know.
#[derive(Clone)]
pub struct Plugin {
    /// Makes the backends.
    pub factory: Arc<Factory>,
    /// The kind of a mount whose host does not say it: only while a plugin is registered without a type.
    pub fallback_kind: BackendKind,
    /// Which server the host is.
    pub product: Product,
    /// The version with its leading `v`, as operators type it.
    pub version: &'static str,
}
