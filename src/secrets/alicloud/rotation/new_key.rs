//! A new key for a user, from its creation to the deletion of the old one: what rotations of the root key and of static
//! roles have in common.

use std::time::Duration;

use crate::alicloud::CallerIdentity;
use crate::alicloud::arn::Identity;
use crate::alicloud::ram::{AccessKey, ListedKey, Ram};
use crate::alicloud::sts::Sts;
use crate::cloud::budget::UNDO_KEY;
use crate::cloud::timestamp;
use crate::framework::{Context, Error, Status, WalEntry};
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::propagation;
use crate::secrets::alicloud::rotation::entry::Rotation;
use crate::secrets::alicloud::rotation::holder::Holder;
use crate::secrets::alicloud::rotation::settle::settle;

/// What is kept of a rotation's time for what comes after the trial of the new key.
const RESERVE: Duration = Duration::from_secs(10);

/// A rotation that has succeeded.
#[derive(Debug)]
pub(in crate::secrets::alicloud) struct Rotated {
    /// The id of the key that is in storage now.
    pub(in crate::secrets::alicloud) key_id: String,
    /// Why the old key is still there.
    pub(in crate::secrets::alicloud) unfinished: Option<Error>,
}

/// A rotation that has its new key, which is not stored yet.
pub(in crate::secrets::alicloud) struct Begun {
    entry: WalEntry,
    rotation: Rotation,
    key: AccessKey,
}

/// Looks for earlier rotations that were not finished: one whose new key this process has is to be gone on with, where
/// `old_key` is still the one to replace; the others are settled.
///
/// # Errors
/// One cannot be settled yet.
pub(in crate::secrets::alicloud) async fn resume<H: Holder>(
    holder: &H,
    context: &Context,
    is_own: impl Fn(&Rotation) -> bool,
    old_key: &str,
) -> Result<Option<Begun>, Error> {
    let mut resumed = None;
    for (entry, rotation) in WalEntry::find::<Rotation>(context, H::WAL_KIND).await? {
        if !is_own(&rotation) {
            continue;
        }
        match holder.pending().kept(rotation.new_key.as_deref()) {
            Some(key) if rotation.old_key == old_key && resumed.is_none() => {
                resumed = Some(Begun { entry, rotation, key });
            }
            _ => settle(holder, context, entry, rotation).await?,
        }
    }
    Ok(resumed)
}

/// Makes the new key, with a WAL entry before and its id in the entry afterwards.
///
/// # Errors
/// There is none, or the WAL entry knows of what there may be.
pub(in crate::secrets::alicloud) async fn begin<H: Holder>(
    holder: &H,
    context: &Context,
    ram: &Ram,
    mut rotation: Rotation,
) -> Result<Begun, Error> {
    let entry = WalEntry::put(context, H::WAL_KIND, &rotation).await?;
    let key = match ram.create_access_key(&rotation.user_name).await {
        Ok(key) => key,
        Err(error) if error.outcome_unknown() => {
            // At once: the later it is looked for, the more can be mistaken for it.
            let undone = settle(holder, &context.for_undo(UNDO_KEY), entry, rotation).await;
            let advice = match undone {
                Ok(()) => "the key that was created all the same is deleted: try again",
                Err(_) => "a key that was created all the same is deleted in some minutes; then try again",
            };
            return Err(with_advice(failed_call(error), advice));
        }
        Err(error) => {
            entry.delete(&*context.storage).await?;
            return Err(failed_call(error));
        }
    };
    rotation.new_key = Some(key.id.clone());
    if let Err(error) = entry.put_again(context, H::WAL_KIND, &rotation).await {
        discard(ram, &rotation.user_name, &key).await;
        return Err(error);
    }
    holder.pending().keep(&key);
    Ok(Begun { entry, rotation, key })
}

