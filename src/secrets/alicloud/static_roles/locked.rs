//! The locks of static roles: whoever writes one waits for the others, and so does whoever makes or deletes keys of its user.

use tokio::sync::OwnedMutexGuard;

use crate::framework::{Context, Error};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::static_roles::role::StaticRole;

/// A static role that nobody else changes.
pub(super) struct LockedRole {
    /// What is stored, if anything is.
    pub(super) role: Option<StaticRole>,
    _role: OwnedMutexGuard<()>,
    _user: Option<OwnedMutexGuard<()>>,
}

/// Waits for the locks of a role and of its user, and reads it.
///
/// # Errors
/// It cannot be read, or nobody waits any longer.
pub(super) async fn lock_role(engine: &Engine, context: &Context, name: &str) -> Result<LockedRole, Error> {
    let key = StaticRole::storage_key(name);
    let of_role = context.unless_cancelled(engine.locks.lock(&key)).await?;
    let role = StaticRole::load(&*context.storage, name).await?;
    let of_user = match &role {
        Some(role) => Some(lock_user(engine, context, &role.user_id).await?),
        None => None,
    };
    Ok(LockedRole {
        role,
        _role: of_role,
        _user: of_user,
    })
}

/// Waits for the lock of a user. It is taken after that of a role.
///
/// # Errors
/// Nobody waits any longer.
pub(super) async fn lock_user(
    engine: &Engine,
    context: &Context,
    user_id: &str,
) -> Result<OwnedMutexGuard<()>, Error> {
    let name = format!("user of a static role/{user_id}");
    context.unless_cancelled(engine.locks.lock(&name)).await
}
