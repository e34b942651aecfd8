//! A mount for unit tests.

use std::sync::Arc;

use super::UsedSignatures;
use crate::alicloud::credentials::Sources;
use crate::cloud::testing::Script;
use crate::framework::Backend;

/// A mount in an environment that offers no credentials.
pub(super) fn backend(script: &Script) -> Backend {
    let nothing = |name: &str| (name == "ALIBABA_CLOUD_ECS_METADATA_DISABLED").then(|| "true".to_owned());
    let client = script.client();
    let sources = Sources::new(&client, Arc::new(nothing));
    super::backend(client, &sources, Arc::new(UsedSignatures::new().unwrap()))
}
