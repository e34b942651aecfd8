//! The end of a lease.

use crate::framework::{Context, Error};
use crate::secrets::lease::issuer::{Issuer as _, LeaseEngine, LeaseUser as _, UserOf};
use crate::secrets::lease::record;

/// Removes the user of a lease, and its record.
///
/// # Errors
/// What could not be removed. The host repeats a revocation, and what is gone by then counts as removed.
pub async fn revoke<E: LeaseEngine>(engine: &E, context: &Context, user: &UserOf<E>) -> Result<(), Error> {
    let issuer = engine.issuer(context).await?;
    issuer.remove(context, user).await?;
    context.storage.apply(vec![record::deletion(user.name())]).await?;
    Ok(())
}
