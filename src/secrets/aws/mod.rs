//! The AWS secrets engine: its table of contents, and what its paths share.
//!
//! | path | file |
//! |---|---|
//! | `config/root`, `config/lease` | `config/` |
//! | `roles/<name>`, `roles` | `role/` |
//! | `creds/<name>` | `path_creds` |
//! | `orphans`, `orphans/<user>` | `path_orphans` |
//! | `metrics` | `framework` |
//! | leases of IAM users | `lease` |
//!
//! Paths, stored entries and leases are those of Vault's own AWS secret backend of 2015, whose mounts this engine takes
//! over. It never calls more than the ten operations of IAM that backend called.

mod accounts;
mod cloud;
mod config;
mod engine;
mod failure;
mod iam_user;
mod lease;
mod path_creds;
mod path_orphans;
mod removal;
mod role;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::cloud::Client;
use crate::framework::{Backend, BackendKind, CloudMetrics, SpecialPaths};
use crate::secrets::lease::{Mount, register};
use accounts::Accounts;
use engine::{Engine, OPERATIONS};

const HELP: &str = "
The AWS secrets engine makes short-lived access keys of AWS: for each request a new IAM user with the policy of a role,
which is removed when the lease ends.

After mounting it, write credentials that may manage IAM users to \"config/root\", write roles at \"roles/<name>\", and
read credentials from \"creds/<name>\". How long they live is set at \"config/lease\".
";

/// The backend of one mount. `client` is shared by all mounts of the process; `mount` is the server's id for this one,
/// blank while there is none.
#[must_use]
pub fn backend(client: Client, mount: &str) -> Backend {
    let calls = Arc::new(CloudMetrics::default());
    let engine = Arc::new(Engine {
        client: client.observed_by(calls.clone()),
        accounts: Arc::new(Accounts::default()),
        mount: Arc::new(Mount::new(mount)),
    });
    let backend = Backend::new(BackendKind::Secrets, HELP)
        .special(SpecialPaths {
            root_protected: vec![
                config::root::STORAGE_KEY.to_owned(),
                config::lease::STORAGE_KEY.to_owned(),
            ],
            seal_wrapped: vec![config::root::STORAGE_KEY.to_owned()],
            ..SpecialPaths::default()
        })
        .path(config::root::path(&engine))
        .path(config::lease::path(&engine))
        .path(role::path::list_path(&engine))
        .path(role::path::path(&engine))
        .path(path_creds::path(&engine))
        .path(path_orphans::list_path(&engine))
        .path(path_orphans::path(&engine))
        .metrics_path(OPERATIONS)
        .metrics(calls)
        .secret(lease::secret(&engine));
    register(backend, &engine)
}
