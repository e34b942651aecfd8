//! The first write of a static role: its user is looked up, and it gets its first key, takes over the one that the user has, or
//! waits for its first rotation.

use crate::alicloud::arn::{Identity, same_name};
use crate::alicloud::ram::AccessKey;
use crate::alicloud::{Credentials, Kind};
use crate::cloud::budget::UNDO_KEY;
use crate::framework::{Context, Error};
use crate::secrets::alicloud::cloud::Cloud;
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::rotation::{self, Rotation, begin, finish, resume};
use crate::secrets::alicloud::static_roles::holder::OfRole;
use crate::secrets::alicloud::static_roles::locked::lock_user;
use crate::secrets::alicloud::static_roles::role::{Key, StaticRole};
use crate::secrets::alicloud::static_roles::user::{RoleUser, check_not_of_config};
use crate::secrets::lease::now;

/// Where the first key of a static role comes from.
pub(super) enum FirstKey {
    /// It is made now.
    New,
    /// The user has it.
    Imported(AccessKey),
    /// It is made by the first rotation.
    Deferred,
}

/// Stores a new static role, with its key. Called with the lock of the role held.
///
/// # Errors
/// Nothing is stored, and no key is left that was made.
pub(super) async fn create(
    engine: &Engine,
    context: &Context,
    name: &str,
    mut role: StaticRole,
    first: FirstKey,
) -> Result<StaticRole, Error> {
    let cloud = engine.cloud(context).await?;
    let user = RoleUser::find(engine, context, &cloud, &role.username).await?;
    let _one_writer = lock_user(engine, context, &user.id).await?;
    if let Some((other, _)) = StaticRole::of_user(&*context.storage, &user.id).await? {
        return Err(Error::bad_request(format!(
            "user {:?} has a static role already: {other:?}. A user can have one, for each would delete the key of the other",
            user.name
        )));
    }
    role.username.clone_from(&user.name);
    role.user_id.clone_from(&user.id);
    role.account_id.clone_from(&user.account_id);
    let holder = OfRole {
        engine,
        name,
        draft: Some(&role),
    };
    let is_own = |rotation: &Rotation| rotation.is_of_user(&user.id);
    // What an earlier write could not undo. It had no key before.
    let begun = resume(&holder, context, is_own, "").await?;
    let ram = cloud.ram.by(context.deadline());
    let begun = match (first, begun) {
        (FirstKey::New, Some(begun)) => begun,
        (FirstKey::New, None) => {
            user.own_keys(&ram, &[]).await?;
            begin(&holder, context, &ram, user.rotation("", context)).await?
        }
        (FirstKey::Imported(key), _) => {
            import(context, &cloud, &user, &mut role, key).await?;
            return stored(engine, context, name, role).await;
        }
        (FirstKey::Deferred, _) => return stored(engine, context, name, role).await,
    };
    let finished = finish(&holder, context, &cloud.sts, begun, None).await;
    if finished.is_err() {
        undo(&holder, context, is_own).await;
    }
    finished?;
    let role = StaticRole::load(&*context.storage, name).await?.unwrap_or(role);
    engine.static_roles.queue.set(context, name, &role);
    Ok(role)
}

/// Takes over the only key of a user.
///
/// # Errors
/// It is not the user's, does not work, or is not its only one.
pub(super) async fn import(
    context: &Context,
    cloud: &Cloud,
    user: &RoleUser,
    role: &mut StaticRole,
    key: AccessKey,
) -> Result<(), Error> {
    check_not_of_config(context, std::slice::from_ref(&key.id)).await?;
    let ram = cloud.ram.by(context.deadline());
    let keys = user.own_keys(&ram, std::slice::from_ref(&key.id)).await?;
    let refused = |reason: String| Error::bad_request(format!("import_access_key {:?} {reason}", key.id));
    if keys.is_empty() {
        return Err(refused(format!("is no key of user {:?}", user.name)));
    }
    let credentials = Credentials::new(key.id.clone(), key.secret.clone());
    let sts = cloud.sts.with_credentials(credentials).by(context.deadline());
    let identity = match sts.get_caller_identity().await {
        Err(error) if error.kind() == Kind::Credentials => {
            return Err(refused(format!("does not work with import_secret_key: {error}")));
        }
        answer => answer.map_err(failed_call)?,
    };
    match identity.arn.identity() {
        Identity::User(name) if same_name(name, &user.name) => {}
        _ => return Err(refused(format!("belongs to {}", identity.arn))),
    }
    role.key = Some(Key {
        access_key: key.id.clone(),
        secret_key: key.secret.clone(),
    });
    // When it was made does not matter: from now on the role counts.
    role.rotation.last_vault_rotation = Some(now(context));
    Ok(())
}

async fn stored(
    engine: &Engine,
    context: &Context,
    name: &str,
    role: StaticRole,
) -> Result<StaticRole, Error> {
    context.storage.apply(role.put_with_user(name)?).await?;
    engine.static_roles.queue.set(context, name, &role);
    Ok(role)
}

/// Deletes the first key of a role that was not stored. What cannot be deleted now is deleted by the tick: the WAL knows it.
async fn undo(holder: &OfRole<'_>, context: &Context, is_own: impl Fn(&Rotation) -> bool) {
    let context = context.for_undo(UNDO_KEY);
    if let Err(error) = rotation::settle_all(holder, &context, is_own).await {
        tracing::info!(role = holder.name, %error, "the key of a static role that was not written is deleted later");
    }
}
