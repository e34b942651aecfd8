//! The AliCloud secrets engine: its table of contents, and what its paths share.
//!
//! | path | file |
//! |---|---|
//! | `config` | `path_config` |
//! | `role/<name>`, `role`, `roles` | `path_role` |
//! | `creds/<name>` | `path_creds` |
//! | leases of RAM users and STS sessions | `secret_credentials` |
//!
//! Paths, shapes, stored entries and leases are those of HashiCorp's `vault-plugin-secrets-alicloud`, so that either
//! plugin can take a mount over from the other.

mod cloud;
mod config;
mod dynamic_user;
mod failure;
mod names;
mod path_config;
mod path_creds;
mod path_role;
mod policy_document;
mod removal;
mod role;
mod secret_credentials;
mod session;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::alicloud::Client;
use crate::alicloud::credentials::Chain;
use crate::framework::{Backend, BackendKind, NamedLocks, SpecialPaths};

#[cfg(fuzzing)]
pub use path_role::fuzzing;

/// What OpenAPI operation ids begin with. Generated clients depend on it.
const OPERATION_PREFIX: &str = "ali-cloud";

const HELP: &str = "
The AliCloud secrets engine makes short-lived credentials for Alibaba Cloud: access keys of RAM users that it makes
for the purpose, with the policies that a role names, or STS credentials of a RAM role.

After mounting it, give it credentials of its own at the \"config\" path, write roles at \"role/<name>\", and read
credentials from \"creds/<name>\". They are revoked when their lease ends.
";

/// What the paths of one mount share.
pub(super) struct Engine {
    client: Client,
    /// Where credentials come from when none are configured: environment, OIDC, instance metadata.
    ambient: Arc<Chain>,
    /// One writer at a time for each role and for the configuration.
    locks: NamedLocks,
}

/// The backend of one mount. `client` and `ambient` are shared by all mounts of the process.
#[must_use]
pub fn backend(client: Client, ambient: Arc<Chain>) -> Backend {
    let engine = Arc::new(Engine {
        client,
        ambient,
        locks: NamedLocks::default(),
    });
    Backend::new(BackendKind::Secrets, HELP)
        .special(SpecialPaths {
            unauthenticated: vec![],
            seal_wrapped: vec![config::STORAGE_KEY.to_owned()],
        })
        .path(path_config::path(&engine))
        .path(path_role::list_path(&engine))
        .path(path_role::path(&engine))
        .path(path_creds::path(&engine))
        .secret(secret_credentials::secret(&engine))
        .wal_rollback(&engine, dynamic_user::roll_back)
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
