//! `rotate-role/<name>`: another key for a static role, now.

use std::sync::Arc;

use serde::Deserialize;

use crate::framework::{
    Context, DisplayAttributes, Error, Field, FieldKind, HandlerResult, Operation, Path, Response, Status,
    object,
};
use crate::secrets::alicloud::engine::{Engine, OPERATIONS};
use crate::secrets::alicloud::static_roles::rotate::rotate;

const SYNOPSIS: &str = "Rotate the access key of a static role now.";

const DESCRIPTION: &str = "
Makes a new access key for the user of the static role, asks STS with it until it works, stores it, and then deletes the
older one, or, with seamless_rotation, after rotation_grace_period. The answer is the id of the new key.

A rotation by request begins a rotation_period anew, and leaves the times of a rotation_schedule.
";

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("rotate-role/{name}")
        .field(Field::new("name", FieldKind::String).describe("The name of the static role."))
        .display(OPERATIONS)
        .on(Operation::Update, engine, update)
        .calls_cloud()
        .displayed(DisplayAttributes::default().verb("rotate").suffix("static-role"))
        .help(SYNOPSIS, DESCRIPTION)
}

#[derive(Debug, Deserialize)]
pub(super) struct Name {
    name: String,
}

async fn update(engine: Arc<Engine>, context: Context, arguments: Name) -> HandlerResult {
    let name = arguments.name;
    let Some(rotated) = rotate(&engine, &context, &name).await? else {
        return Err(Error::coded(
            Status::NOT_FOUND,
            format!("there is no static role {name:?}"),
        ));
    };
    let mut response = Response::data(object([("access_key", rotated.key_id.into())]));
    response
        .warnings
        .extend(rotated.unfinished.map(|error| error.message().to_owned()));
    Ok(Some(response))
}
