//! `config/rotate-root`: another access key for the user of the one in `config`.

use std::sync::Arc;

use crate::framework::{
    Context, DisplayAttributes, HandlerResult, NoArguments, Operation, Path, Response, object,
};
use crate::secrets::alicloud::engine::{Engine, OPERATIONS};
use crate::secrets::alicloud::rotation::rotate_root;

const SYNOPSIS: &str = "Replace the access key in the configuration by a new one of the same RAM user.";

const DESCRIPTION: &str = "
Makes a new access key for the RAM user whose key is configured, asks STS with it until it works, stores it, and then
deactivates and deletes the old one. After that only the server knows the secret. The answer is the id of the new key.

The user must have no other key. Refused for a key of the account itself, for temporary keys, with role_arn, and
where the credentials are not in the configuration.

Mounts must not share a key that is rotated: the others would keep the deleted one. To rotate by itself, set
rotation_period or rotation_schedule at \"config\".
";

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("config/rotate-root")
        .display(OPERATIONS)
        .on(Operation::Update, engine, update)
        .calls_cloud()
        .displayed(
            DisplayAttributes::default()
                .verb("rotate")
                .suffix("root-credentials"),
        )
        .help(SYNOPSIS, DESCRIPTION)
}

async fn update(engine: Arc<Engine>, context: Context, _: NoArguments) -> HandlerResult {
    let rotated = rotate_root(&engine, &context).await?;
    let mut response = Response::data(object([("access_key", rotated.key_id.into())]));
    response
        .warnings
        .extend(rotated.unfinished.map(|error| error.message().to_owned()));
    Ok(Some(response))
}
