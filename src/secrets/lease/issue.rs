//! Issuing: plan, WAL entry, make, record; and undo when one of them fails.

use crate::cloud::budget;
use crate::framework::{Context, Error, LeaseTerms, WalEntry};
use crate::secrets::lease::issuer::{Issuer, LeaseUser as _, Progress, WAL_KIND};
use crate::secrets::lease::record::{self, LeaseRecord};

/// How often a new name is taken after a clash with somebody else's user or policy.
const NAME_TRIES: u32 = 3;

/// Makes a user and the record of its lease, whose terms are these. `plan` is asked again for another name when one is
/// taken.
///
/// # Errors
/// What the cloud or storage refused. By then everything that was made is removed, or a WAL entry names it.
pub async fn issue<I: Issuer>(
    issuer: &I,
    context: &Context,
    terms: LeaseTerms,
    plan: impl Fn() -> Result<I::Plan, Error>,
) -> Result<(I::User, I::Key), Error> {
    let mut tried = 0;
    loop {
        tried += 1;
        let plan = plan()?;
        context.check_cancelled()?;
        let planned = issuer.planned(&plan);
        let entry = WalEntry::put(context, WAL_KIND, &planned).await?;
        let mut progress = Progress {
            user: planned,
            may_exist: false,
            name_taken: false,
            unsure: false,
        };
        let made = issuer.make(context, &plan, &mut progress).await;
        let recorded = match made {
            Ok(key) => record_lease(context, &progress.user, &entry, terms)
                .await
                .map(|()| key),
            Err(error) => Err(error),
        };
        match recorded {
            Ok(key) => return Ok((progress.user, key)),
            Err(failure) => {
                let failure = undo(issuer, context, &progress, &entry, failure).await;
                if !progress.name_taken || tried == NAME_TRIES {
                    return Err(failure);
                }
            }
        }
    }
}

/// Puts the record of the lease in the place of the WAL entry. With both there the user would be removed under the
/// lease, and with neither it would be forgotten if the host loses the lease.
async fn record_lease<U: crate::secrets::lease::issuer::LeaseUser>(
    context: &Context,
    user: &U,
    entry: &WalEntry,
    terms: LeaseTerms,
) -> Result<(), Error> {
    let record = LeaseRecord::begun(context, user.clone(), terms);
    context
        .storage
        .apply(vec![record.put()?, entry.deletion()])
        .await?;
    // Whoever asked may have gone away in the meantime: then nobody would hold the lease.
    context.check_cancelled()
}

/// Removes what was made so far, and gives the failure for the caller. It has a budget of its own: most of what fails
/// here has used up the request's.
async fn undo<I: Issuer>(
    issuer: &I,
    context: &Context,
    progress: &Progress<I::User>,
    entry: &WalEntry,
    failure: Error,
) -> Error {
    let context = &context.for_undo(budget::UNDO);
    let user = progress.user.name();
    let removed = if progress.may_exist {
        issuer.remove(context, &progress.user).await
    } else {
        issuer.remove_all_but_user(context, &progress.user).await
    };
    let finished = matches!(&removed, Ok(removed) if removed.all_found) && !progress.unsure;
    let noted = if finished {
        context
            .storage
            .apply(vec![record::deletion(user), entry.deletion()])
            .await
            .map_err(Error::from)
    } else {
        // What was made but not found, or may yet be made, is for the tick, which comes when every delay is over. The
        // entry may have been deleted already.
        entry.put_again(context, WAL_KIND, &progress.user).await
    };
    if let Err(error) = noted {
        // Nothing is lost by it: the entry or the record is still there, and the tick finds nothing left to undo.
        tracing::warn!(event = "wal_update_failed", user, %error, "cannot update the WAL entry of a user whose creation was rolled back");
    }
    match removed {
        Ok(_) => failure,
        Err(error) => {
            tracing::error!(event = "undo_failed", user, %error, "a partially created user could not be removed; will retry");
            Error::new(
                failure.kind(),
                format!(
                    "{}; removing the partially created user {user:?} also failed and will be retried: {error}",
                    failure.message()
                ),
            )
        }
    }
}
