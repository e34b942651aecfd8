//! Credentials, how they are kept fresh, and what a source of them is.
//!
//! A provider answers `Ok(None)` when it is not configured and `Err` when it is configured and broken; a [`Chain`] stops
//! at the first that is not `Ok(None)`.
//!
//! An API asks its provider before every call, so that a change is noticed without a restart. What expires is kept by a
//! [`Cached`], which renews it ahead of its end, looks every few seconds whether the source offers something else, and
//! looks at once when the cloud has refused what it keeps.

mod cached;
mod chain;
mod environment;
mod error;
mod shared;
mod stored;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;

pub use cached::Cached;
pub use chain::Chain;
pub use environment::{Environment, process_environment};
pub use error::ProviderError;
pub use shared::SharedProvider;
pub use stored::StoredProvider;

/// The source of credentials that were given by the program, for instance out of its storage.
pub const STORED: &str = "stored";

/// An access key with its secret, and with the token if it is a temporary one.
///
/// `Debug` shows the key id, which is no secret, and neither of the others; both are zeroed on drop.
#[derive(Clone)]
pub struct Credentials {
    /// Its beginning tells a long-term key from a temporary one (`LTAI…` and `STS.…`, for instance).
    pub access_key_id: String,
    /// The secret.
    pub access_key_secret: SecretString,
    /// Present if and only if the key is temporary.
    pub security_token: Option<SecretString>,
    /// When a temporary key ends, if that is known.
    pub expiration: Option<OffsetDateTime>,
    /// The name of the source they came from, for logs and for an operator who wonders which key is in use.
    pub source: &'static str,
}

impl Credentials {
    /// A long-term key given by the program.
    #[must_use]
    pub fn new(access_key_id: impl Into<String>, access_key_secret: impl Into<SecretString>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            access_key_secret: access_key_secret.into(),
            security_token: None,
            expiration: None,
            source: STORED,
        }
    }

    /// The same with the token of a temporary key.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<SecretString>) -> Self {
        self.security_token = Some(token.into());
        self
    }

    /// Whether id, secret and token are the same.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let same_token = match (&self.security_token, &other.security_token) {
            (Some(one), Some(two)) => one.expose_secret() == two.expose_secret(),
            (None, None) => true,
            _ => false,
        };
        same_token
            && self.access_key_id == other.access_key_id
            && self.access_key_secret.expose_secret() == other.access_key_secret.expose_secret()
    }

    pub(crate) fn with_source(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("security_token", &self.security_token.as_ref().map(|_| "hidden"))
            .field("expiration", &self.expiration)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// One source of credentials.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The credentials of this source now. `Ok(None)` means that it is not configured.
    async fn load(&self) -> Result<Option<Credentials>, ProviderError>;

    /// How often a cache asks [`Self::has_changed`] while what it keeps is still good. `None`: not at all.
    fn look_every(&self) -> Option<Duration> {
        None
    }

    /// Whether this source offers something else than when it was last asked. A source that cannot tell without being
    /// asked says yes.
    async fn has_changed(&self) -> bool {
        true
    }

    /// The cloud refused these credentials: whoever keeps them asks their source before giving them out again.
    fn invalidate(&self, _refused: &Credentials) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_secret_and_token() {
        let shown = format!(
            "{:?}",
            Credentials::new("LTAI1", "very-secret").with_token("token-value")
        );
        assert!(
            shown.contains("LTAI1") && !shown.contains("very-secret") && !shown.contains("token-value"),
            "{shown}"
        );
    }
}
