//! Making a thing of which there may be only one, such as the key of a user that nobody else makes keys for.

use std::future::Future;

use crate::cloud::api::Api;
use crate::cloud::error::Result;
use crate::cloud::retry::Idempotency;

/// Makes the only thing of its kind. When an answer was lost, so that there may be one that nobody knows, all are deleted
/// and another one is made; and once more all others, for the lost call may have been carried out late.
///
/// `create` makes one with the API that it is given, and `delete_others` deletes all but this one. Together they take no
/// longer than one call may.
///
/// # Errors
/// As `create`. When [the outcome is unknown](crate::cloud::Error::outcome_unknown) there may be one that nobody knows.
pub(crate) async fn create_only<T, C, D>(
    api: &Api,
    create: impl Fn(Api) -> C,
    delete_others: impl Fn(Api, Option<&T>) -> D,
) -> Result<T>
where
    C: Future<Output = Result<T>>,
    D: Future<Output = Result<()>>,
{
    let api = api.as_one_call();
    let mut tries = api.tries();
    let mut lost = None;
    loop {
        let made = match create(api.clone()).await {
            Ok(made) => Some(made),
            Err(error) if error.outcome_unknown() => {
                lost = Some(tries.another_after(error, Idempotency::Repeatable).await?);
                None
            }
            // The lost one may still be carried out.
            Err(error) => return Err(error.with_outcome_unknown(lost.is_some())),
        };
        if let Some(lost) = &lost
            && let Err(error) = delete_others(api.clone(), made.as_ref()).await
        {
            tracing::warn!(event = "lost_key_check_failed", %error, "cannot check what was created by a call whose response was lost");
            return Err(lost.clone());
        }
        if let Some(made) = made {
            return Ok(made);
        }
    }
}
