//! The account of leases that do not say theirs: those of earlier versions and of the Go plugin, and those that were made
//! while the cloud did not tell whose credentials the mount has.
//!
//! They are bound to the account that the mount has when this version first sees it, which is stored once, below `account`.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::framework::{Context, Error};
use crate::secrets::lease::clock::now;

const KEY: &str = "account";

/// The account of the leases that do not say theirs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Binding {
    /// The account's id.
    pub account_id: String,
    /// When it was bound, in seconds since 1970. Leases that do not say their account are older.
    pub since: u64,
    /// Whether the mount has had credentials of another account since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    moved: bool,
}

/// Whether a user that does not say its account may be in another one than the mount's credentials: the mount has had
/// credentials of two accounts.
///
/// # Errors
/// Storage cannot be read.
pub async fn has_moved(context: &Context) -> Result<bool, Error> {
    Ok(binding(context).await?.is_some_and(|binding| binding.moved))
}

/// What is stored, if anything is yet.
///
/// # Errors
/// Storage cannot be read.
pub async fn binding(context: &Context) -> Result<Option<Binding>, Error> {
    context.storage.get_json(KEY).await
}

/// Binds the leases of one mount, and remembers for which account that was done last.
#[derive(Debug, Default)]
pub struct BindOnce {
    done: Mutex<Option<String>>,
}

impl BindOnce {
    /// Binds the leases that do not say their account to this one, the mount's own, unless they are bound.
    ///
    /// # Errors
    /// Storage cannot be read or written.
    pub async fn bind(&self, context: &Context, account: &str) -> Result<(), Error> {
        let done = || self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if done().as_deref() == Some(account) {
            return Ok(());
        }
        let bound = match binding(context).await? {
            None => Some(Binding {
                account_id: account.to_owned(),
                since: now(context),
                moved: false,
            }),
            Some(bound) if bound.account_id != account && !bound.moved => {
                Some(Binding { moved: true, ..bound })
            }
            Some(_) => None,
        };
        if let Some(bound) = bound {
            context.storage.put_json(KEY, &bound).await?;
        }
        *done() = Some(account.to_owned());
        Ok(())
    }
}
