//! The end of a rotation, whatever stopped it: of its two keys the one in `config` stays, and the other goes.

use std::sync::Arc;

use crate::alicloud::arn::Identity;
use crate::alicloud::ram::Ram;
use crate::alicloud::{IgnoreNotFound as _, Kind, Subject};
use crate::cloud;
use crate::framework::{Context, Error, Status, WalEntry};
use crate::secrets::alicloud::cloud::Cloud;
use crate::secrets::alicloud::config::{Config, STORAGE_KEY};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::rotation::entry::{Rotation, WAL_KIND};
use crate::secrets::lease::{now, settled};

/// How long after the beginning of a rotation its new key can have been made, in seconds, by the cloud's clock: as long as a
/// rotation lasts, and clocks that differ by 15 minutes, which the cloud allows. A key that is younger is somebody else's.
const CREATED_WITHIN: u64 = 16 * 60;

/// How long after the beginning of a rotation a key that was made without an answer may still come to light, in seconds.
const UNCERTAIN: u64 = 120;

/// Settles a rotation that a WAL entry knows of.
///
/// # Errors
/// As [`settle`].
pub(in crate::secrets::alicloud) async fn roll_back(
    engine: Arc<Engine>,
    context: Context,
    found: Rotation,
) -> Result<(), Error> {
    let _one_writer = context.unless_cancelled(engine.locks.lock(STORAGE_KEY)).await?;
    // It may have gone on, or have come to its end, since it was read.
    for (entry, rotation) in WalEntry::find::<Rotation>(&context, WAL_KIND).await? {
        if rotation.is_same(&found) {
            settle(&engine, &context, entry, rotation).await?;
        }
    }
    Ok(())
}

/// Deletes the key of the rotation that is not in `config`, and then its WAL entry. Called with the lock of `config` held.
///
/// # Errors
/// What could not be deleted, or why it cannot be told yet what is to be deleted. The entry stays.
pub(super) async fn settle(
    engine: &Engine,
    context: &Context,
    entry: WalEntry,
    rotation: Rotation,
) -> Result<(), Error> {
    let config = Config::load(&*context.storage).await?.unwrap_or_default();
    let kept = config.access_key.as_str();
    let (ram, user) = owner(engine, context, &config, &rotation).await?;
    let mut doomed = match &rotation.new_key {
        Some(key) => vec![key.clone()],
        None => keys_made_since(context, &ram, &user, &rotation).await?,
    };
    // A key whose id was never learned was never stored: whoever wrote `config` since may still need the old one.
    if rotation.stored || rotation.new_key.as_deref() == Some(kept) {
        doomed.push(rotation.old_key.clone());
    }
    doomed.retain(|key| key != kept);
    for key in &doomed {
        remove(context, &ram, &user, key).await.map_err(|error| {
            Error::new(
                error.kind(),
                format!("access key {key:?} of user {user:?} cannot be deleted: {error}"),
            )
        })?;
    }
    engine.root.forget();
    entry.delete(&*context.storage).await
}

/// RAM with credentials of the account of the rotation's user, and the user's name there.
async fn owner(
    engine: &Engine,
    context: &Context,
    config: &Config,
    rotation: &Rotation,
) -> Result<(Ram, String), Error> {
    let cloud = engine.cloud_of(context, config).await?;
    if let Some(user) = user_with(context, &cloud, config, rotation).await? {
        return Ok((cloud.ram.by(context.deadline()), user));
    }
    if let Some(previous) = engine.previous_cloud_of(config)
        && let Some(user) = user_with(context, &previous, config, rotation).await?
    {
        return Ok((previous.ram.by(context.deadline()), user));
    }
    Err(Error::coded(
        Status::CONFLICT,
        format!(
            "a rotation of access key {:?} of user {:?} was not finished, and config has credentials of another account than \
             {} now: delete the keys of that user that are not needed",
            rotation.old_key, rotation.user_name, rotation.account_id
        ),
    ))
}

/// The name of the rotation's user, if the credentials are of its account.
async fn user_with(
    context: &Context,
    cloud: &Cloud,
    config: &Config,
    rotation: &Rotation,
) -> Result<Option<String>, Error> {
    let sts = cloud.sts.by(context.deadline());
    let identity = settled(context, is_new_key, || sts.get_caller_identity()).await;
    let identity = identity.map_err(failed_call)?;
    if identity.account_id.as_str() != rotation.account_id {
        return Ok(None);
    }
    let is_own = |key: &str| rotation.old_key == key || rotation.new_key.as_deref() == Some(key);
    Ok(Some(match identity.arn.identity() {
        // It may have another name since.
        Identity::User(name) if is_own(&config.access_key) => name.clone(),
        _ => rotation.user_name.clone(),
    }))
}

/// The keys of the user that the rotation may have made without learning their ids. It had no other key than the old one.
async fn keys_made_since(
    context: &Context,
    ram: &Ram,
    user: &str,
    rotation: &Rotation,
) -> Result<Vec<String>, Error> {
    let keys = match ram.access_keys(user).await {
        Err(error) if error.is_not_found() && error.subject() == Some(Subject::User) => return Ok(Vec::new()),
        keys => keys.map_err(failed_call)?,
    };
    let latest = rotation.begun.saturating_add(CREATED_WITHIN);
    let mut made = Vec::new();
    for key in keys {
        let created = key.created.map(|created| created.unix_timestamp());
        let in_time = created.is_some_and(|created| u64::try_from(created).is_ok_and(|at| at <= latest));
        if key.id != rotation.old_key && in_time {
            made.push(key.id);
        }
    }
    if made.is_empty() && now(context) < rotation.begun.saturating_add(UNCERTAIN) {
        return Err(Error::coded(
            Status::UNAVAILABLE,
            "it is not certain yet whether an earlier rotation has created a key; try again in two minutes",
        ));
    }
    Ok(made)
}

/// Switches a key off and deletes it. What is gone counts as deleted.
async fn remove(context: &Context, ram: &Ram, user: &str, key: &str) -> Result<(), Error> {
    let deactivated = settled(context, is_new_key, || ram.deactivate_access_key(user, key)).await;
    match deactivated {
        Ok(()) => {}
        Err(error) if error.is_not_found() => {}
        // Deleted is better than switched off, and wants another permission.
        Err(error) if error.kind() == Kind::Denied => {
            tracing::info!(user, key, %error, "a key is deleted without being deactivated before");
        }
        Err(error) => return Err(failed_call(error)),
    }
    settled(context, is_new_key, || ram.delete_access_key(user, key))
        .await
        .ignore_not_found()
        .map_err(failed_call)
}

/// Whether a refusal may be due to the credentials being new: RAM may not know yet what STS knows.
fn is_new_key(error: &cloud::Error) -> bool {
    error.kind() == Kind::Credentials
}
