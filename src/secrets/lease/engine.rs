//! What an engine implements for its mounts: with whose credentials users are made and removed.

use async_trait::async_trait;

use crate::framework::{Context, Error};
use crate::secrets::lease::issuer::Issuer;
use crate::secrets::lease::mount::Mount;

/// A secrets engine whose leases stand for users.
#[async_trait]
pub trait LeaseEngine: Send + Sync + 'static {
    /// What makes and removes its users.
    type Issuer: Issuer;

    /// An issuer with the credentials of the mount, for work that nobody waits for.
    ///
    /// # Errors
    /// There are no credentials, or they cannot be used.
    async fn issuer(&self, context: &Context) -> Result<Self::Issuer, Error>;

    /// An issuer with the credentials that the mount had before, if the engine keeps them. They are for removing only.
    ///
    /// # Errors
    /// Storage cannot be read.
    async fn previous_issuer(&self, _: &Context) -> Result<Option<Self::Issuer>, Error> {
        Ok(None)
    }

    /// What the operator can do so that users of another account than that of the mount's credentials are removed. The
    /// text follows a colon.
    fn advice_for_account(&self, context: &Context, account: &str) -> String;

    /// What the mount keeps for its leases.
    fn mount(&self) -> &Mount;
}

/// The users of an engine.
pub type UserOf<E> = <<E as LeaseEngine>::Issuer as Issuer>::User;
