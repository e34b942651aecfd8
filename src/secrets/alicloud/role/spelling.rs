//! To which spelling of its name a role answers: see [`framework::check_spelling`].

use crate::framework::{self, Context, Error};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::role::Role;

/// Refuses a request for a role that spells its name in another way.
///
/// # Errors
/// The right spelling.
pub(in crate::secrets::alicloud) async fn check_spelling(
    context: &Context,
    role: &Role,
) -> Result<(), Error> {
    let config = Config::load(&*context.storage);
    framework::check_spelling(context, role.spelling.as_deref(), async {
        Ok(config.await?.unwrap_or_default().fold_role_names)
    })
    .await
}
