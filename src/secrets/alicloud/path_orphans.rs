//! `orphans`: RAM users that carry this mount's owner tag and belong to no lease, and their removal.
//!
//! There are none while the mount's storage is whole. They appear when storage is set back to an older state: users
//! that were made after that state are then known to nobody.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use crate::alicloud;
use crate::alicloud::ram::{PolicyKind, PolicyRef, Ram};
use crate::framework::{
    Context, Error, Field, FieldKind, HandlerResult, NoArguments, Operation, Path, Response, Status,
};
use crate::secrets::alicloud::engine::{Engine, OPERATIONS};
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::names;
use crate::secrets::alicloud::removal::MadeUser;
use crate::secrets::alicloud::renamed_user::is_tagged;
use crate::secrets::lease::{OwnerTag, owned_ids, owned_users, remove_orphan};

const LIST_SYNOPSIS: &str = "List the RAM users that this mount has made and that belong to no lease.";

const LIST_DESCRIPTION: &str = "
Compares the account's RAM users with the mount's own record of its leases. A user is shown when its comments carry this
mount's owner tag, and no lease and no unfinished request of the mount owns it.

There should be none. They appear when the server's storage is restored from a backup that is older than they are. Delete
them at \"orphans/<user>\", but not from a server that was set up with another server's storage: there, all users that the
other server has made since are shown.
";

const SYNOPSIS: &str = "Remove a RAM user that this mount has made and that belongs to no lease.";

const DESCRIPTION: &str = "
Deletes the user with its access keys, its attachments and the policies that were made for it. Refused for users that do
not carry this mount's owner tag, and for those that belong to a lease: revoke the lease instead.
";

pub(super) fn list_path(engine: &Arc<Engine>) -> Path {
    Path::new("orphans/?")
        .display(OPERATIONS.suffix("orphans"))
        .on(Operation::List, engine, list)
        .calls_cloud()
        // A standby's storage lags behind: there, users of the newest leases would be shown.
        .changing()
        .help(LIST_SYNOPSIS, LIST_DESCRIPTION)
}

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("orphans/{user}")
        .field(Field::new("user", FieldKind::String).describe("The name of the RAM user."))
        .display(OPERATIONS.suffix("orphan"))
        .on(Operation::Delete, engine, delete)
        .calls_cloud()
        .help(SYNOPSIS, DESCRIPTION)
}

#[derive(Debug, Deserialize)]
pub(super) struct User {
    user: String,
}

async fn list(engine: Arc<Engine>, context: Context, _: NoArguments) -> HandlerResult {
    let owner_tag = owner_tag_of(&engine)?;
    let cloud = engine.cloud(&context).await?;
    let users = cloud.ram.list_users().await.map_err(failed_call)?;
    // The users first: whoever is among them and is ours had a WAL entry or a record before.
    let owned = owned_users::<MadeUser>(&context).await?;
    let orphans: Vec<_> = users
        .into_iter()
        .filter(|user| is_tagged(owner_tag, user) && !owned.contains(&user.name.to_ascii_lowercase()))
        .collect();
    let ids = orphans.iter().map(|user| user.id.clone()).collect();
    // One that renamed itself still belongs to its lease.
    let renamed = owned_ids::<MadeUser>(&context, &ids).await?;
    let orphans = orphans.into_iter().filter(|user| !renamed.contains(&user.id));
    let orphans: Vec<_> = orphans.map(|user| user.name).collect();
    engine.mount.orphans.listed(&context, orphans.len());
    Ok(Some(Response::list(orphans)))
}

async fn delete(engine: Arc<Engine>, context: Context, arguments: User) -> HandlerResult {
    let name = arguments.user;
    let owner_tag = owner_tag_of(&engine)?;
    let cloud = engine.cloud(&context).await?;
    let user = match cloud.ram.get_user(&name).await {
        Ok(user) => user,
        // As every deletion of what is not there.
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(failed_call(error)),
    };
    if !is_tagged(owner_tag, &user) {
        return Err(not_ours(&name));
    }
    let by_name = owned_users::<MadeUser>(&context).await?;
    let by_id = owned_ids::<MadeUser>(&context, &BTreeSet::from([user.id])).await?;
    if by_name.contains(&name.to_ascii_lowercase()) || !by_id.is_empty() {
        return Err(Error::coded(
            Status::CONFLICT,
            format!(
                "user {name:?} belongs to a lease or to an unfinished request: revoke the lease, or wait"
            ),
        ));
    }
    let made = MadeUser {
        policies: policies_made_for(&cloud.ram, &name).await.map_err(failed_call)?,
        user_name: name,
        ..MadeUser::default()
    };
    // Its policies among them, which cannot be found again once they are detached.
    let removal = async { made.remove(&cloud.ram, &cloud.ims).await.map_err(failed_call) };
    remove_orphan(&context, &engine.mount.orphans, &made, removal).await?;
    Ok(None)
}

/// The policies that were made for a user and are attached to it. One that has taken another name has those of its old
/// name, which nobody knows any more: policies that were made for some user, and are attached to this one alone.
async fn policies_made_for(ram: &Ram, user: &str) -> alicloud::Result<Vec<String>> {
    let mut made = Vec::new();
    for policy in ram.list_policies_for_user(user).await? {
        let is_made = policy.kind == PolicyKind::Custom
            && (names::is_policy_of(user, &policy.name)
                || names::is_policy_of_any_user(&policy.name)
                    && is_attached_to_no_other(ram, user, &policy).await?);
        if is_made {
            made.push(policy.name);
        }
    }
    Ok(made)
}

async fn is_attached_to_no_other(ram: &Ram, user: &str, policy: &PolicyRef) -> alicloud::Result<bool> {
    let users = ram.list_users_with_policy(policy).await?;
    Ok(users.iter().all(|name| name.eq_ignore_ascii_case(user)))
}

fn owner_tag_of(engine: &Engine) -> Result<&OwnerTag, Error> {
    engine.mount.owner_tag.as_ref().ok_or_else(|| {
        Error::coded(
            Status::CONFLICT,
            "the server did not provide an id for this mount, so its users cannot be identified",
        )
    })
}

fn not_ours(name: &str) -> Error {
    Error::bad_request(format!(
        "user {name:?} does not carry the owner tag of this mount"
    ))
}
