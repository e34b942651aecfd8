//! `config/ram-policy`: the policy that the mount's own key needs.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::alicloud::arn::Identity;
use crate::alicloud::{Arn, CallerIdentity};
use crate::framework::{
    Context, DisplayAttributes, Error, Excerpt, HandlerResult, NoArguments, Operation, Path, Response, object,
};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::config::path::IDENTITY_TIMEOUT;
use crate::secrets::alicloud::engine::{Engine, OPERATIONS};
use crate::secrets::alicloud::failure::failed_call;
use crate::secrets::alicloud::permissions::Needs;
use crate::secrets::alicloud::removal::MadeUser;
use crate::secrets::alicloud::role::{Role, STORAGE_PREFIX};
use crate::secrets::alicloud::{static_roles, ttl};
use crate::secrets::lease::names::PREFIX;
use crate::secrets::lease::owned_users;

/// RAM's limit of a policy document, in characters.
const LONGEST_POLICY: usize = 6_144;

/// Roles that are looked at. Long before that, their policy is longer than RAM takes.
const MOST_ROLES: usize = 2_000;

/// Roles that are read at the same time.
const AT_ONCE: usize = 16;

const SYNOPSIS: &str = "Show the RAM policy that the mount's own credentials need.";

const DESCRIPTION: &str = "
The smallest policy that allows what the roles and settings of this mount call for, to paste into RAM: to assume the
RAM roles of its roles, to make users and to remove them with whatever others attached to them, to rotate the keys of
static roles, and, where automated rotation is set, its own key. Leases whose role was deleted are included.

Read it again after a role was written that names another RAM role or another policy. Whoever can read it sees the RAM
roles and policies of all roles.
";

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("config/ram-policy")
        .display(OPERATIONS)
        .on(Operation::Read, engine, read)
        .calls_cloud()
        .displayed(DisplayAttributes::default().suffix("ram-policy"))
        .help(SYNOPSIS, DESCRIPTION)
}

async fn read(engine: Arc<Engine>, context: Context, _: NoArguments) -> HandlerResult {
    let config = Config::load(&*context.storage).await?.unwrap_or_default();
    let mut warnings = Vec::new();
    let identity = match identity(&engine, &context, &config).await {
        Ok(identity) => Some(identity),
        Err(error) => {
            warnings.push(format!(
                "the policy is for any account, and without a rotation: the account is not known: {}",
                error.message()
            ));
            None
        }
    };
    let account = identity
        .as_ref()
        .map_or("*", |identity| identity.account_id.as_str());
    let prefix = prefix_of(&config);
    let mut needs = Needs::new(account, &prefix);
    let roles = add_roles(&mut needs, &context, &config, &mut warnings).await?;
    add_static_roles(&mut needs, &context, &mut warnings).await?;
    add_leases(&mut needs, &context, &prefix, &mut warnings).await?;
    if let (true, Some(user)) = (
        config.rotation.schedule().is_some(),
        identity.as_ref().and_then(user_of),
    ) {
        needs.add_rotation(user);
    }
    let policy = needs.policy();
    if policy.statement.is_empty() {
        warnings.push("the mount needs no permission yet: write roles first".to_owned());
    }
    let text = serde_json::to_string(&policy)
        .map_err(|error| Error::internal("the policy cannot be written").with_source(error))?;
    if prefix.is_empty() {
        warnings.push(
            "the policy is for all users of the account: begin username_template with a fixed text, such as vault-"
                .to_owned(),
        );
    }
    let size = text.chars().count();
    if size > LONGEST_POLICY {
        warnings.push(format!(
            "the policy has {size} characters, and RAM takes {LONGEST_POLICY}: put its statements into several policies, or \
             name RAM roles and policies by a common beginning and *"
        ));
    }
    let mut response = Response::data(object([
        ("policy", Value::from(text)),
        (
            "attach_to",
            identity.as_ref().and_then(holder_of).unwrap_or_default().into(),
        ),
        ("roles", roles.into()),
    ]));
    response.warnings = warnings;
    Ok(Some(response))
}

