//! Where keys of Alibaba Cloud come from: one provider per file, and the order in which a server asks them.

mod assume_role;
mod ecs;
mod environment;
mod identity_token;
mod instance;
mod metadata;
mod oidc;
mod provider_env;
mod settings;
mod sources;
mod unread;
mod uri;

pub use instance::instance_region;
pub use settings::{OidcToken, RoleToAssume, Settings, TokenFile};
pub use sources::Sources;

use crate::cloud::Kind;
use crate::cloud::credentials::STORED;
pub use crate::cloud::credentials::{
    Chain, Credentials, Environment, Provider, ProviderError, SharedProvider, process_environment,
};

/// Whether a failure to assume a role may be due to what the operator has written. Others are not.
fn blames_settings(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Credentials | Kind::Denied | Kind::Invalid | Kind::NotFound
    )
}

/// Where credentials came from. For logs and for an operator who wonders which key is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A session of a role, for others to use. A provider that assumes a role tells its base's source instead.
    AssumeRole,
    /// The metadata service of an ECS instance.
    Ecs,
    /// Environment variables.
    Environment,
    /// The identity token of a pod.
    Oidc,
    /// Given by the program, for instance out of its storage.
    Stored,
    /// The service at a credentials URI.
    Uri,
}

impl Source {
    /// The name, which [`Credentials::source`](crate::cloud::credentials::Credentials) has.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AssumeRole => "assumed role",
            Self::Ecs => "ecs metadata",
            Self::Environment => "environment",
            Self::Oidc => "oidc token",
            Self::Stored => STORED,
            Self::Uri => "credentials uri",
        }
    }

    /// The source of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [
            Self::AssumeRole,
            Self::Ecs,
            Self::Environment,
            Self::Oidc,
            Self::Stored,
            Self::Uri,
        ]
        .into_iter()
        .find(|source| source.name() == name)
    }
}
