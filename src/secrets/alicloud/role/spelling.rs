//! To which spelling of its name a role answers.
//!
//! Names are folded to lower case, as by the Go plugin, so `creds/dev` and `creds/DEV` are one role. A host that asks the
//! plugin which path a request means (OpenBao from 2.7) applies its policies to the folded path. Others apply them to the
//! path as it was sent, and a policy that denies one spelling does not deny the others: there, a role answers to the
//! spelling that it was written with, or to lower case where that is not known.

use crate::framework::{Context, Error, Excerpt};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::role::Role;

/// The name as the request spells it, in `role/<name>` and `creds/<name>`.
pub(super) fn as_sent(context: &Context) -> &str {
    let path = context.request.path.as_str();
    path.split_once('/').map_or(path, |(_, name)| name)
}

/// Refuses a request for a role that spells its name in another way.
///
/// # Errors
/// The right spelling.
pub(in crate::secrets::alicloud) async fn check_spelling(
    context: &Context,
    role: &Role,
) -> Result<(), Error> {
    let sent = as_sent(context);
    let own = role.spelling.clone().unwrap_or_else(|| sent.to_ascii_lowercase());
    if sent == own || context.host_resolves_paths() {
        return Ok(());
    }
    let config = Config::load(&*context.storage).await?.unwrap_or_default();
    if config.fold_role_names {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "the name of this role is spelt {:?}, and this server's policies apply to the spelling, so no other is accepted; \
         set fold_role_names at the config path to accept every spelling",
        Excerpt(&own)
    )))
}
