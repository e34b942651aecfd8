//! Finding a user of the mount that is not there by its name: one that its lease lets call `ram:UpdateUser`.

use crate::alicloud::Kind;
use crate::alicloud::ram::{Ram, User};
use crate::framework::{Context, Error};
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::removal::MadeUser;
use crate::secrets::lease::{OwnerTag, owned_users};

/// Users of the mount that no lease owns and that are looked at for a lost one. There should be none.
const MOST_CANDIDATES: usize = 20;

/// Whether the user was made by the mount of this owner tag.
pub(super) fn is_tagged(owner_tag: &OwnerTag, user: &User) -> bool {
    user.comments
        .as_deref()
        .is_some_and(|comment| owner_tag.is_in(comment))
}

/// The user under the name that it has now: by its id, or, where a lease does not say that, by the owner tag and a key.
pub(super) async fn find(
    context: &Context,
    ram: &Ram,
    owner_tag: Option<&OwnerTag>,
    user: &MadeUser,
) -> Result<Option<MadeUser>, Error> {
    // What was never handed out had nobody to rename it.
    if user.user_id.is_none() && user.access_keys.is_empty() {
        return Ok(None);
    }
    let users = match ram.list_users().await {
        Ok(users) => users,
        Err(error) if error.kind() == Kind::Denied => {
            tracing::warn!(
                event = "renamed_user_not_looked_for",
                user = user.user_name,
                "a user is not there, and may have another name: grant ram:ListUsers, so that it can be looked for"
            );
            return Ok(None);
        }
        Err(error) => return Err(failed_call(error)),
    };
    let found = match (&user.user_id, owner_tag) {
        (Some(id), _) => users.into_iter().find(|found| found.id == *id),
        (None, Some(owner_tag)) => with_a_key(context, ram, owner_tag, users, &user.access_keys).await?,
        (None, None) => None,
    };
    Ok(found.map(|found| MadeUser {
        user_name: found.name,
        ..user.clone()
    }))
}

/// The user of the mount that no lease owns and that has one of these keys.
async fn with_a_key(
    context: &Context,
    ram: &Ram,
    owner_tag: &OwnerTag,
    users: Vec<User>,
    keys: &[String],
) -> Result<Option<User>, Error> {
    let owned = owned_users::<MadeUser>(context).await?;
    let lost = users
        .into_iter()
        .filter(|found| is_tagged(owner_tag, found) && !owned.contains(&found.name.to_ascii_lowercase()));
    for found in lost.take(MOST_CANDIDATES) {
        match ram.list_access_keys(&found.name).await {
            Ok(listed) if listed.iter().any(|key| keys.contains(key)) => return Ok(Some(found)),
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(failed_call(error)),
        }
    }
    Ok(None)
}
