//! `creds/<name>`: makes credentials.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join3;
use serde::Deserialize;
use serde_json::Value;

use crate::cloud::budget;
use crate::framework::{
    Context, DisplayAttributes, Error, Excerpt, Field, FieldKind, HandlerResult, LeaseTerms, Operation, Path,
    Response, Status, TtlCap,
};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::engine::{Engine, OPERATIONS};
use crate::secrets::alicloud::ram_user::{Plan, RamUsers, UserKey};
use crate::secrets::alicloud::role::Role;
use crate::secrets::alicloud::role::policy::PolicyDocument;
use crate::secrets::alicloud::role::session_policy::session_policy;
use crate::secrets::alicloud::role::spelling::check_spelling;
use crate::secrets::alicloud::sts_session::Wish;
use crate::secrets::alicloud::{lease, sts_session, ttl};
use crate::secrets::identity::Identity;
use crate::secrets::lease::issue as issue_user;
use crate::secrets::template::Template;

const SYNOPSIS: &str = "Generate an API key or STS credential using the given role's configuration.";

const DESCRIPTION: &str = "
This path will generate a new API key or STS credential for accessing AliCloud.

If the role has inline or remote policies, or RAM groups, a RAM user is made with these and an access key, or, for the
credential_type service_credential, an API key for one service; it is removed when the lease ends. If the role has an ARN, that role is assumed; the credentials end by themselves. If it has several,
role_arn chooses one.
";

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("creds/{name}")
        .field(Field::new("name", FieldKind::LowercaseString).describe("The name of the role."))
        .field(
            Field::new("ttl", FieldKind::DurationSecond)
                .describe(
                    "TTL of these credentials, up to the role's max_ttl, or its ttl where it has no max_ttl. Default: the \
                     role's.",
                )
                .in_query(),
        )
        .field(
            Field::new("role_arn", FieldKind::String)
                .describe("Which of the role's role_arns to assume. Required if there are several.")
                .in_query(),
        )
        .field(
            Field::new("session_policy", FieldKind::String)
                .describe(
                    "JSON of a policy document that narrows what the credentials may do, for roles with \
                     allow_session_policy.",
                )
                .in_query()
                .kept_as_sent(),
        )
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
    /// In seconds.
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    role_arn: String,
    session_policy: Option<Value>,
}

async fn issue(engine: Arc<Engine>, context: Context, arguments: Arguments) -> HandlerResult {
    let name = &arguments.name;
    let storage = &*context.storage;
    let mount = LeaseTerms::of_mount(&*context.system);
    let (role, config, mount) = join3(Role::load(storage, name), Config::load(storage), mount).await;
    let Some(role) = role? else {
        // For a read this is the plain 404 of upstream; a write without an answer would look like a success.
        return match context.request.operation {
            Operation::Read => Ok(None),
            _ => Err(Error::coded(
                Status::NOT_FOUND,
                format!("there is no role {:?}", Excerpt(name)),
            )),
        };
    };
    check_spelling(&context, &role).await?;
    let config = config?.unwrap_or_default();
    let response = if role.assumes() {
        let wish = arguments.wish(&role, mount)?;
        let templates = [&config.role_session_name_template, &role.source_identity];
        let identity = identity_of(&context, wish.policy.iter(), templates.into_iter().flatten()).await?;
        let cloud = engine.cloud_of(&context, &config).await?;
        let context = context.within(budget::MAKE);
        sts_session::issue(&cloud, &context, name, &role, &config, wish, identity.as_ref()).await?
    } else {
        arguments.check_for_user()?;
        user_credentials(&engine, &context, &arguments, &role, &config, mount?).await?
    };
    Ok(Some(response))
}

impl Arguments {
    fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl)
    }

    /// What a session is asked for with. A mistake of the caller is told before a failure of the server.
    fn wish(&self, role: &Role, mount: Result<LeaseTerms, Error>) -> Result<Wish, Error> {
        let policy = self
            .session_policy
            .as_ref()
            .map(session_policy)
            .transpose()?
            .flatten();
        Ok(Wish {
            ttl: self.ttl(),
            arn: role.arn_for(self.role_arn.trim())?,
            policy: role.session_policy_for(policy)?,
            limit: mount?.max_ttl,
        })
    }

    /// A user has no RAM role.
    fn check_for_user(&self) -> Result<(), Error> {
        let has_policy = match &self.session_policy {
            Some(given) => session_policy(given)?.is_some(),
            None => false,
        };
        for (field, is_given) in [
            ("role_arn", !self.role_arn.trim().is_empty()),
            ("session_policy", has_policy),
        ] {
            if is_given {
                return Err(Error::bad_request(format!(
                    "{field} cannot be given for this role: its credentials are those of a RAM user, and not of a RAM role"
                )));
            }
        }
        Ok(())
    }
}

/// Who the caller is, where one of these needs to know. The server is asked only then.
async fn identity_of<'a>(
    context: &Context,
    documents: impl Iterator<Item = &'a PolicyDocument> + Clone,
    mut templates: impl Iterator<Item = &'a Template>,
) -> Result<Option<Identity>, Error> {
    if !documents.clone().any(PolicyDocument::has_selectors) && !templates.any(Template::has_identity) {
        return Ok(None);
    }
    let needs_groups = documents.clone().any(PolicyDocument::has_groups);
    Identity::of_caller(context, needs_groups).await.map(Some)
}

async fn user_credentials(
    engine: &Engine,
    context: &Context,
    arguments: &Arguments,
    role: &Role,
    config: &Config,
    mount: LeaseTerms,
) -> Result<Response, Error> {
    let documents = role.inline_policies().iter().map(|policy| &policy.document);
    let identity = identity_of(context, documents, std::iter::empty()).await?;
    let cloud = engine.cloud_of(context, config).await?;
    let (terms, caps) = ttl::of_user(role, config, mount, arguments.ttl())?;
    let owner_tag = engine.mount.owner_tag.as_ref();
    let issuer = RamUsers::new(engine, context, cloud).await?;
    let template = config.username_template.as_ref();
    let plan = || {
        Plan::new(
            context,
            owner_tag,
            &arguments.name,
            role,
            template,
            identity.as_ref(),
            terms,
        )
    };
    let (user, key) = issue_user(&issuer, context, terms, plan).await?;
    let mut response = match &key {
        UserKey::Access(key) => lease::user_response(&arguments.name, role, &user, key, terms),
        UserKey::Api(key) => {
            let (terms, warning) = key.limit(terms, context.clock.now());
            let mut response = lease::api_key_response(&arguments.name, role, &user, key, terms);
            response.warnings.extend(warning);
            response
        }
    };
    response.warnings.extend(caps.iter().map(TtlCap::warning));
    Ok(response)
}
