//! The end of an older key.

use crate::framework::{Context, Error};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::rotation::{not_deleted_yet, remove};
use crate::secrets::alicloud::static_roles::role::StaticRole;
use crate::secrets::alicloud::static_roles::user::owner;

/// Deletes the older key of a role, if it has one, and stores that. Called with the locks of the role held.
///
/// # Errors
/// It names the key, which stays in the role until it is deleted.
pub(super) async fn retire(
    engine: &Engine,
    context: &Context,
    name: &str,
    role: &mut StaticRole,
) -> Result<(), Error> {
    let Some(previous) = &role.previous else {
        return Ok(());
    };
    let deleted = async {
        if let Some((ram, user)) = owner(engine, context, role).await? {
            remove(context, &ram, &user, &previous.access_key).await?;
        }
        Ok(())
    };
    let deleted: Result<(), Error> = deleted.await;
    deleted.map_err(|error| not_deleted_yet(&previous.access_key, &error))?;
    let user = role.username.as_str();
    tracing::info!(
        role = name,
        user,
        key = previous.access_key,
        "deleted the older key of a static role"
    );
    role.previous = None;
    role.store(&*context.storage, name).await?;
    engine.static_roles.queue.set(context, name, role);
    Ok(())
}
