//! A static role as what has a key that is rotated.

use std::sync::Arc;

use async_trait::async_trait;

use crate::alicloud::ram::{AccessKey, Ram};
use crate::framework::{Change, Context, Error, Status, WalEntry};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::rotation::{self, Holder, PendingKeys, Rotation};
use crate::secrets::alicloud::static_roles::locked::lock_user;
use crate::secrets::alicloud::static_roles::role::{STORAGE_PREFIX, StaticRole};
use crate::secrets::alicloud::static_roles::user;
use crate::secrets::lease::now;

/// The kind of the WAL entries of rotations of static roles. It is in storage for ever.
pub(super) const WAL_KIND: &str = "static role rotation";

/// A static role that has a key, or is to get its first.
pub(super) struct OfRole<'a> {
    pub(super) engine: &'a Engine,
    pub(super) name: &'a str,
    /// The role that is stored with its first key.
    pub(super) draft: Option<&'a StaticRole>,
}

#[async_trait]
impl Holder for OfRole<'_> {
    const WAL_KIND: &'static str = WAL_KIND;

    fn name(&self) -> String {
        format!("static role {:?}", self.name)
    }

    fn advice(&self) -> String {
        match self.draft {
            Some(_) => {
                "the static role was not written, and the key is deleted. Repeat the request".to_owned()
            }
            None => format!(
                "what static role {:?} has given out still does. The next rotation goes on with the new key; otherwise it is \
                 deleted in some minutes",
                self.name
            ),
        }
    }

    fn pending(&self) -> &PendingKeys {
        &self.engine.static_roles.pending
    }

    async fn stored_keys(&self, context: &Context, rotation: &Rotation) -> Result<Vec<String>, Error> {
        let role = role_of(context, rotation).await?;
        Ok(role.map(|role| role.keys()).unwrap_or_default())
    }

    async fn replacement(
        &self,
        context: &Context,
        rotation: &Rotation,
        key: &AccessKey,
        planned: Option<u64>,
    ) -> Result<Vec<Change>, Error> {
        let stored = StaticRole::load(&*context.storage, self.name).await?;
        let mut role = match (self.draft, stored) {
            (Some(draft), None) => draft.clone(),
            // One process has one writer, but another node may have become active.
            (None, Some(stored))
                if stored.key_id() == rotation.old_key && rotation.is_of_user(&stored.user_id) =>
            {
                stored
            }
            _ => {
                return Err(Error::coded(
                    Status::CONFLICT,
                    format!(
                        "static role {:?} was changed while its key was rotated",
                        self.name
                    ),
                ));
            }
        };
        role.replace_key(key, planned, now(context));
        match self.draft {
            Some(_) => role.put_with_user(self.name),
            None => Ok(vec![role.put(self.name)?]),
        }
    }

    async fn owner(&self, context: &Context, rotation: &Rotation) -> Result<Option<(Ram, String)>, Error> {
        let role = role_of(context, rotation).await?.unwrap_or_else(|| StaticRole {
            username: rotation.user_name.clone(),
            user_id: rotation.user_id.clone().unwrap_or_default(),
            account_id: rotation.account_id.clone(),
            ..StaticRole::default()
        });
        user::owner(self.engine, context, &role).await
    }
}

/// The static role that has the user of a rotation, if one has.
async fn role_of(context: &Context, rotation: &Rotation) -> Result<Option<StaticRole>, Error> {
    let id = rotation.user_id.as_deref().unwrap_or_default();
    let found = StaticRole::of_user(&*context.storage, id).await?;
    Ok(found.map(|(_, role)| role))
}

/// Whether there is a static role, or an unfinished rotation, of a user of this account. A role that cannot be read may be one.
///
/// # Errors
/// Storage cannot be listed.
pub(in crate::secrets::alicloud) async fn are_in(context: &Context, account: &str) -> Result<bool, Error> {
    let unfinished = WalEntry::all_of_kind::<Rotation>(context, WAL_KIND).await?;
    if unfinished.iter().any(|rotation| rotation.account_id == account) {
        return Ok(true);
    }
    for name in context.storage.list(STORAGE_PREFIX).await? {
        let role = StaticRole::load(&*context.storage, &name).await;
        if role.map_or(true, |role| role.is_some_and(|role| role.account_id == account)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Settles a rotation that a WAL entry knows of.
///
/// # Errors
/// It cannot be settled yet.
pub(super) async fn roll_back(engine: Arc<Engine>, context: Context, found: Rotation) -> Result<(), Error> {
    let id = found.user_id.as_deref().unwrap_or_default();
    let _one_writer = lock_user(&engine, &context, id).await?;
    let holder = OfRole {
        engine: &engine,
        name: &found.user_name,
        draft: None,
    };
    rotation::roll_back(&holder, &context, &found).await
}
