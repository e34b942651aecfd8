//! `creds/<name>`: makes credentials.

use std::sync::Arc;

use serde::Deserialize;

use crate::cloud::budget;
use crate::framework::{
    Context, DisplayAttributes, Error, Excerpt, Field, FieldKind, HandlerResult, LeaseTerms, Operation, Path,
    Response, Status, TtlCap,
};
use crate::secrets::alicloud::cloud::Cloud;
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::engine::{Engine, OPERATIONS};
use crate::secrets::alicloud::ram_user::{Plan, RamUsers};
use crate::secrets::alicloud::role::Role;
use crate::secrets::alicloud::role::spelling::check_spelling;
use crate::secrets::alicloud::{lease, sts_session, ttl};
use crate::secrets::lease::issue as issue_user;

const SYNOPSIS: &str = "Generate an API key or STS credential using the given role's configuration.";

const DESCRIPTION: &str = "
This path will generate a new API key or STS credential for accessing AliCloud.

If the role has inline or remote policies, a RAM user is made with these policies and an access key; it is removed
when the lease ends. If the role has an ARN, that role is assumed; the credentials end by themselves.
";

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("creds/{name}")
        .field(Field::new("name", FieldKind::LowercaseString).describe("The name of the role."))
        .display(OPERATIONS.verb("generate").suffix("credentials"))
        .on(Operation::Read, engine, issue)
        .changing()
        .makes_in_cloud()
        .and_on(Operation::Update)
        .displayed(DisplayAttributes::default().suffix("credentials-with-parameters"))
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
    check_spelling(&context, &role).await?;
    let config = Config::load(&*context.storage).await?.unwrap_or_default();
    let cloud = engine.cloud_of(&context, &config).await?;
    let response = if role.arn.is_empty() {
        user_credentials(&engine, &context, cloud, &name, &role, &config).await?
    } else {
        let context = context.within(budget::MAKE);
        sts_session::issue(&cloud, &context, &name, &role, &config).await?
    };
    Ok(Some(response))
}

async fn user_credentials(
    engine: &Engine,
    context: &Context,
    cloud: Cloud,
    role_name: &str,
    role: &Role,
    config: &Config,
) -> Result<Response, Error> {
    let (terms, caps) = ttl::of_user(role, config, LeaseTerms::of_mount(&*context.system).await?);
    let owner_tag = engine.mount.owner_tag.as_ref();
    let issuer = RamUsers::new(engine, context, cloud).await?;
    let plan = || Plan::new(context, owner_tag, role_name, role);
    let (user, key) = issue_user(&issuer, context, terms, plan).await?;
    let mut response = lease::user_response(role_name, role, &user, &key, terms);
    response.warnings.extend(caps.iter().map(TtlCap::warning));
    Ok(response)
}
