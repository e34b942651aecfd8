//! To which spelling of its name a role answers.
//!
//! Names are folded to lower case, as by the Go plugins, so `creds/dev` and `creds/DEV` are one role. A host that asks the
//! plugin which path a request means (OpenBao from 2.7) applies its policies to the folded path. Others apply them to the
//! path as it was sent, and a policy that denies one spelling does not deny the others: there, a role answers to the
//! spelling that it was written with, or to lower case where that is not known.

use futures_util::stream::{self, StreamExt as _};
use serde::de::DeserializeOwned;

use super::error::Error;
use super::excerpt::Excerpt;
use super::request::Context;

/// Roles that a list reads at the same time.
const LISTED_AT_ONCE: usize = 16;

/// The name as the request spells it, in `role/<name>` and `creds/<name>`.
fn name_as_sent(context: &Context) -> &str {
    let path = context.request.path.as_str();
    path.split_once('/').map_or(path, |(_, name)| name)
}

/// The name as the request spells it, if that is not its lower case: what is to be stored with a role.
pub fn spelling_to_store(context: &Context) -> Option<String> {
    let sent = name_as_sent(context);
    (sent != sent.to_ascii_lowercase()).then(|| sent.to_owned())
}

/// Refuses a request for a role that spells its name in another way than `stored`, or lower case where that is not known,
/// unless the mount has `fold_role_names`.
///
/// # Errors
/// The right spelling.
pub async fn check_spelling(
    context: &Context,
    stored: Option<&str>,
    fold_role_names: impl Future<Output = Result<bool, Error>>,
) -> Result<(), Error> {
    let sent = name_as_sent(context);
    let lower_case = sent.to_ascii_lowercase();
    let right = stored.unwrap_or(&lower_case);
    if sent == right || context.host_resolves_paths() || fold_role_names.await? {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "the name of this role is spelt {:?}, and this server's policies apply to the spelling, so no other is accepted; \
         set fold_role_names at the config path to accept every spelling",
        Excerpt(right)
    )))
}

/// The names of the roles that are stored below `prefix`: in lower case, or, where a role is found by its own spelling
/// only, in that one.
///
/// # Errors
/// Storage cannot be read.
pub async fn list_as_spelt<R: DeserializeOwned>(
    context: &Context,
    prefix: &str,
    spelling: fn(R) -> Option<String>,
) -> Result<Vec<String>, Error> {
    let names = context.storage.list(prefix).await?;
    if context.host_resolves_paths() {
        return Ok(names);
    }
    let spelt = names.into_iter().map(|name| async {
        let role = context.storage.get_json(&format!("{prefix}{name}")).await;
        role.ok().flatten().and_then(spelling).unwrap_or(name)
    });
    let spelt: Vec<_> = spelt.collect();
    Ok(stream::iter(spelt).buffered(LISTED_AT_ONCE).collect().await)
}
