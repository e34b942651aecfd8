//! The AliCloud auth method: its table of contents, and what its paths share.
//!
//! | path | file |
//! |---|---|
//! | `config` | `path_config` |
//! | `role/<role>`, `role`, `roles` | `path_role` |
//! | `login` | `path_login` |
//! | renewal of tokens | `renewal` |
//!
//! A login is a request to STS that its sender signed and did not send: `signed_request` checks it and takes it apart,
//! the cloud client sends it, `identity` reads whose it was, and `binding` compares that with the role.
//!
//! Paths, shapes, stored entries and metadata are those of HashiCorp's `vault-plugin-auth-alicloud`, so that either
//! plugin can take a mount over from the other.

mod binding;
mod config;
mod failure;
mod identity;
mod method;
mod path_config;
mod path_login;
mod path_role;
mod renewal;
mod role;
mod signed_request;

use std::sync::Arc;

use crate::alicloud::{Client, Clock, SystemClock};
use crate::framework::{Backend, BackendKind, NamedLocks, SpecialPaths};
use method::Method;

#[cfg(fuzzing)]
pub use signed_request::fuzzing;

/// What OpenAPI operation ids begin with. Generated clients depend on it.
const OPERATION_PREFIX: &str = "ali-cloud";

const HELP: &str = "
The AliCloud auth method lets RAM roles and RAM users of Alibaba Cloud log in with the credentials that they have.

A client signs a request for sts:GetCallerIdentity and gives it to this method at the \"login\" path instead of sending
it. The method sends it to STS, which answers whose it is, and compares that with the bindings of a role.
";

/// The backend of one mount. `client` is shared by all mounts of the process.
#[must_use]
pub fn backend(client: Client) -> Backend {
    assemble(client, Arc::new(SystemClock))
}

/// The backend of one mount with another clock: a door for `tests/fuzz`, whose requests were signed at one time.
#[cfg(fuzzing)]
#[must_use]
pub fn backend_at(client: Client, clock: Arc<dyn Clock>) -> Backend {
    assemble(client, clock)
}

fn assemble(client: Client, clock: Arc<dyn Clock>) -> Backend {
    let method = Arc::new(Method {
        client,
        clock,
        locks: NamedLocks::default(),
    });
    Backend::new(BackendKind::Auth, HELP)
        .special(SpecialPaths {
            unauthenticated: vec!["login".to_owned()],
            seal_wrapped: vec![],
        })
        .path(path_login::path(&method))
        .path(path_role::list_path(&method))
        .path(path_role::path(&method))
        .path(path_config::path(&method))
        .auth_renew(&method, renewal::renew)
}
