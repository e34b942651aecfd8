//! A further write of a static role.

use crate::alicloud::arn::same_name;
use crate::alicloud::ram::AccessKey;
use crate::framework::{Context, Error};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::static_roles::create::import;
use crate::secrets::alicloud::static_roles::role::StaticRole;
use crate::secrets::alicloud::static_roles::user::RoleUser;
use crate::secrets::lease::now;

/// What was written, and what is to be said of it.
pub(super) struct Updated {
    pub(super) role: StaticRole,
    pub(super) warning: Option<String>,
}

/// Stores a role that is there, with other settings. Called with the locks of the role held.
///
/// # Errors
/// Its user is another one, or the key cannot be imported.
pub(super) async fn update(
    engine: &Engine,
    context: &Context,
    name: &str,
    before: &StaticRole,
    mut role: StaticRole,
    imported: Option<AccessKey>,
    names_user: bool,
) -> Result<Updated, Error> {
    let mut warning = None;
    let import_now = imported.filter(|key| {
        let has_key = before.key.is_some();
        if has_key {
            warning = Some(format!(
                "import_access_key {:?} was not imported: static role {name:?} has a key already",
                key.id
            ));
        }
        !has_key
    });
    if names_user || import_now.is_some() {
        let cloud = engine.cloud(context).await?;
        let user = RoleUser::find(engine, context, &cloud, &role.username).await?;
        user.check_is_of(before).map_err(|error| {
            if same_name(&before.username, &user.name) {
                return error;
            }
            Error::bad_request(format!(
                "static role {name:?} is for user {:?}, and {:?} is another user: write another static role for that one",
                before.username, user.name
            ))
        })?;
        role.username.clone_from(&user.name);
        if let Some(key) = import_now {
            import(context, &cloud, &user, &mut role, key).await?;
        }
    }
    if let Some(until) = role.shorten_grace_period(before, now(context)) {
        warning.get_or_insert(until);
    }
    role.store(&*context.storage, name).await?;
    engine.static_roles.queue.set(context, name, &role);
    Ok(Updated { role, warning })
}
