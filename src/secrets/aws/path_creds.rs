//! `creds/<name>`: makes credentials.

use std::sync::Arc;

use serde::Deserialize;

use crate::framework::{Context, Error, Excerpt, Field, FieldKind, HandlerResult, Operation, Path, Status};
use crate::secrets::aws::config::lease::LeaseConfig;
use crate::secrets::aws::engine::{Engine, OPERATIONS};
use crate::secrets::aws::iam_user::{IamUsers, Plan};
use crate::secrets::aws::lease;
use crate::secrets::aws::role::Role;
use crate::secrets::lease::issue as issue_user;

const SYNOPSIS: &str = "Generate an access key pair for a specific role.";

const DESCRIPTION: &str = "
This path will generate a new, never before used key pair for accessing AWS: an IAM user is made with the policy of the
role and an access key. It is removed when the lease ends.

AWS takes some seconds until a new key works everywhere. Clients should repeat calls that are refused in that time.
";

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("creds/{name}")
        .field(Field::new("name", FieldKind::String).describe("The name of the role."))
        .display(OPERATIONS.verb("generate").suffix("credentials"))
        .on(Operation::Read, engine, issue)
        .changing()
        .makes_in_cloud()
        .help(SYNOPSIS, DESCRIPTION)
}

#[derive(Debug, Deserialize)]
struct Arguments {
    name: String,
}

async fn issue(engine: Arc<Engine>, context: Context, arguments: Arguments) -> HandlerResult {
    let name = arguments.name;
    let root = engine.root(&context).await?;
    let Some(role) = Role::load(&context, &name).await? else {
        return Err(Error::coded(
            Status::NOT_FOUND,
            format!(
                "there is no role {:?}: write its policy to {}roles/{}",
                Excerpt(&name),
                Excerpt(&context.request.mount_point),
                Excerpt(&name)
            ),
        ));
    };
    let document = role.document()?;
    let (terms, warnings) = LeaseConfig::terms(&context).await?;
    let issuer = IamUsers::new(&engine, &context, root).await?;
    let plan = || Plan::new(&context, engine.mount.owner_tag.as_ref(), &name, document);
    let (user, key) = issue_user(&issuer, &context, terms, plan).await?;
    let mut response = lease::response(&user, &key, terms);
    response.warnings = warnings;
    Ok(Some(response))
}
