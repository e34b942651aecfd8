//! The end of a rotation, whatever stopped it: of its two keys those that are in storage stay, and the other goes.

use crate::alicloud::CallerIdentity;
use crate::alicloud::ram::{ListedKey, Ram};
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

/// How long after the beginning of a rotation its new key can be made, in seconds: the call is made once, within 45 seconds, and
/// may be carried out late.
const UNCERTAIN: u64 = 120;

/// By how much the clocks of two nodes may differ, and the cloud's clock within ten minutes, in seconds.
const CLOCKS: u64 = 60;

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
            doomed.extend(key_without_answer(context, &ram, &user, &rotation, is_kept).await?);
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

/// The key that the rotation has made without learning its id, if it has made one. The user had no other key than the old one.
///
/// It has no mark. So it is a key that is not in storage, that appeared when the call was made, and that is alone: where
/// there is another one, or where somebody has deleted the old one, somebody manages keys by hand, and none is touched. The next
/// rotation names them.
async fn key_without_answer(
    context: &Context,
    ram: &Ram,
    user: &str,
    rotation: &Rotation,
    is_kept: impl Fn(&str) -> bool,
) -> Result<Option<String>, Error> {
    let keys = match ram.access_keys(user).await {
        Err(error) if error.is_not_found() && error.subject() == Some(Subject::User) => return Ok(None),
        keys => keys.map_err(failed_call)?,
    };
    let now = now(context);
    let has_old = rotation.old_key.is_empty() || keys.iter().any(|key| key.id == rotation.old_key);
    let time = rotation.begun.saturating_sub(CLOCKS)..=rotation.begun.saturating_add(UNCERTAIN + CLOCKS);
    let is_in_time = |key: &ListedKey| {
        key.age
            .is_some_and(|age| time.contains(&now.saturating_sub(age.as_secs())))
    };
    let mut made: Vec<_> = keys.into_iter().filter(is_in_time).map(|key| key.id).collect();
    made.retain(|key| *key != rotation.old_key && !is_kept(key));
    if made.is_empty() && now < rotation.begun.saturating_add(UNCERTAIN) {
        return Err(Error::coded(
            Status::UNAVAILABLE,
            "it is not certain yet whether an earlier rotation has created a key; try again in two minutes",
        ));
    }
    if made.len() > 1 || !has_old {
        tracing::warn!(
            event = "new_key_not_recognised",
            user,
            keys = ?made,
            "one of these keys may be that of a rotation whose answer was lost; none is deleted"
        );
        return Ok(None);
    }
    Ok(made.pop())
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
