//! A rotation, from the first look to the deletion of the old key.

use std::time::Duration;

use time::OffsetDateTime;

use crate::alicloud::CallerIdentity;
use crate::alicloud::arn::Identity;
use crate::alicloud::ram::{AccessKey, ListedKey, Ram};
use crate::alicloud::sts::Sts;
use crate::cloud::timestamp;
use crate::framework::{Context, Error, Status, WalEntry};
use crate::secrets::alicloud::config::{Config, STORAGE_KEY};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::propagation;
use crate::secrets::alicloud::rotation::entry::{Rotation, WAL_KIND};
use crate::secrets::alicloud::rotation::settle::settle;
use crate::secrets::alicloud::rotation::status::Trigger;
use crate::secrets::lease::now;

/// What is kept of a rotation's time for what comes after the trial of the new key.
const RESERVE: Duration = Duration::from_secs(10);

/// A rotation that has succeeded.
#[derive(Debug)]
pub(in crate::secrets::alicloud) struct Rotated {
    /// The id of the key that `config` has now.
    pub(in crate::secrets::alicloud) key_id: String,
    /// Why the old key is still there.
    pub(in crate::secrets::alicloud) unfinished: Option<Error>,
}

/// Replaces the key in `config`, because a request asks for it.
///
/// # Errors
/// What stands against it. The key in `config` works as before.
pub(in crate::secrets::alicloud) async fn rotate(
    engine: &Engine,
    context: &Context,
) -> Result<Rotated, Error> {
    // Two keys are worse than a caller who does not see the answer: what is begun goes on without them.
    let context = &context.for_undo(context.deadline().remaining());
    let _one_writer = context.unless_cancelled(engine.locks.lock(STORAGE_KEY)).await?;
    let outcome = rotate_alone(engine, context, None).await;
    engine.root.ended(Trigger::Request, &outcome);
    outcome
}

/// Replaces the key in `config`, with its lock held. `planned` is the time for which the schedule planned it.
pub(super) async fn rotate_alone(
    engine: &Engine,
    context: &Context,
    planned: Option<u64>,
) -> Result<Rotated, Error> {
    let config = Config::load(&*context.storage).await?.unwrap_or_default();
    let old_key = config
        .key_to_rotate()
        .map_err(|reason| Error::bad_request(format!("the root key cannot be rotated: {reason}")))?
        .to_owned();
    for (entry, rotation) in WalEntry::find::<Rotation>(context, WAL_KIND).await? {
        match engine.root.kept(rotation.new_key.as_deref()) {
            Some(key) if rotation.old_key == old_key => {
                let cloud = engine.cloud_of(context, &config).await?;
                return go_on(engine, context, &cloud.sts, entry, rotation, &key, planned).await;
            }
            _ => settle(engine, context, entry, rotation).await?,
        }
    }

    let cloud = engine.cloud_of(context, &config).await?;
    let (ram, sts) = (cloud.ram.by(context.deadline()), cloud.sts.by(context.deadline()));
    let identity = sts.get_caller_identity().await.map_err(failed_call)?;
    let user = user_of(&identity)?;
    let keys = ram.access_keys(user).await.map_err(failed_call)?;
    check_only_key(user, &keys, &old_key, context.clock.now())?;
    let mut rotation = Rotation {
        account_id: identity.account_id.to_string(),
        user_name: user.to_owned(),
        old_key,
        new_key: None,
        begun: now(context),
        stored: false,
    };
    let entry = WalEntry::put(context, WAL_KIND, &rotation).await?;
    let key = match ram.create_access_key(user).await {
        Ok(key) => key,
        Err(error) if error.outcome_unknown() => {
            return Err(with_advice(
                failed_call(error),
                "a key that was created all the same is deleted in some minutes; then try again",
            ));
        }
        Err(error) => {
            entry.delete(&*context.storage).await?;
            return Err(failed_call(error));
        }
    };
    rotation.new_key = Some(key.id.clone());
    if let Err(error) = entry.put_again(context, WAL_KIND, &rotation).await {
        discard(&ram, user, &key).await;
        return Err(error);
    }
    engine.root.keep(&key);
    go_on(engine, context, &sts, entry, rotation, &key, planned).await
}

