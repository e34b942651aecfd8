//! `creds/<name>`: makes credentials.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::engine::Engine;
use super::role::Role;
use super::{OPERATION_PREFIX, dynamic_user, session};
use crate::framework::{
    Context, DisplayAttributes, Error, Excerpt, Field, FieldKind, HandlerResult, Operation, Path, Status,
};

/// What a caller waits at the most until all calls are done: longer than the outages that they outlast, and short enough
/// that there is time to undo before the server ends the request after 90 seconds.
const MAKING_TIME: Duration = Duration::from_secs(45);

const SYNOPSIS: &str = "Generate an API key or STS credential using the given role's configuration.";

const DESCRIPTION: &str = "
This path will generate a new API key or STS credential for accessing AliCloud.

If the role has inline or remote policies, a RAM user is made with these policies and an access key; it is removed
when the lease ends. If the role has an ARN, that role is assumed; the credentials end by themselves.
";

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("creds/{name}")
        .field(Field::new("name", FieldKind::LowercaseString).describe("The name of the role."))
        .display(DisplayAttributes {
            prefix: Some(OPERATION_PREFIX),
            verb: Some("generate"),
            suffix: Some("credentials"),
        })
        .on(Operation::Read, engine, issue)
        .changing()
        .makes_in_cloud()
        .and_on(Operation::Update)
        .displayed(DisplayAttributes {
            suffix: Some("credentials-with-parameters"),
            ..DisplayAttributes::default()
        })
        .help(SYNOPSIS, DESCRIPTION)
}

#[derive(Debug, Deserialize)]
pub(super) struct Arguments {
    name: String,
}

async fn issue(engine: Arc<Engine>, context: Context, arguments: Arguments) -> HandlerResult {
    let name = arguments.name;
    let Some(role) = Role::load(&*context.storage, &name).await? else {
        // For a read this is the plain 404 of upstream; a write without an answer would look like a success.
        return match context.request.operation {
            Operation::Read => Ok(None),
            _ => Err(Error::coded(
                Status::NOT_FOUND,
                format!("there is no role {:?}", Excerpt(&name)),
            )),
        };
    };
    let cloud = engine.cloud(&context).await?.within(MAKING_TIME);
    let response = if role.arn.is_empty() {
        dynamic_user::issue(&cloud, &context, engine.owner_tag.as_ref(), &name, &role).await?
    } else {
        session::issue(&cloud, &context, &name, &role).await?
    };
    Ok(Some(response))
}
