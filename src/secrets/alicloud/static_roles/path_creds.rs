//! `static-creds/<name>`: the key of a static role.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::framework::{
    Context, DisplayAttributes, Error, Field, FieldKind, HandlerResult, Operation, Path, Response, Status,
};
use crate::secrets::alicloud::engine::{Engine, OPERATIONS};
use crate::secrets::alicloud::static_roles::role::{Key, StaticRole};
use crate::secrets::lease::now;
use crate::secrets::rotation::rfc3339;

const SYNOPSIS: &str = "Read the access key of a static role.";

const DESCRIPTION: &str = "
Answers the key that the static role has now. There is no lease: it is good until it is rotated, at \"expiration\",
which is \"ttl\" seconds from now, and with seamless_rotation for rotation_grace_period longer.
";

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("static-creds/{name}")
        .field(Field::new("name", FieldKind::String).describe("The name of the static role."))
        .display(OPERATIONS)
        .on(Operation::Read, engine, read)
        .displayed(
            DisplayAttributes::default()
                .verb("read")
                .suffix("static-credentials"),
        )
        .help(SYNOPSIS, DESCRIPTION)
}

#[derive(Debug, Deserialize)]
pub(super) struct Name {
    name: String,
}

async fn read(_: Arc<Engine>, context: Context, arguments: Name) -> HandlerResult {
    let name = arguments.name;
    let Some(role) = StaticRole::load(&*context.storage, &name).await? else {
        return Ok(None);
    };
    let Some(key) = &role.key else {
        return Err(Error::coded(
            Status::NOT_FOUND,
            format!(
                "static role {name:?} has no credentials yet: its first rotation makes them. Write rotate-role/{name} to have \
                 them now"
            ),
        ));
    };
    Ok(Some(Response::data(shown(&role, key, now(&context)))))
}

/// The types are those that the Vault Secrets Operator reads: times as RFC 3339, durations as whole seconds.
fn shown(role: &StaticRole, key: &Key, now: u64) -> Map<String, Value> {
    let next = role.rotation.next();
    let time = |time: Option<u64>| time.map(rfc3339).unwrap_or_default();
    let mut data = role.rotation.shown_schedule();
    let credentials: [(&str, Value); 5] = [
        ("access_key", key.access_key.as_str().into()),
        ("secret_key", key.secret_key.expose_secret().into()),
        ("expiration", time(next).into()),
        (
            "last_vault_rotation",
            time(role.rotation.last_vault_rotation).into(),
        ),
        ("ttl", next.unwrap_or(0).saturating_sub(now).into()),
    ];
    data.extend(credentials.map(|(name, value)| (name.to_owned(), value)));
    data
}