/// Adds what the roles need, and says how many there are.
async fn add_roles(
    needs: &mut Needs,
    context: &Context,
    config: &Config,
    warnings: &mut Vec<String>,
) -> Result<usize, Error> {
    let limit = context.system.max_lease_ttl().await?;
    let add = |role: Role| {
        let asks_for_maximum = ttl::longest_session(&role, config, limit) > ttl::DEFAULT_SESSION;
        needs.add_role(&role, asks_for_maximum).is_ok()
    };
    add_entries(context, STORAGE_PREFIX, "roles", add, warnings).await
}

/// Adds what the entries of a kind need, and says how many there are. `add` says whether it could use one.
async fn add_entries<T: DeserializeOwned + Send>(
    context: &Context,
    prefix: &str,
    kind: &str,
    mut add: impl FnMut(T) -> bool,
    warnings: &mut Vec<String>,
) -> Result<usize, Error> {
    let names = context.storage.list(prefix).await?;
    if names.len() > MOST_ROLES {
        warnings.push(format!(
            "only the first {MOST_ROLES} of {} {kind} are in the policy",
            names.len()
        ));
    }
    let loads: Vec<_> = names
        .iter()
        .take(MOST_ROLES)
        .map(|name| async move { (name, context.storage.get_json(&format!("{prefix}{name}")).await) })
        .collect();
    let mut loads = stream::iter(loads).buffered(AT_ONCE);
    let mut left_out = Vec::new();
    while let Some((name, entry)) = loads.next().await {
        context.check_cancelled()?;
        let is_used = match entry {
            Ok(Some(entry)) => add(entry),
            // It was deleted meanwhile.
            Ok(None) => true,
            Err(_) => false,
        };
        if !is_used {
            left_out.push(name);
        }
    }
    if let Some(first) = left_out.first() {
        warnings.push(format!(
            "{kind} that are left out, for they cannot be read or have an ARN that is none of a role: {}, such as {:?}",
            left_out.len(),
            Excerpt(first)
        ));
    }
    Ok(names.len())
}

/// What the names of new users begin with.
fn prefix_of(config: &Config) -> String {
    let Some(template) = &config.username_template else {
        return PREFIX.to_owned();
    };
    let text = template.to_string();
    let (fixed, _) = text.split_once("{{").unwrap_or_default();
    fixed.trim().to_owned()
}

/// Adds what the leases need that there are: their users may have names of before a template.
async fn add_leases(
    needs: &mut Needs,
    context: &Context,
    prefix: &str,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    let mut others = 0;
    for user in owned_users::<MadeUser>(context).await? {
        // The users are in lower case.
        match [prefix, PREFIX]
            .into_iter()
            .find(|prefix| user.starts_with(&prefix.to_ascii_lowercase()))
        {
            Some(prefix) => needs.add_leases(prefix),
            None => others += 1,
        }
    }
    if others > 0 {
        warnings.push(format!(
            "leases whose users have names of an earlier username_template, and are not in the policy: {others}"
        ));
    }
    Ok(())
}

/// The part of a static role that says whose key it has.
#[derive(Deserialize)]
struct StaticRole {
    #[serde(default)]
    username: String,
}

/// Adds what the static roles need.
async fn add_static_roles(
    needs: &mut Needs,
    context: &Context,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    let add = |role: StaticRole| {
        needs.add_static_role(&role.username);
        true
    };
    add_entries(
        context,
        static_roles::STORAGE_PREFIX,
        "static roles",
        add,
        warnings,
    )
    .await?;
    Ok(())
}

async fn identity(engine: &Engine, context: &Context, config: &Config) -> Result<CallerIdentity, Error> {
    let asked = async {
        let (_, sts) = engine.identity_of(config, &context.request.mount_point).await?;
        sts.get_caller_identity().await.map_err(failed_call)
    };
    context.within(IDENTITY_TIMEOUT).unless_cancelled(asked).await?
}

/// The user whose key the mount has.
fn user_of(identity: &CallerIdentity) -> Option<&str> {
    match identity.arn.identity() {
        Identity::User(name) => Some(name),
        _ => None,
    }
}

/// Whom the policy is to be attached to: the user, or the role that the mount's credentials are of.
fn holder_of(identity: &CallerIdentity) -> Option<String> {
    match identity.arn.identity() {
        Identity::User(_) => Some(identity.arn.to_string()),
        Identity::AssumedRole { role, .. } => {
            let role = Arn::role(identity.account_id.clone(), role).ok()?;
            Some(role.to_string())
        }
        _ => None,
    }
}
