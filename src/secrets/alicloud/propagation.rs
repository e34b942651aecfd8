//! Waiting until a new access key works: RAM makes it in one place, and it takes some seconds until all those that check
//! signatures know it.

use std::time::Duration;

use tokio::time::sleep;

use crate::alicloud::ram::AccessKey;
use crate::alicloud::sts::Sts;
use crate::alicloud::{self, CallerIdentity, Credentials, Kind};
use crate::framework::{Context, Error, Status, human_duration};
use crate::secrets::alicloud::failure::failed_call;

/// The most that a role may ask for. The server ends a request after 90 seconds, and what is made before takes its time.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Pauses between looks double up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Asks STS with the new key until it is known, for as long as the role wants to wait and the request has time.
pub(super) async fn wait(
    sts: &Sts,
    context: &Context,
    limit: Duration,
    key: &AccessKey,
) -> Result<(), Error> {
    if limit.is_zero() {
        return Ok(());
    }
    match first_answer(sts, &context.within(limit), key).await? {
        Ok(_) => Ok(()),
        Err(refused) => Err(Error::coded(
            Status::UNAVAILABLE,
            format!(
                "the new access key did not work within {} (wait_for_propagation of the role) and was removed: {refused}",
                human_duration(limit)
            ),
        )),
    }
}

/// Asks STS with the new key until it is known, or the deadline comes: then the answer is the last refusal.
///
/// # Errors
/// STS failed otherwise, or the caller has gone away.
pub(super) async fn first_answer(
    sts: &Sts,
    context: &Context,
    key: &AccessKey,
) -> Result<Result<CallerIdentity, alicloud::Error>, Error> {
    let end = context.deadline();
    let sts = sts
        .with_credentials(Credentials::new(key.id.clone(), key.secret.clone()))
        .by(end);
    let mut pause = FIRST_PAUSE;
    loop {
        context.check_cancelled()?;
        match sts.get_caller_identity().await {
            Ok(identity) => return Ok(Ok(identity)),
            // A key that was just made is not wrong, only new.
            Err(refused) if refused.kind() == Kind::Credentials => {
                if end.remaining() <= pause {
                    return Ok(Err(refused));
                }
            }
            Err(error) => return Err(failed_call(error)),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
