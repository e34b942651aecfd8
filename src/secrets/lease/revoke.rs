//! The end of a lease.

use crate::framework::{Context, Error};
use crate::secrets::lease::engine::{LeaseEngine, UserOf};
use crate::secrets::lease::issuer::LeaseUser as _;
use crate::secrets::lease::record;
use crate::secrets::lease::removal::remove;

/// Removes the user of a lease, and its record.
///
/// # Errors
/// What could not be removed. The host repeats a revocation, and what is gone by then counts as removed.
pub async fn revoke<E: LeaseEngine>(engine: &E, context: &Context, user: &UserOf<E>) -> Result<(), Error> {
    remove(engine, context, user).await?;
    context.storage.apply(vec![record::deletion(user.name())]).await?;
    Ok(())
}
