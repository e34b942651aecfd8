//! The tick's part of issuing: undoing what a WAL entry names.

use std::sync::Arc;

use crate::framework::{Context, Error};
use crate::secrets::lease::account::{ForUser, issuer_for};
use crate::secrets::lease::engine::{LeaseEngine, UserOf};
use crate::secrets::lease::issuer::{Issuer as _, LeaseUser as _};
use crate::secrets::lease::record;
use crate::secrets::lease::removal::remove;

/// Removes what a WAL entry names.
///
/// # Errors
/// What cannot be removed. The entry stays for a later tick.
pub async fn roll_back<E: LeaseEngine>(
    engine: Arc<E>,
    context: Context,
    user: UserOf<E>,
) -> Result<(), Error> {
    let ForUser { issuer, .. } = issuer_for(&*engine, &context, &user).await?;
    let removed = if issuer.is_foreign(&context, &user).await {
        tracing::warn!(
            event = "wal_user_not_ours",
            user = user.name(),
            "a WAL entry names a user that does not carry the owner tag of this mount; it is left alone. If Vault made it, \
             delete it and its access keys in {}",
            UserOf::<E>::SERVICE
        );
        issuer.remove_all_but_user(&context, &user).await.map(drop)
    } else {
        remove(&*engine, &context, &user).await
    };
    removed.map_err(|error| {
        Error::new(
            error.kind(),
            format!(
                "{} cannot be removed; grant the mount's key the missing permission, or delete them in {}: {}",
                user.describe(),
                UserOf::<E>::SERVICE,
                error.message()
            ),
        )
    })?;
    // There is one when the request was cut off between the record and the deletion of this entry.
    context.storage.apply(vec![record::deletion(user.name())]).await?;
    Ok(())
}
