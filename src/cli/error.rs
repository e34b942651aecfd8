//! What can go wrong, as one sentence each.

use std::io;
use std::path::PathBuf;

use crate::alicloud::credentials::ProviderError;
use crate::alicloud::{ParseEndpointError, ParseRegionError};
use crate::cli::flags::UsageError;
use crate::cli::login::server::LoginError;
use crate::cli::login::settings::SettingError;

/// Why there is no payload or no token. No text has a secret in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Credentials(#[from] ProviderError),
    #[error("-sts-endpoint: {0}")]
    Endpoint(ParseEndpointError),
    #[error("-{0} cannot be read from standard input: {1}")]
    Input(&'static str, String),
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error("the payload cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("no random bytes for a nonce: {0}")]
    Nonce(getrandom::Error),
    #[error(
        "no credentials found: give -access-key and -secret-key, or set ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY, or \
         ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET; there is no identity token of a pod \
         (ALIBABA_CLOUD_OIDC_TOKEN_FILE) either, and no RAM role of an ECS instance"
    )]
    NoCredentials,
    #[error("HOME is not set, so the token helper's file cannot be found; use -output")]
    NoHome,
    #[error("no region: give -region, or set ALICLOUD_REGION or ALIBABA_CLOUD_REGION_ID")]
    NoRegion,
    #[error("{} exists and is no regular file", .0.display())]
    NotAFile(PathBuf),
    #[error("{0}: {1}")]
    Region(&'static str, ParseRegionError),
    #[error("the program cannot start: {0}")]
    Runtime(io::Error),
    #[error("-server-id must not have control characters")]
    ServerId,
    #[error(transparent)]
    Setting(#[from] SettingError),
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error("cannot write {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
}

impl Error {
    /// 2 for a command line that cannot be read, 1 for everything else.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }
}
