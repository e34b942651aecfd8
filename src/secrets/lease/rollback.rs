//! The tick's part of issuing: undoing what a WAL entry names.

use std::sync::Arc;

use crate::framework::{Context, Error};
use crate::secrets::lease::issuer::{Issuer as _, LeaseEngine, LeaseUser, UserOf};
use crate::secrets::lease::record;

/// Removes what a WAL entry names.
///
/// # Errors
/// What cannot be removed. The entry stays for a later tick.
pub async fn roll_back<E: LeaseEngine>(
    engine: Arc<E>,
    context: Context,
    user: UserOf<E>,
) -> Result<(), Error> {
    let issuer = engine.issuer(&context).await?;
    let removed = if issuer.is_foreign(&context, &user).await {
        issuer.remove_all_but_user(&context, &user).await
    } else {
        issuer.remove(&context, &user).await
    };
    removed.map_err(|error| {
        Error::new(
            error.kind(),
            format!(
                "{} cannot be removed; grant the mount's key what is missing, or delete them in {}: {}",
                user.describe(),
                <UserOf<E> as LeaseUser>::SERVICE,
                error.message()
            ),
        )
    })?;
    // There is one when the request was cut off between the record and the deletion of this entry.
    context.storage.apply(vec![record::deletion(user.name())]).await?;
    Ok(())
}
