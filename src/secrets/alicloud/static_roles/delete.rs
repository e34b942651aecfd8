//! The deletion of a static role, with its keys.

use crate::framework::{Context, Error};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::rotation::{Rotation, remove, settle_all};
use crate::secrets::alicloud::static_roles::holder::OfRole;
use crate::secrets::alicloud::static_roles::locked::lock_role;
use crate::secrets::alicloud::static_roles::user::owner;

/// Deletes a role and its keys: none would be known to anybody who could end it. The user stays.
///
/// # Errors
/// A key cannot be deleted. The role stays, and the deletion can be repeated.
pub(super) async fn delete(engine: &Engine, context: &Context, name: &str) -> Result<(), Error> {
    let mut locked = lock_role(engine, context, name).await?;
    let context = &context.for_undo(context.deadline().remaining());
    let Some(role) = locked.role.take() else {
        return Ok(());
    };
    let holder = OfRole {
        engine,
        name,
        draft: None,
    };
    let is_own = |rotation: &Rotation| rotation.is_of_user(&role.user_id);
    settle_all(&holder, context, is_own).await?;
    let keys = role.keys();
    if !keys.is_empty()
        && let Some((ram, user)) = owner(engine, context, &role).await?
    {
        // The older one first: the other one tells who the user is.
        for key in keys.iter().rev() {
            remove(context, &ram, &user, key).await?;
        }
    }
    context.storage.apply(role.deletion(name)).await?;
    engine.static_roles.queue.remove(name);
    engine.static_roles.recovered(name);
    Ok(())
}
