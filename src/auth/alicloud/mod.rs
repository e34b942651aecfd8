//! The AliCloud auth method.
//!
//! | path | file |
//! |---|---|
//! | `config` | `path_config` |
//! | `role/<role>`, `role`, `roles` | `path_role` |
//! | `login` | `path_login` |
//! | `metrics` | `framework` |
//! | renewal of tokens | `renewal` |
//!
//! A login is a request to STS that its sender signed and did not send: `signed_request` checks it and takes it apart,
//! `used_signatures` refuses one that was used before, the cloud client sends it, `identity` reads whose it was, and
//! `binding` compares that with the role. Where the configuration or the role asks for tags, `role_tags` reads them then.
//!
//! Paths, shapes, stored entries and metadata are those of HashiCorp's `vault-plugin-auth-alicloud`, so that either
//! plugin can take a mount over from the other.

mod arn_pattern;
mod binding;
mod config;
mod failure;
mod identity;
mod instead;
mod method;
mod path_config;
mod path_login;
mod path_role;
mod renewal;
mod role;
mod role_arn;
mod role_id;
mod role_tags;
mod signed_request;
mod tag;
#[cfg(test)]
mod testing;
mod used_signatures;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::alicloud::credentials::Sources;
use crate::cloud::Client;
use crate::framework::{Backend, BackendKind, CloudMetrics, NamedLocks, SpecialPaths};
use method::{Method, OPERATIONS, RENEWALS};
use role_tags::RoleTags;
pub use used_signatures::UsedSignatures;

#[cfg(fuzzing)]
pub use signed_request::fuzzing;

const HELP: &str = "
The AliCloud auth method lets RAM roles and RAM users of Alibaba Cloud log in with the credentials that they have.

A client signs a request for sts:GetCallerIdentity and gives it to this method at the \"login\" path instead of sending
it. The method sends it to STS, which answers whose it is, and compares that with the bindings of a role.
";

/// The backend of one mount. The client, the sources of credentials and the used signatures are those of the whole process.
pub fn backend(client: Client, sources: &Sources, used_signatures: Arc<UsedSignatures>) -> Backend {
    let calls = Arc::new(CloudMetrics::default());
    let client = client.observed_by(calls.clone());
    let method = Arc::new(Method {
        role_tags: RoleTags::new(&client, sources),
        client,
        locks: NamedLocks::default(),
        used_signatures,
        renewals: Semaphore::new(RENEWALS),
    });
    Backend::new(BackendKind::Auth, HELP)
        .special(SpecialPaths {
            unauthenticated: vec!["login".to_owned()],
            seal_wrapped: vec![config::STORAGE_KEY.to_owned()],
            ..SpecialPaths::default()
        })
        .path(path_login::path(&method))
        .path(path_role::list_path(&method))
        .path(path_role::path(&method))
        .path(path_config::path(&method))
        .metrics_path(OPERATIONS)
        .metrics(calls)
        .auth_renew(&method, renewal::renew)
}
