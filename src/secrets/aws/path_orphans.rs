//! `orphans`: IAM users of this mount that belong to no lease, and their removal.
//!
//! A list of the account's users would take permissions beyond the ten of the engine, so what is listed is what the mount
//! has on record. A user that it has no record of, since its storage was set back to an older state, must be named; its
//! policy tells whether it is this mount's.

use std::sync::Arc;

use serde::Deserialize;

use crate::framework::{
    Context, Error, Field, FieldKind, HandlerResult, NoArguments, Operation, Path, Response, Status,
};
use crate::secrets::aws::engine::{Engine, OPERATIONS};
use crate::secrets::aws::failure::failed_call;
use crate::secrets::aws::iam_user::policy_name;
use crate::secrets::aws::removal::MadeUser;
use crate::secrets::lease::{LeaseRecord, ended_users, now, owned_users, remove_orphan, revoke};

const LIST_SYNOPSIS: &str = "List the IAM users on record whose leases must have ended.";

const LIST_DESCRIPTION: &str = "
There should be none. They appear when the server has lost a lease, and go by themselves within minutes; those that stay
cannot be removed yet: the log says why.

Users that this mount has no record of, which it made before its storage was restored from an older backup, are not
listed: the engine may not list the users of the account. Look in IAM for names that begin with \"vault-\".
";

const SYNOPSIS: &str = "Remove an IAM user that this mount has made and that belongs to no lease.";

const DESCRIPTION: &str = "
Deletes the user with its access keys, its policies and its memberships in groups. Refused for users that this mount did
not make, which the name of their policy tells, and for those that belong to a lease: revoke the lease instead.
";

pub(super) fn list_path(engine: &Arc<Engine>) -> Path {
    Path::new("orphans/?")
        .display(OPERATIONS.suffix("orphans"))
        .on(Operation::List, engine, list)
        // A standby's storage lags behind.
        .changing()
        .help(LIST_SYNOPSIS, LIST_DESCRIPTION)
}

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("orphans/{user}")
        .field(Field::new("user", FieldKind::String).describe("The name of the IAM user."))
        .display(OPERATIONS.suffix("orphan"))
        .on(Operation::Delete, engine, delete)
        .calls_cloud()
        .help(SYNOPSIS, DESCRIPTION)
}

#[derive(Debug, Deserialize)]
struct User {
    user: String,
}

async fn list(engine: Arc<Engine>, context: Context, _: NoArguments) -> HandlerResult {
    let orphans = ended_users::<MadeUser>(&context).await?;
    engine.mount.orphans.listed(&context, orphans.len());
    Ok(Some(Response::list(orphans)))
}

async fn delete(engine: Arc<Engine>, context: Context, arguments: User) -> HandlerResult {
    let name = arguments.user;
    match LeaseRecord::<MadeUser>::load(&*context.storage, &name).await? {
        Some(record) if record.is_over(now(&context)) => {
            revoke(&*engine, &context, &record.user).await?;
            engine.mount.orphans.removed();
            return Ok(None);
        }
        Some(_) => return Err(in_use(&name)),
        None => {}
    }
    if owned_users::<MadeUser>(&context)
        .await?
        .contains(&name.to_ascii_lowercase())
    {
        return Err(in_use(&name));
    }
    let Some(owner_tag) = &engine.mount.owner_tag else {
        return Err(Error::coded(
            Status::CONFLICT,
            "the server did not provide an id for this mount, so its users cannot be identified",
        ));
    };
    let root = engine.root(&context).await?;
    let iam = root.iam.by(context.deadline());
    let policies = match iam.list_user_policies(&name).await {
        Ok(policies) => policies,
        // As every deletion of what is not there.
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(failed_call(&error)),
    };
    if !policies.contains(&policy_name(Some(owner_tag))) {
        return Err(Error::bad_request(format!(
            "user {name:?} has no policy of the name that this mount gives: it was not made by this mount"
        )));
    }
    let user = MadeUser {
        user_name: name,
        account_id: engine.accounts.of(&context, &root.access_key).await?,
        ..MadeUser::default()
    };
    // Its policy is deleted before the user: then nothing else tells whose it is.
    let removal = async { user.remove(&iam).await.map_err(|error| failed_call(&error)) };
    remove_orphan(&context, &engine.mount.orphans, &user, removal).await?;
    Ok(None)
}

fn in_use(name: &str) -> Error {
    Error::coded(
        Status::CONFLICT,
        format!("user {name:?} belongs to a lease or to an unfinished request: revoke the lease, or wait"),
    )
}
