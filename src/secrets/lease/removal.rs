//! Removing the user of a lease: in its own account, and also when it has taken another name.

use crate::framework::{Context, Error, Status};
use crate::secrets::lease::account::{ForUser, issuer_for};
use crate::secrets::lease::engine::{LeaseEngine, UserOf};
use crate::secrets::lease::issuer::{Issuer as _, LeaseUser as _};

/// Removes a user and all that belongs to it. What is gone counts as removed, so that it can be repeated.
///
/// # Errors
/// What could not be removed, or why it cannot be told whether there is something to be removed.
pub async fn remove<E: LeaseEngine>(engine: &E, context: &Context, user: &UserOf<E>) -> Result<(), Error> {
    context.check_cancelled()?;
    let ForUser { issuer, unverified } = issuer_for(engine, context, user).await?;
    if issuer.remove(context, user).await?.user_found {
        return Ok(());
    }
    // It may have been allowed to rename itself. That must not keep its keys alive.
    if let Some(renamed) = issuer.find_renamed(context, user).await? {
        tracing::warn!(
            event = "user_renamed",
            user = user.name(),
            renamed = renamed.name(),
            "the user of a lease has another name; it is removed all the same. Roles should not grant what renames users"
        );
        issuer.remove(context, &renamed).await?;
        return Ok(());
    }
    match unverified {
        None => Ok(()),
        Some(account) => Err(Error::coded(
            Status::UNAVAILABLE,
            format!(
                "user {:?} of account {account} was not found, but the cloud did not tell whether the credentials of this \
                 mount belong to that account; this is to be repeated",
                user.name()
            ),
        )),
    }
}
