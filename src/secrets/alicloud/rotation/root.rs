//! Rotations of the key in `config`.

use std::sync::Arc;

use async_trait::async_trait;

use crate::alicloud::CallerIdentity;
use crate::alicloud::arn::Identity;
use crate::alicloud::ram::{AccessKey, ListedKey, Ram};
use crate::framework::{Change, Context, Error, Status, WalEntry};
use crate::secrets::alicloud::config::{Config, STORAGE_KEY};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::rotation::entry::Rotation;
use crate::secrets::alicloud::rotation::holder::{Holder, PendingKeys};
use crate::secrets::alicloud::rotation::new_key::{Rotated, begin, finish, listed, resume};
use crate::secrets::alicloud::rotation::settle::{self, cloud_in};
use crate::secrets::alicloud::rotation::status::Trigger;
use crate::secrets::lease::now;

/// The kind of the WAL entries of rotations of the root key. It is in storage for ever.
pub(in crate::secrets::alicloud) const WAL_KIND: &str = "root rotation";

/// `config` as what has a key.
struct Root<'a>(&'a Engine);

#[async_trait]
impl Holder for Root<'_> {
    const WAL_KIND: &'static str = WAL_KIND;

    fn name(&self) -> String {
        "config".to_owned()
    }

    fn advice(&self) -> String {
        "the key in config still does. Repeat the request to go on with the new one; otherwise it is deleted in some minutes"
            .to_owned()
    }

    fn pending(&self) -> &PendingKeys {
        &self.0.root.pending
    }

    async fn stored_keys(&self, context: &Context, _: &Rotation) -> Result<Vec<String>, Error> {
        let config = Config::load(&*context.storage).await?.unwrap_or_default();
        // The mount cleans up its former account with the other one.
        Ok(config.keys())
    }

    async fn replacement(
        &self,
        context: &Context,
        rotation: &Rotation,
        key: &AccessKey,
        planned: Option<u64>,
    ) -> Result<Vec<Change>, Error> {
        let mut config = Config::load(&*context.storage).await?.unwrap_or_default();
        // One process has one writer, but another node may have become active.
        if config.access_key != rotation.old_key {
            return Err(Error::coded(
                Status::CONFLICT,
                "config was changed while its key was rotated",
            ));
        }
        config.replace_key(key, planned, now(context));
        Ok(vec![config.put()?])
    }

    async fn owner(&self, context: &Context, rotation: &Rotation) -> Result<Option<(Ram, String)>, Error> {
        let config = Config::load(&*context.storage).await?.unwrap_or_default();
        let Some((cloud, identity)) = cloud_in(self.0, context, &config, &rotation.account_id).await? else {
            return Err(Error::coded(
                Status::CONFLICT,
                format!(
                    "a rotation of access key {:?} of user {:?} was not finished, and config has credentials of another \
                     account than {account} now. Write a key of account {account} to previous_access_key and \
                     previous_secret_key, with which the key that is not needed is deleted",
                    rotation.old_key,
                    rotation.user_name,
                    account = rotation.account_id
                ),
            ));
        };
        let is_own = |key: &str| rotation.old_key == key || rotation.new_key.as_deref() == Some(key);
        let user = match identity.arn.identity() {
            // It may have another name since.
            Identity::User(name) if is_own(&config.access_key) => name.clone(),
            _ => rotation.user_name.clone(),
        };
        Ok(Some((cloud.ram.by(context.deadline()), user)))
    }
}

/// Replaces the key in `config`, because a request asks for it.
///
/// # Errors
/// What stands against it. The key in `config` works as before.
pub(in crate::secrets::alicloud) async fn rotate_root(
    engine: &Engine,
    context: &Context,
) -> Result<Rotated, Error> {
    let _one_writer = context.unless_cancelled(engine.locks.lock(STORAGE_KEY)).await?;
    // Two keys are worse than a caller who does not see the answer: what is begun goes on without them.
    let context = &context.for_undo(context.deadline().remaining());
    let outcome = rotate_alone(engine, context, None).await;
    engine.root.ended(Trigger::Request, &outcome);
    outcome
}

/// Whether a rotation of a key of this account is yet to be settled.
///
/// # Errors
/// Storage cannot be read.
pub(in crate::secrets::alicloud) async fn has_unfinished_rotation(
    context: &Context,
    account: &str,
) -> Result<bool, Error> {
    let unfinished = WalEntry::all_of_kind::<Rotation>(context, WAL_KIND).await?;
    Ok(unfinished.iter().any(|rotation| rotation.account_id == account))
}

/// Settles a rotation that a WAL entry knows of.
///
/// # Errors
/// It cannot be settled yet.
pub(in crate::secrets::alicloud) async fn roll_back_root(
    engine: Arc<Engine>,
    context: Context,
    found: Rotation,
) -> Result<(), Error> {
    let _one_writer = context.unless_cancelled(engine.locks.lock(STORAGE_KEY)).await?;
    settle::roll_back(&Root(&engine), &context, &found).await
}

/// Replaces the key in `config`, with its lock held. `planned` is the time for which the schedule planned it.
pub(super) async fn rotate_alone(
    engine: &Engine,
    context: &Context,
    planned: Option<u64>,
) -> Result<Rotated, Error> {
    let root = Root(engine);
    let config = Config::load(&*context.storage).await?.unwrap_or_default();
    let old_key = config
        .key_to_rotate()
        .map_err(|reason| Error::bad_request(format!("the root key cannot be rotated: {reason}")))?
        .to_owned();
    let cloud = engine.cloud_of(context, &config).await?;
    let (ram, sts) = (cloud.ram.by(context.deadline()), cloud.sts.by(context.deadline()));
    // Nothing is asked with the old key first: it may have been disabled since, and the new one is there.
    let is_begun = |rotation: &Rotation| rotation.old_key == old_key;
    if let Some(begun) = resume(&root, context, is_begun, &old_key).await? {
        return finish(&root, context, &cloud.sts, begun, planned).await;
    }
    let identity = sts.get_caller_identity().await.map_err(failed_call)?;
    // What is left in another account is not in the way of this one.
    let is_own = |rotation: &Rotation| rotation.account_id == identity.account_id.as_str();
    if let Some(begun) = resume(&root, context, is_own, &old_key).await? {
        return finish(&root, context, &cloud.sts, begun, planned).await;
    }
    let user = user_of(&identity)?;
    let keys = ram.access_keys(user).await.map_err(failed_call)?;
    check_only_key(user, &keys, &old_key)?;
    let rotation = Rotation::of(
        identity.account_id.to_string(),
        user.to_owned(),
        old_key,
        now(context),
    );
    let begun = begin(&root, context, &ram, rotation).await?;
    finish(&root, context, &sts, begun, planned).await
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
fn check_only_key(user: &str, keys: &[ListedKey], old_key: &str) -> Result<(), Error> {
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
    let listed = listed(keys, |key| if key == old_key { " (in config)" } else { "" });
    Err(Error::bad_request(format!(
        "user {user:?} has {} access keys, and RAM allows no third: {listed}. Delete the one that is not needed, and try again",
        keys.len(),
    )))
}
