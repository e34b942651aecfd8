//! The RAM user of a static role: whether it may be one, and whether it is still the same.

use crate::alicloud::arn::{Identity, same_name};
use crate::alicloud::ram::{ListedKey, Ram, User};
use crate::alicloud::{Credentials, Kind};
use crate::framework::{Context, Error, Excerpt, Status};
use crate::secrets::alicloud::cloud::Cloud;
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::renamed_user::is_tagged;
use crate::secrets::alicloud::rotation::{Rotation, cloud_in, listed};
use crate::secrets::alicloud::static_roles::role::StaticRole;
use crate::secrets::lease::now;

/// A user that can have a static role.
pub(super) struct RoleUser {
    /// As RAM spells it.
    pub(super) name: String,
    pub(super) id: String,
    pub(super) account_id: String,
}

impl RoleUser {
    /// Looks a user up, and checks that its keys may be managed.
    ///
    /// # Errors
    /// There is no such user, or it is one whose keys have another owner: that of the mount's own key, or of a lease.
    pub(super) async fn find(
        engine: &Engine,
        context: &Context,
        cloud: &Cloud,
        name: &str,
    ) -> Result<Self, Error> {
        let (ram, sts) = (cloud.ram.by(context.deadline()), cloud.sts.by(context.deadline()));
        let identity = sts.get_caller_identity().await.map_err(failed_call)?;
        let user = match ram.get_user(name).await {
            Err(error) if error.is_not_found() => {
                return Err(Error::bad_request(format!(
                    "account {} has no RAM user {name:?} (any more): a static role needs one that exists",
                    identity.account_id
                )));
            }
            answer => answer.map_err(failed_call)?,
        };
        if !same_name(&user.name, name) {
            return Err(Error::coded(
                Status::BAD_GATEWAY,
                format!(
                    "RAM answered with user {:?} where {name:?} was asked for: nothing is changed",
                    Excerpt(&user.name)
                ),
            ));
        }
        let is_own = match identity.arn.identity() {
            Identity::User(own) => same_name(own, &user.name) || identity.user_id.as_ref() == Some(&user.id),
            _ => false,
        };
        if is_own {
            return Err(Error::bad_request(format!(
                "user {:?} is the user of config, whose key is the mount's own: it can have no static role. Use \
                 config/rotate-root for it",
                user.name
            )));
        }
        if let Some(owner_tag) = &engine.mount.owner_tag
            && is_tagged(owner_tag, &user)
        {
            return Err(Error::bad_request(format!(
                "user {:?} was created by this mount for a lease: it can have no static role",
                user.name
            )));
        }
        if user.id.is_empty() {
            return Err(Error::coded(
                Status::BAD_GATEWAY,
                format!("RAM does not tell the id of user {:?}", user.name),
            ));
        }
        let User { name, id, .. } = user;
        Ok(Self {
            name,
            id,
            account_id: identity.account_id.to_string(),
        })
    }

    /// A rotation that begins now, of the key with this id. Blank: it has none.
    pub(super) fn rotation(&self, old_key: &str, context: &Context) -> Rotation {
        Rotation {
            user_id: Some(self.id.clone()),
            ..Rotation::of(
                self.account_id.clone(),
                self.name.clone(),
                old_key.to_owned(),
                now(context),
            )
        }
    }

    /// Checks that it is the user of a static role.
    ///
    /// # Errors
    /// It is another one, of the same name.
    pub(super) fn check_is_of(&self, role: &StaticRole) -> Result<(), Error> {
        let changed = if self.account_id != role.account_id {
            format!(
                "the mount has credentials of account {}, and the static role is of account {}",
                self.account_id, role.account_id
            )
        } else if self.id != role.user_id {
            format!(
                "user {:?} is not the one that the static role was written for: its id is {}, and was {}. Delete the static \
                 role, and write it again if it is to manage the keys of this user",
                self.name, self.id, role.user_id
            )
        } else {
            return Ok(());
        };
        Err(Error::coded(Status::CONFLICT, changed))
    }

    /// Its keys, which must be of the role.
    ///
    /// # Errors
    /// It has others: those are named.
    pub(super) async fn own_keys(&self, ram: &Ram, known: &[String]) -> Result<Vec<ListedKey>, Error> {
        let keys = ram.access_keys(&self.name).await.map_err(failed_call)?;
        let is_known = |key: &str| known.iter().any(|known| known == key);
        if keys.iter().all(|key| is_known(&key.id)) {
            return Ok(keys);
        }
        let listed = listed(&keys, |key| {
            if is_known(key) {
                " (of the static role)"
            } else {
                ""
            }
        });
        Err(Error::bad_request(format!(
            "user {:?} has access keys that are not of the static role: {listed}. RAM allows two keys, and a rotation needs both \
             places: delete in RAM what is not needed, or hand the user's only key over with import_access_key and \
             import_secret_key",
            self.name
        )))
    }
}

/// Checks that the mount itself does not use one of these access keys. Whose they are does not tell where `config` names a role
/// to assume.
///
/// # Errors
/// It does: a rotation would delete it.
pub(super) async fn check_not_of_config(context: &Context, keys: &[String]) -> Result<(), Error> {
    let config = Config::load(&*context.storage).await?.unwrap_or_default();
    let own = config.keys();
    let Some(own) = keys.iter().find(|key| own.contains(key)) else {
        return Ok(());
    };
    Err(Error::bad_request(format!(
        "access key {own:?} is the mount's own: it is in config, and no static role can have it. Write another user's key to \
         config, or use config/rotate-root for this one"
    )))
}

/// RAM with credentials of the account of a role, and the name that its user has now. `None`: the user is gone, and its keys
/// with it.
///
/// # Errors
/// The mount has no credentials of the account, or the cloud does not tell.
pub(super) async fn owner(
    engine: &Engine,
    context: &Context,
    role: &StaticRole,
) -> Result<Option<(Ram, String)>, Error> {
    let config = Config::load(&*context.storage).await?.unwrap_or_default();
    let Some((cloud, _)) = cloud_in(engine, context, &config, &role.account_id).await? else {
        return Err(Error::coded(
            Status::CONFLICT,
            format!(
                "the keys of user {:?} cannot be deleted: they are of account {}, and config has credentials of another one. \
                 Write a key of that account to config, or as previous_access_key and previous_secret_key",
                role.username, role.account_id
            ),
        ));
    };
    // Ends of keys let what is made go first, as ends of leases do.
    let cloud = cloud.in_background();
    let ram = cloud.ram.by(context.deadline());
    if is_user(&ram, &role.username, &role.user_id).await? {
        return Ok(Some((ram, role.username.clone())));
    }
    // It may have another name, which its key tells.
    let Some(key) = &role.key else {
        return Ok(None);
    };
    let credentials = Credentials::new(key.access_key.clone(), key.secret_key.clone());
    let sts = cloud.sts.with_credentials(credentials).by(context.deadline());
    let identity = match sts.get_caller_identity().await {
        Err(error) if error.kind() == Kind::Credentials => return Ok(None),
        answer => answer.map_err(failed_call)?,
    };
    match identity.arn.identity() {
        Identity::User(name) if is_user(&ram, name, &role.user_id).await? => Ok(Some((ram, name.clone()))),
        _ => Ok(None),
    }
}

/// Whether the user of this name has this id.
async fn is_user(ram: &Ram, name: &str, id: &str) -> Result<bool, Error> {
    match ram.get_user(name).await {
        Ok(user) => Ok(user.id == id),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(failed_call(error)),
    }
}
