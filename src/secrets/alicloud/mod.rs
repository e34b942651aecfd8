//! The AliCloud secrets engine: its table of contents, and what its paths share.
//!
//! | path | file |
//! |---|---|
//! | `config` | `config/` |
//! | `config/rotate-root` | `path_rotate_root`, `rotation/` |
//! | `config/ram-policy` | `path_ram_policy`, `permissions` |
//! | `role/<name>`, `role`, `roles` | `role/` |
//! | `creds/<name>` | `path_creds` |
//! | `static-roles/<name>`, `static-roles`, `static-creds/<name>`, `rotate-role/<name>` | `static_roles/` |
//! | `orphans`, `orphans/<user>` | `path_orphans` |
//! | `metrics` | `framework` |
//! | leases of RAM users and STS sessions | `lease` |
//!
//! Paths, shapes, stored entries and leases are those of HashiCorp's `vault-plugin-secrets-alicloud`, so that either
//! plugin can take a mount over from the other.

mod accounts;
mod cloud;
mod config;
mod credentials;
mod engine;
mod failure;
mod key_expiration;
mod lease;
mod names;
mod path_creds;
mod path_orphans;
mod path_ram_policy;
mod path_rotate_root;
mod permissions;
mod propagation;
mod ram_user;
mod removal;
mod renamed_user;
mod role;
mod rotation;
mod static_roles;
mod sts_session;
#[cfg(test)]
mod tests;
mod ttl;

use std::sync::Arc;

use crate::alicloud::Client;
use crate::alicloud::credentials::Sources;
use crate::framework::{Backend, BackendKind, CloudMetrics, NamedLocks, SpecialPaths};
use crate::secrets::lease::{Mount, register};
use accounts::Accounts;
use credentials::MountCredentials;
use engine::{Engine, OPERATIONS};
use rotation::{RootRotation, ScheduledRotation};
use static_roles::StaticRoles;

#[cfg(fuzzing)]
pub use role::fuzzing;

const HELP: &str = "
The AliCloud secrets engine makes short-lived credentials for Alibaba Cloud: access keys or API keys of RAM users that it
makes for the purpose, with the policies that a role names, or STS credentials of a RAM role.

After mounting it, give it credentials of its own at the \"config\" path, write roles at \"role/<name>\", and read
credentials from \"creds/<name>\". They are revoked when their lease ends. Users that no lease owns are listed at
\"orphans\".
";

/// The backend of one mount. `client` and `sources` are shared by all mounts of the process; `mount` is the server's id for
/// this one, blank while there is none.
#[must_use]
pub fn backend(client: Client, sources: Arc<Sources>, mount: &str) -> Backend {
    let calls = Arc::new(CloudMetrics::default());
    let engine = Arc::new(Engine {
        client: client.observed_by(calls.clone()),
        credentials: MountCredentials::new(sources),
        locks: NamedLocks::default(),
        accounts: Accounts::default(),
        mount: Mount::new(mount),
        root: RootRotation::default(),
        static_roles: StaticRoles::default(),
    });
    let backend = Backend::new(BackendKind::Secrets, HELP)
        .special(SpecialPaths {
            seal_wrapped: vec![
                config::STORAGE_KEY.to_owned(),
                static_roles::STORAGE_PREFIX.to_owned(),
            ],
            ..SpecialPaths::default()
        })
        .path(config::path::path(&engine))
        .path(path_rotate_root::path(&engine))
        .path(path_ram_policy::path(&engine))
        .path(role::path::list_path(&engine))
        .path(role::path::path(&engine))
        .path(path_creds::path(&engine))
        .path(path_orphans::list_path(&engine))
        .path(path_orphans::path(&engine))
        .metrics_path(OPERATIONS)
        .metrics(calls)
        .secret(lease::secret(&engine))
        .wal(rotation::WAL_KIND, &engine, rotation::roll_back_root);
    static_roles::register(register(backend, &engine), &engine)
        .schedule(
            "previous credentials",
            config::previous::EVERY,
            Arc::new(config::previous::Forget::new(&engine)),
        )
        .schedule(
            "root rotation",
            ScheduledRotation::EVERY,
            Arc::new(ScheduledRotation::new(&engine)),
        )
}
