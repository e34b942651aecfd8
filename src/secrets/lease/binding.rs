//! The account of leases that do not say theirs: those of earlier versions and of the Go plugin, and those that were made
//! while the cloud did not tell whose credentials the mount has.
//!
//! They are bound to the account that the mount has when this version first sees it, which is stored once, below `account`.

use std::sync::atomic::{AtomicBool, Ordering};

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
}

/// What is stored, if anything is yet.
///
/// # Errors
/// Storage cannot be read.
pub async fn binding(context: &Context) -> Result<Option<Binding>, Error> {
    context.storage.get_json(KEY).await
}

/// Binds the leases of one mount, and remembers that it is done.
#[derive(Debug, Default)]
pub struct BindOnce {
    done: AtomicBool,
}

impl BindOnce {
    /// Binds the leases that do not say their account to this one, unless they are bound.
    ///
    /// # Errors
    /// Storage cannot be read or written.
    pub async fn bind(&self, context: &Context, account: &str) -> Result<(), Error> {
        if self.done.load(Ordering::Relaxed) {
            return Ok(());
        }
        if binding(context).await?.is_none() {
            let binding = Binding {
                account_id: account.to_owned(),
                since: now(context),
            };
            context.storage.put_json(KEY, &binding).await?;
        }
        self.done.store(true, Ordering::Relaxed);
        Ok(())
    }
}
