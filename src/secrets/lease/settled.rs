//! Calls on things that were just made: a cloud makes them in one place, and sees them in another a moment later.

use std::future::Future;
use std::time::Duration;

use crate::cloud;
use crate::framework::Context;

/// How long what was just made may stay invisible to the next call.
const SETTLING_TIME: Duration = Duration::from_secs(10);
const SETTLING_PAUSE: Duration = Duration::from_millis(200);

/// Repeats a call on things that were just made while the cloud does not see them yet, and somebody still waits for it.
///
/// # Errors
/// The call's own.
pub async fn settled<T, F, R>(
    context: &Context,
    unsettled: impl Fn(&cloud::Error) -> bool,
    call: F,
) -> cloud::Result<T>
where
    F: Fn() -> R,
    R: Future<Output = cloud::Result<T>>,
{
    let settling = context.deadline().within(SETTLING_TIME);
    let mut tried = 0;
    loop {
        tried += 1;
        match call().await {
            Err(error)
                if unsettled(&error)
                    && !settling.remaining().is_zero()
                    && context.check_cancelled().is_ok() =>
            {
                tokio::time::sleep(SETTLING_PAUSE * tried).await;
            }
            answer => return answer,
        }
    }
}
