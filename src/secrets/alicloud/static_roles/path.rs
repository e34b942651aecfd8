//! `static-roles/<name>`, and the list of static roles at `static-roles`.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::alicloud::ram::AccessKey;
use crate::framework::{
    Context, Error, Excerpt, Field, FieldKind, FieldValues, HandlerResult, NoArguments, Operation, Path,
    Response,
};
use crate::secrets::alicloud::engine::{Engine, OPERATIONS};
use crate::secrets::alicloud::static_roles::create::{FirstKey, create};
use crate::secrets::alicloud::static_roles::delete;
use crate::secrets::alicloud::static_roles::locked::lock_role;
use crate::secrets::alicloud::static_roles::role::{STORAGE_PREFIX, StaticRole};
use crate::secrets::alicloud::static_roles::settings::SETTINGS;
use crate::secrets::alicloud::static_roles::update::{Updated, update};
use crate::secrets::lease::now;

const LIST_SYNOPSIS: &str = "List the static roles.";
const LIST_DESCRIPTION: &str = "Static roles are listed by their names, which are case-sensitive.";

const SYNOPSIS: &str = "Manage the access key of a RAM user that exists, and rotate it by schedule.";

const DESCRIPTION: &str = "
A static role is for one RAM user, which it leaves as it is. It makes an access key for the user, gives it out at
\"static-creds/<name>\", and replaces it by schedule: the new key is made, tried and stored, and then the older one is
deleted, or, with seamless_rotation, after rotation_grace_period.

The user must have no access key of its own, since RAM allows two and a rotation needs both places. A key that it has
can be handed over with import_access_key and import_secret_key: then it is the role's, and is deleted by the first
rotation. Other keys are never touched. With defer_initial_creds, the first key is made by the first rotation.

A user can have one static role, and the user of the mount's own key none. A change of rotation_period or
rotation_schedule counts from the time of the write. What is not given stays as it is.

A deletion deletes the keys of the role, too. The user stays.
";

pub(super) fn list_path(engine: &Arc<Engine>) -> Path {
    Path::new("static-roles/?")
        .display(OPERATIONS.suffix("static-roles"))
        .on(Operation::List, engine, list)
        .help(LIST_SYNOPSIS, LIST_DESCRIPTION)
}

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("static-roles/{name}")
        .field(Field::new("name", FieldKind::String).describe("The name of the static role."))
        .fields(SETTINGS.fields())
        .field(
            Field::new("import_access_key", FieldKind::String).describe(
                "Not stored as a setting. Id of the user's only access key, which becomes the role's.",
            ),
        )
        .field(
            Field::new("import_secret_key", FieldKind::String)
                .describe("Secret of import_access_key. It is read back at static-creds.")
                .sensitive(),
        )
        .field(Field::new("defer_initial_creds", FieldKind::Bool).describe(
            "Not stored. Whether the first key is made by the first rotation, and not by this write.",
        ))
        .display(OPERATIONS.suffix("static-role"))
        .exists(engine, exists)
        .on(Operation::Update, engine, write)
        .calls_cloud()
        .and_on(Operation::Create)
        .on(Operation::Read, engine, read)
        .on(Operation::Delete, engine, delete)
        .calls_cloud()
        .help(SYNOPSIS, DESCRIPTION)
}

/// The arguments of every operation on one role: a body with further members does not disturb a delete.
#[derive(Debug, Deserialize)]
pub(super) struct Name {
    name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Write {
    name: String,
    import_access_key: Option<String>,
    import_secret_key: Option<SecretString>,
    defer_initial_creds: Option<bool>,
    #[serde(flatten)]
    given: FieldValues,
}

async fn list(_: Arc<Engine>, context: Context, _: NoArguments) -> HandlerResult {
    Ok(Some(Response::list(context.storage.list(STORAGE_PREFIX).await?)))
}

async fn exists(_: Arc<Engine>, context: Context, arguments: Name) -> Result<bool, Error> {
    let key = StaticRole::storage_key(&arguments.name);
    Ok(context.storage.get(&key).await?.is_some())
}

async fn read(engine: Arc<Engine>, context: Context, arguments: Name) -> HandlerResult {
    let name = arguments.name;
    let Some(role) = StaticRole::load(&*context.storage, &name).await? else {
        return Ok(None);
    };
    let mut response = Response::data(role.shown(&name));
    response.warnings.extend(engine.static_roles.warning(&name));
    Ok(Some(response))
}

async fn delete(engine: Arc<Engine>, context: Context, arguments: Name) -> HandlerResult {
    delete::delete(&engine, &context, &arguments.name).await?;
    Ok(None)
}

async fn write(engine: Arc<Engine>, context: Context, arguments: Write) -> HandlerResult {
    let first = arguments.first_key()?;
    let name = arguments.name;
    let mut locked = lock_role(&engine, &context, &name).await?;
    // A key that nobody knows of is worse than a caller who does not see the answer: what is begun goes on without them.
    let context = &context.for_undo(context.deadline().remaining());
    let stored = locked.role.take();
    // The host found a role and checked the caller's policy for an update; meanwhile it was deleted.
    if stored.is_none() && context.request.operation == Operation::Update {
        return Err(Error::bad_request(format!(
            "no static role found to update for {}",
            Excerpt(&name)
        )));
    }
    let mut role = stored.clone().unwrap_or_default();
    role.merge(&arguments.given, now(context))?;
    let updated = match stored {
        None => Updated {
            role: create(&engine, context, &name, role, first).await?,
            warning: None,
        },
        Some(before) => {
            let imported = match first {
                FirstKey::Imported(key) => Some(key),
                FirstKey::New | FirstKey::Deferred => None,
            };
            let names_user = arguments.given.given("username");
            update(&engine, context, &name, &before, role, imported, names_user).await?
        }
    };
    let mut response = Response::data(updated.role.shown(&name));
    response.warnings.extend(updated.warning);
    Ok(Some(response))
}

impl Write {
    fn first_key(&self) -> Result<FirstKey, Error> {
        let refused = |text: &'static str| Err(Error::bad_request(text));
        let id = self.import_access_key.as_deref().unwrap_or_default().trim();
        let secret = self.import_secret_key.as_ref();
        let secret = secret
            .map(|secret| secret.expose_secret().trim())
            .unwrap_or_default();
        let deferred = self.defer_initial_creds == Some(true);
        match (id.is_empty(), secret.is_empty()) {
            (true, true) if deferred => Ok(FirstKey::Deferred),
            (true, true) => Ok(FirstKey::New),
            (false, false) if deferred => {
                refused("import_access_key and defer_initial_creds exclude each other")
            }
            (false, false) => Ok(FirstKey::Imported(AccessKey {
                id: id.to_owned(),
                secret: secret.into(),
            })),
            _ => refused("import_access_key and import_secret_key must be given together"),
        }
    }
}
