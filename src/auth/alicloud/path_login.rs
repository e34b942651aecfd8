//! `login`: a signed request for STS becomes a token.
//!
//! What needs no network is checked first: the role, the client's address, the request itself. Then the request goes to
//! STS once, and whose it was is compared with the bindings of the role. Only then, and only if the role or the
//! configuration asks for tags, RAM is asked for those of the caller's RAM role.

use std::sync::Arc;

use futures_util::future::join;
use serde::Deserialize;
use serde_json::Value;

use super::binding::NotBound;
use super::config::{Config, ServerId};
use super::method::{Method, OPERATIONS};
use super::role::{Role, is_name};
use super::signed_request::{self, Refusal, Rules};
use super::{failure, identity};
use crate::alicloud::sts::send_presigned;
use crate::framework::{
    Auth, Context, Error, Excerpt, Field, FieldKind, HandlerResult, Operation, Path, Response, Status, object,
};

const SYNOPSIS: &str = "Authenticates an RAM entity with Vault.";

const DESCRIPTION: &str = "
Authenticate AliCloud entities using an arbitrary RAM principal.

RAM principals are authenticated by processing a signed sts:GetCallerIdentity request and then parsing the response to
see who signed the request.

The request can be signed with either of Alibaba Cloud's signatures: version 1 in the query, for POST or GET, or
ACS3-HMAC-SHA256 in the Authorization header. It is sent once and only to STS, and no request logs in twice.
\"vault-plugin-alicloud login\" signs and logs in; \"vault login -method=alicloud\" works too.

The headers of the request are required with either signature, as Vault's own clients send them: {} says that there are
none. Only a request of version 1 for GET, which is nothing but its URL, can leave them out.
";

pub(super) fn path(method: &Arc<Method>) -> Path {
    Path::new("login")
        .field(
            Field::new("role", FieldKind::String)
                .describe("Name of the role against which the login is being attempted.")
                .required(),
        )
        .field(
            Field::new("identity_request_url", FieldKind::String)
                .describe("Base64-encoded full URL against which to make the AliCloud request."),
        )
        .field(
            Field::new("identity_request_headers", FieldKind::Header)
                .describe(
                    "The request headers. This must include the headers over which AliCloud has included a signature. \
                     Base64-encoded JSON, or a JSON object; the values are strings or lists of one string. Required, \
                     except for a request of signature version 1 for GET; {} if the request has none.",
                ),
        )
        .field(
            Field::new("identity_request_method", FieldKind::String)
                .describe("The HTTP method that was signed: POST or GET. Default: POST.")
                .allowed(&["POST", "GET"]),
        )
        .display(OPERATIONS.verb("login"))
        .on(Operation::Update, method, login)
        .forward_on_standby()
        .on(Operation::ResolveRole, method, resolve_role)
        .help(SYNOPSIS, DESCRIPTION)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    role: Option<String>,
    identity_request_url: Option<String>,
    identity_request_headers: Option<Value>,
    identity_request_method: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    role: Option<String>,
}

async fn login(method: Arc<Method>, context: Context, arguments: Login) -> HandlerResult {
    let storage = &*context.storage;
    // Asked for together: one wait for the host.
    let (named, config) = join(
        role_named(&context, arguments.role.as_deref()),
        Config::load(storage),
    )
    .await;
    let (role_name, role) = named?;
    let client_address = context.request.remote_address.as_deref();
    role.token.check_address(client_address)?;

    let config = config?.unwrap_or_default();
    let rules = Rules {
        extra_hosts: &config.sts_endpoints,
        allowed_hosts: &config.allowed_sts_hosts,
        allow_vpc_endpoints: config.allow_vpc_endpoints,
        server_id: config.server_id.as_ref().map(ServerId::as_str),
        now: context.clock.now(),
    };
    let request = signed_request::parse(
        arguments.identity_request_url.as_deref().unwrap_or_default(),
        &arguments.identity_request_headers.unwrap_or_default(),
        arguments
            .identity_request_method
            .as_deref()
            .filter(|method| !method.is_empty()),
        &rules,
    )
    .map_err(|refusal| request_refused(&refusal))?;
    let in_use = method
        .used_signatures
        .begin(&request.signature, rules.now)
        .map_err(|used| Error::coded(Status::FORBIDDEN, used.to_string()))?;
    context.check_cancelled()?;
    let caller = send_presigned(&method.client.by(context.deadline()), request.presigned)
        .await
        .map_err(failure::refused)?;

    identity::check(&caller)?;
    let not_bound = |broken: NotBound| Error::coded(Status::FORBIDDEN, broken.to_string());
    role.check_bindings(identity::caller(&caller))
        .map_err(not_bound)?;
    let mut alias = identity::alias(&caller, &role_name, config.ram_alias, &config.ram_metadata)?;
    if !role.bound_tags.is_empty() || !config.ram_tags_metadata.is_empty() {
        let tags = method
            .tags_of(&context, &config, identity::caller(&caller))
            .await?;
        role.check_tags(tags.as_deref()).map_err(not_bound)?;
        if let Some(tags) = tags {
            let metadata = identity::tag_metadata(&tags, &config.ram_tags_metadata)?;
            alias.metadata.extend(metadata);
        }
    }
    in_use.accept();
    let mut auth = Auth {
        metadata: identity::metadata(&caller, &role_name),
        alias: Some(alias),
        display_name: caller.principal_id.unwrap_or_else(|| caller.arn.to_string()),
        ..Auth::default()
    };
    role.token.populate(&mut auth, client_address)?;
    Ok(Some(Response::auth(auth)))
}

/// The server asks for the role of each login, for quotas by role. Storage is not read: a quota of a role that does not
/// exist affects nobody, since its logins are refused.
async fn resolve_role(_: Arc<Method>, _: Context, arguments: Named) -> HandlerResult {
    let role_name = checked_name(arguments.role.as_deref())?;
    let data = object([("role", role_name.to_ascii_lowercase().into())]);
    Ok(Some(Response::data(data)))
}

/// The role and its name as it is stored. Upstream's texts.
async fn role_named(context: &Context, name: Option<&str>) -> Result<(String, Role), Error> {
    let name = checked_name(name)?;
    let role = Role::load(&*context.storage, name).await?;
    let role = role.ok_or_else(|| no_role(name))?;
    Ok((name.to_ascii_lowercase(), role))
}

/// Any text can come here, and only a name can be a key of the storage.
fn checked_name(name: Option<&str>) -> Result<&str, Error> {
    let name = name
        .filter(|name| !name.is_empty())
        .ok_or_else(|| Error::bad_request("missing role"))?;
    if is_name(name) {
        Ok(name)
    } else {
        Err(no_role(name))
    }
}

fn no_role(name: &str) -> Error {
    Error::bad_request(format!("entry for role {} not found", Excerpt(name)))
}

fn request_refused(refusal: &Refusal) -> Error {
    if refusal.is_forbidden() {
        Error::coded(Status::FORBIDDEN, refusal.to_string())
    } else {
        Error::bad_request(refusal.to_string())
    }
}

#[cfg(test)]
mod tests;