/// From the trial of the new key to the end.
///
/// # Errors
/// The new key is not stored, and what was there before works as before.
pub(in crate::secrets::alicloud) async fn finish<H: Holder>(
    holder: &H,
    context: &Context,
    sts: &Sts,
    begun: Begun,
    planned: Option<u64>,
) -> Result<Rotated, Error> {
    let Begun {
        entry,
        mut rotation,
        key,
    } = begun;
    let left = context.deadline().remaining();
    let trial = context.within(left - RESERVE.min(left / 3));
    let identity = match propagation::first_answer(sts, &trial, &key).await? {
        Ok(identity) => identity,
        Err(error) => {
            return Err(with_advice(
                Error::coded(
                    Status::UNAVAILABLE,
                    format!("the new access key {:?} does not work yet: {error}", key.id),
                ),
                &holder.advice(),
            ));
        }
    };
    if !is_of_user(&identity, &rotation) {
        let wrong = Error::coded(
            Status::BAD_GATEWAY,
            format!(
                "the new access key {:?} belongs to {}, and not to user {:?} of account {}: it is deleted",
                key.id, identity.arn, rotation.user_name, rotation.account_id
            ),
        );
        settle(holder, context, entry, rotation).await?;
        return Err(wrong);
    }
    store(holder, context, &entry, &mut rotation, &key, planned)
        .await
        .map_err(|error| {
            let advice = format!(
                "the new access key could not be stored in {}; the one that is not there is deleted in some minutes",
                holder.name()
            );
            with_advice(error, &advice)
        })?;
    holder.pending().forget(Some(&key.id));
    let (user, old_key) = (rotation.user_name.clone(), rotation.old_key.clone());
    let settled = settle(holder, context, entry, rotation).await;
    tracing::info!(
        user,
        old_key,
        new_key = key.id,
        "rotated the key of {}",
        holder.name()
    );
    Ok(Rotated {
        key_id: key.id.clone(),
        unfinished: settled.err().map(|error| not_deleted_yet(&old_key, &error)),
    })
}

/// What a rotation that has succeeded tells of an old key that is still there.
pub(in crate::secrets::alicloud) fn not_deleted_yet(old_key: &str, error: &Error) -> Error {
    Error::new(
        error.kind(),
        format!("the old access key {old_key:?} could not be deleted yet; this is retried: {error}"),
    )
}

/// Puts the new key in the place of the old one, and notes that in the WAL entry.
async fn store<H: Holder>(
    holder: &H,
    context: &Context,
    entry: &WalEntry,
    rotation: &mut Rotation,
    key: &AccessKey,
    planned: Option<u64>,
) -> Result<(), Error> {
    let mut changes = holder.replacement(context, rotation, key, planned).await?;
    rotation.stored = true;
    changes.push(entry.replacement(context, H::WAL_KIND, rotation)?);
    context.storage.apply(changes).await?;
    Ok(())
}

/// Deletes a new key that nobody knows, at once. The WAL entry knows that there may be one.
async fn discard(ram: &Ram, user: &str, key: &AccessKey) {
    if let Err(error) = ram.delete_access_key(user, &key.id).await {
        tracing::warn!(event = "new_key_left", user, key = key.id, %error, "a new key of a rotation that could not be recorded cannot be deleted; will retry");
    }
}

/// Whether the key with this identity was made for the rotation's user.
fn is_of_user(identity: &CallerIdentity, rotation: &Rotation) -> bool {
    let is_named = match identity.arn.identity() {
        Identity::User(name) => crate::alicloud::arn::same_name(name, &rotation.user_name),
        _ => false,
    };
    is_named && identity.account_id.as_str() == rotation.account_id
}

/// Keys as an error lists them, with what is to be said of each, and their ages.
pub(in crate::secrets::alicloud) fn listed(
    keys: &[ListedKey],
    about: impl Fn(&str) -> &'static str,
) -> String {
    let described = keys.iter().map(|key| {
        let age = key.created.zip(key.age).map(|(created, age)| {
            let days = age.as_secs() / (24 * 3600);
            format!(", created {}, {days} days old", timestamp(created))
        });
        format!("{}{}{}", key.id, about(&key.id), age.unwrap_or_default())
    });
    described.collect::<Vec<_>>().join("; ")
}

pub(in crate::secrets::alicloud) fn with_advice(error: Error, advice: &str) -> Error {
    Error::new(error.kind(), format!("{}; {advice}", error.message()))
}
