//! The end of a rotation, whatever stopped it: of its two keys those that are in storage stay, and the other goes.

use crate::alicloud::CallerIdentity;
use crate::alicloud::ram::Ram;
use crate::alicloud::{IgnoreNotFound as _, Kind, Subject};
use crate::cloud;
use crate::framework::{Context, Error, Status, WalEntry};
use crate::secrets::alicloud::cloud::Cloud;
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::rotation::entry::Rotation;
use crate::secrets::alicloud::rotation::holder::Holder;
use crate::secrets::lease::{now, settled};

/// How long after the beginning of a rotation its new key can have been made, in seconds, by the cloud's clock: as long as a
/// rotation lasts, and clocks that differ by 15 minutes, which the cloud allows. A key that is younger is somebody else's.
const CREATED_WITHIN: u64 = 16 * 60;

/// How long after the beginning of a rotation a key that was made without an answer may still come to light, in seconds.
const UNCERTAIN: u64 = 120;

/// Settles the rotation that a WAL entry knows of. Called with the lock of its holder held.
///
/// # Errors
/// As [`settle`].
pub(in crate::secrets::alicloud) async fn roll_back<H: Holder>(
    holder: &H,
    context: &Context,
    found: &Rotation,
) -> Result<(), Error> {
    // It may have gone on, or have come to its end, since it was read.
    settle_all(holder, context, |rotation| rotation.is_same(found)).await
}

/// Settles all unfinished rotations of a holder. Called with its lock held.
///
/// # Errors
/// As [`settle`].
pub(in crate::secrets::alicloud) async fn settle_all<H: Holder>(
    holder: &H,
    context: &Context,
    is_own: impl Fn(&Rotation) -> bool,
) -> Result<(), Error> {
    for (entry, rotation) in WalEntry::find::<Rotation>(context, H::WAL_KIND).await? {
        if is_own(&rotation) {
            settle(holder, context, entry, rotation).await?;
        }
    }
    Ok(())
}

/// Deletes those keys of the rotation that are not in storage, and then its WAL entry. Called with the lock of its holder
/// held.
///
/// # Errors
/// What could not be deleted, or why it cannot be told yet what is to be deleted. The entry stays.
pub(super) async fn settle<H: Holder>(
    holder: &H,
    context: &Context,
    entry: WalEntry,
    rotation: Rotation,
) -> Result<(), Error> {
    let kept = holder.stored_keys(context, &rotation).await?;
    let is_kept = |key: &str| kept.iter().any(|kept| kept == key);
    let is_new_kept = rotation.new_key.as_deref().is_some_and(is_kept);
    let mut doomed = Vec::from_iter(rotation.new_key.clone());
    // A key whose id was never learned was never stored: whoever wrote another one since may still need the old one.
    if (rotation.stored || is_new_kept) && !rotation.old_key.is_empty() {
        doomed.push(rotation.old_key.clone());
    }
    doomed.retain(|key| !is_kept(key));
    if (rotation.new_key.is_none() || !doomed.is_empty())
        && let Some((ram, user)) = holder.owner(context, &rotation).await?
    {
        if rotation.new_key.is_none() {
            doomed = keys_made_since(context, &ram, &user, &rotation).await?;
            doomed.retain(|key| !is_kept(key));
        }
        for key in &doomed {
            remove(context, &ram, &user, key).await?;
        }
    }
    holder.pending().forget(rotation.new_key.as_deref());
    entry.delete(&*context.storage).await
}

/// The cloud with credentials of an account, and whose they are: those that the mount has, or had before.
///
/// # Errors
/// The mount has none of that account, or STS does not tell.
pub(in crate::secrets::alicloud) async fn cloud_in(
    engine: &Engine,
    context: &Context,
    config: &Config,
    account_id: &str,
) -> Result<Option<(Cloud, CallerIdentity)>, Error> {
    let cloud = engine.cloud_of(context, config).await?;
    for cloud in [Some(cloud), engine.previous_cloud_of(config)]
        .into_iter()
        .flatten()
    {
        let sts = cloud.sts.by(context.deadline());
        let identity = settled(context, is_new_key, || sts.get_caller_identity()).await;
        let identity = identity.map_err(failed_call)?;
        if identity.account_id.as_str() == account_id {
            return Ok(Some((cloud, identity)));
        }
    }
    Ok(None)
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
///
/// # Errors
/// It names key and user.
pub(in crate::secrets::alicloud) async fn remove(
    context: &Context,
    ram: &Ram,
    user: &str,
    key: &str,
) -> Result<(), Error> {
    let deactivated = settled(context, is_new_key, || ram.deactivate_access_key(user, key)).await;
    let removed = match deactivated {
        // Deleted is better than switched off, and wants another permission.
        Err(error) if error.kind() == Kind::Denied => {
            tracing::info!(user, key, %error, "a key is deleted without being deactivated before");
            Ok(())
        }
        answer => answer.ignore_not_found(),
    };
    let removed = match removed {
        Ok(()) => settled(context, is_new_key, || ram.delete_access_key(user, key))
            .await
            .ignore_not_found(),
        Err(error) => Err(error),
    };
    removed.map_err(|error| {
        let error = failed_call(error);
        Error::new(
            error.kind(),
            format!("access key {key:?} of user {user:?} cannot be deleted: {error}"),
        )
    })
}

/// Whether a refusal may be due to the credentials being new: RAM may not know yet what STS knows.
fn is_new_key(error: &cloud::Error) -> bool {
    error.kind() == Kind::Credentials
}
