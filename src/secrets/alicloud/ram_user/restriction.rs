//! The network policy of a new key, which is set before the key is given out.

use crate::alicloud::Subject;
use crate::alicloud::ims::{Ims, KeyPolicy};
use crate::alicloud::ram::AccessKey;
use crate::framework::{Context, Error};
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::ram_user::attachments::{is_unsettled, principal_name};
use crate::secrets::alicloud::ram_user::plan::Plan;
use crate::secrets::lease::settled;

/// The policy, and whose keys are to have it.
pub(super) struct Restriction<'a> {
    policy: &'a KeyPolicy,
    /// How IMS calls the user.
    principal: String,
}

/// Asks IMS how it calls the user. `None`: the plan has no network policy.
///
/// # Errors
/// IMS does not tell.
pub(super) async fn restriction<'a>(
    ims: &Ims,
    context: &Context,
    plan: &'a Plan,
    user_id: Option<&str>,
) -> Result<Option<Restriction<'a>>, Error> {
    let Some(policy) = &plan.key_policy else {
        return Ok(None);
    };
    let principal = principal_name(ims, context, user_id).await?;
    Ok(Some(Restriction { policy, principal }))
}

impl Restriction<'_> {
    /// Sets the policy of a key.
    ///
    /// # Errors
    /// The key may have no policy, and must not be given out.
    pub(super) async fn set(&self, ims: &Ims, context: &Context, key: &AccessKey) -> Result<(), Error> {
        settled(
            context,
            is_unsettled(&[Subject::User, Subject::AccessKey]),
            || ims.set_access_key_policy(&self.principal, &key.id, self.policy),
        )
        .await
        .map_err(failed_call)
    }
}
