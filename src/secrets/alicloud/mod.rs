//! The AliCloud secrets engine: its table of contents, and what its paths share.
//!
//! | path | file |
//! |---|---|
//! | `config` | `path_config` |
//! | `role/<name>`, `role`, `roles` | `path_role` |
//! | `creds/<name>` | `path_creds` |
//! | `orphans`, `orphans/<user>` | `path_orphans` |
//! | leases of RAM users and STS sessions | `secret_credentials` |
//!
//! Paths, shapes, stored entries and leases are those of HashiCorp's `vault-plugin-secrets-alicloud`, so that either
//! plugin can take a mount over from the other.

mod cloud;
mod config;
mod credentials;
mod dynamic_user;
mod engine;
mod failure;
mod lease_record;
mod names;
mod owner_tag;
mod path_config;
mod path_creds;
mod path_orphans;
mod path_role;
mod policy_document;
mod propagation;
mod removal;
mod role;
mod secret_credentials;
mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::alicloud::Client;
use crate::alicloud::credentials::Sources;
use crate::framework::{Backend, BackendKind, NamedLocks, SpecialPaths};
use credentials::MountCredentials;
use engine::Engine;
use lease_record::CleanUp;
use owner_tag::OwnerTag;

#[cfg(fuzzing)]
pub use path_role::fuzzing;

/// What OpenAPI operation ids begin with. Generated clients depend on it.
const OPERATION_PREFIX: &str = "ali-cloud";

const HELP: &str = "
The AliCloud secrets engine makes short-lived credentials for Alibaba Cloud: access keys of RAM users that it makes
for the purpose, with the policies that a role names, or STS credentials of a RAM role.

After mounting it, give it credentials of its own at the \"config\" path, write roles at \"role/<name>\", and read
credentials from \"creds/<name>\". They are revoked when their lease ends. Users that no lease owns are listed at
\"orphans\".
";

/// The backend of one mount. `client` and `sources` are shared by all mounts of the process; `mount` is the server's id for
/// this one, blank while there is none.
#[must_use]
pub fn backend(client: Client, sources: Arc<Sources>, mount: &str) -> Backend {
    let engine = Arc::new(Engine {
        client,
        credentials: MountCredentials::new(sources),
        locks: NamedLocks::default(),
        owner_tag: OwnerTag::of_mount(mount),
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
        .path(path_orphans::list_path(&engine))
        .path(path_orphans::path(&engine))
        .secret(secret_credentials::secret(&engine))
        .wal(dynamic_user::WAL_KIND, &engine, dynamic_user::roll_back)
        .schedule(
            "lease records",
            lease_record::SCAN_INTERVAL,
            Arc::new(CleanUp::new(&engine)),
        )
}