/// From the trial of the new key to the end.
async fn go_on(
    engine: &Engine,
    context: &Context,
    sts: &Sts,
    entry: WalEntry,
    mut rotation: Rotation,
    key: &AccessKey,
    planned: Option<u64>,
) -> Result<Rotated, Error> {
    let left = context.deadline().remaining();
    let trial = context.within(left - RESERVE.min(left / 3));
    let identity = match propagation::first_answer(sts, &trial, key).await? {
        Ok(identity) => identity,
        Err(error) => {
            return Err(with_advice(
                Error::coded(
                    Status::UNAVAILABLE,
                    format!("the new access key {:?} does not work yet: {error}", key.id),
                ),
                "the key in config still does. Repeat the request to go on with the new one; otherwise it is deleted in some \
                 minutes",
            ));
        }
    };
    if identity.account_id.as_str() != rotation.account_id || user_of(&identity)? != rotation.user_name {
        let wrong = Error::coded(
            Status::BAD_GATEWAY,
            format!(
                "the new access key {:?} belongs to {}, and not to user {:?} of account {}: it is deleted",
                key.id, identity.arn, rotation.user_name, rotation.account_id
            ),
        );
        settle(engine, context, entry, rotation).await?;
        return Err(wrong);
    }
    store(context, &entry, &mut rotation, key, planned)
        .await
        .map_err(|error| {
            with_advice(
                error,
                "the new access key could not be stored in config; the one that is not there is deleted in some minutes",
            )
        })?;
    engine.root.forget();
    let (user, old_key) = (rotation.user_name.clone(), rotation.old_key.clone());
    let settled = settle(engine, context, entry, rotation).await;
    tracing::info!(user, old_key, new_key = key.id, "rotated the root key");
    Ok(Rotated {
        key_id: key.id.clone(),
        unfinished: settled.err().map(|error| {
            Error::new(
                error.kind(),
                format!("the old access key {old_key:?} could not be deleted yet; this is retried: {error}"),
            )
        }),
    })
}

/// Puts the new pair in the place of the old one, and notes that in the WAL entry.
async fn store(
    context: &Context,
    entry: &WalEntry,
    rotation: &mut Rotation,
    key: &AccessKey,
    planned: Option<u64>,
) -> Result<(), Error> {
    let mut config = Config::load(&*context.storage).await?.unwrap_or_default();
    // One process has one writer, but another node may have become active.
    if config.access_key != rotation.old_key {
        return Err(Error::coded(
            Status::CONFLICT,
            "config was changed while its key was rotated",
        ));
    }
    config.replace_key(key, planned, now(context));
    rotation.stored = true;
    let changes = vec![config.put()?, entry.replacement(context, WAL_KIND, rotation)?];
    context.storage.apply(changes).await?;
    Ok(())
}

/// Deletes a new key that nobody knows, with the old one. The WAL entry knows that there may be one.
async fn discard(ram: &Ram, user: &str, key: &AccessKey) {
    if let Err(error) = ram.delete_access_key(user, &key.id).await {
        tracing::warn!(event = "new_root_key_left", user, key = key.id, %error, "a new root key that could not be recorded cannot be deleted; will retry");
    }
}

/// The RAM user whose credentials these are.
fn user_of(identity: &CallerIdentity) -> Result<&str, Error> {
    match identity.arn.identity() {
        Identity::User(name) => Ok(name),
        Identity::Root => Err(Error::bad_request(
            "the root key cannot be rotated: it is a key of the account itself. Configure the key of a RAM user",
        )),
        _ => Err(Error::bad_request(format!(
            "the root key cannot be rotated: it belongs to {}, which is no RAM user",
            identity.arn
        ))),
    }
}

/// A user has at most two keys. Which of two is not needed, only its owner knows.
fn check_only_key(user: &str, keys: &[ListedKey], old_key: &str, now: OffsetDateTime) -> Result<(), Error> {
    if !keys.iter().any(|key| key.id == old_key) {
        return Err(Error::coded(
            Status::CONFLICT,
            format!(
                "RAM does not list the access key {old_key:?} of config for user {user:?}; try again later"
            ),
        ));
    }
    if keys.len() == 1 {
        return Ok(());
    }
    let listed: Vec<_> = keys.iter().map(|key| described(key, old_key, now)).collect();
    Err(Error::bad_request(format!(
        "user {user:?} has {} access keys, and RAM allows no third: {}. Delete the one that is not needed, and try again",
        keys.len(),
        listed.join("; ")
    )))
}

fn described(key: &ListedKey, old_key: &str, now: OffsetDateTime) -> String {
    let place = if key.id == old_key { " (in config)" } else { "" };
    let age = key.created.map(|created| {
        let days = (now - created).whole_days().max(0);
        format!(", created {}, {days} days old", timestamp(created))
    });
    format!("{}{place}{}", key.id, age.unwrap_or_default())
}

fn with_advice(error: Error, advice: &str) -> Error {
    Error::new(error.kind(), format!("{}; {advice}", error.message()))
}
