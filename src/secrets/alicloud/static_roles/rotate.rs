//! The rotation of a role's key.

use crate::framework::{Context, Error, Status};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::rotation::{Rotated, Rotation, Trigger, begin, finish, resume};
use crate::secrets::alicloud::static_roles::holder::OfRole;
use crate::secrets::alicloud::static_roles::locked::lock_role;
use crate::secrets::alicloud::static_roles::retire::retire;
use crate::secrets::alicloud::static_roles::role::StaticRole;
use crate::secrets::alicloud::static_roles::user::{RoleUser, check_not_of_config};
use crate::secrets::lease::now;
use crate::secrets::rotation::rfc3339;

/// Replaces the key of a role, because a request asks for it. `None`: there is no such role.
///
/// # Errors
/// What stands against it. The role has the key that it had.
pub(super) async fn rotate(engine: &Engine, context: &Context, name: &str) -> Result<Option<Rotated>, Error> {
    let mut locked = lock_role(engine, context, name).await?;
    // Two keys are worse than a caller who does not see the answer: what is begun goes on without them.
    let context = &context.for_undo(context.deadline().remaining());
    let Some(role) = locked.role.take() else {
        return Ok(None);
    };
    let outcome = rotate_alone(engine, context, name, role, None).await;
    engine.static_roles.ended(name, Trigger::Request, &outcome);
    outcome.map(Some)
}

/// Replaces the key of a role, with its locks held. `planned` is the time for which the schedule planned it.
///
/// # Errors
/// As [`rotate`].
pub(super) async fn rotate_alone(
    engine: &Engine,
    context: &Context,
    name: &str,
    mut role: StaticRole,
    planned: Option<u64>,
) -> Result<Rotated, Error> {
    let holder = OfRole {
        engine,
        name,
        draft: None,
    };
    let mut cloud = engine.cloud(context).await?;
    if planned.is_some() {
        // Many may be due at once: requests go first.
        cloud = cloud.in_background();
    }
    let user = RoleUser::find(engine, context, &cloud, &role.username).await?;
    user.check_is_of(&role)?;
    // RAM may still list one that was just deleted.
    let known = role.keys();
    check_not_of_config(context, &known).await?;
    make_room(engine, context, name, &mut role).await?;
    let is_own = |rotation: &Rotation| rotation.is_of_user(&user.id);
    let begun = match resume(&holder, context, is_own, role.key_id()).await? {
        Some(begun) => begun,
        None => {
            let ram = cloud.ram.by(context.deadline());
            user.own_keys(&ram, &known).await?;
            begin(&holder, context, &ram, user.rotation(role.key_id(), context)).await?
        }
    };
    let finished = finish(&holder, context, &cloud.sts, begun, planned).await;
    let Some(mut role) = StaticRole::load(&*context.storage, name).await? else {
        return finished;
    };
    // Storage without transactions may have the new key all the same.
    engine.static_roles.queue.set(context, name, &role);
    let mut rotated = finished?;
    if role.ended_key(now(context)).is_some()
        && let Err(error) = retire(engine, context, name, &mut role).await
    {
        rotated.unfinished.get_or_insert(error);
    }
    Ok(rotated)
}

/// Deletes an older key, so that RAM takes another one. One that is in its grace period stays: somebody may still need it.
async fn make_room(
    engine: &Engine,
    context: &Context,
    name: &str,
    role: &mut StaticRole,
) -> Result<(), Error> {
    if role.seamless_rotation
        && let Some(previous) = &role.previous
        && role.ended_key(now(context)).is_none()
    {
        return Err(Error::coded(
            Status::CONFLICT,
            format!(
                "static role {name:?} cannot be rotated before {}: until then its older access key {:?} is in its \
                 rotation_grace_period, and RAM allows no third key. To end it now, write seamless_rotation=false, and rotate",
                rfc3339(previous.until),
                previous.access_key
            ),
        ));
    }
    retire(engine, context, name, role).await
}
