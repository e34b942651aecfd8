//! `roles/<name>`, and the list of roles at `roles`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::framework::{
    Context, Error, Field, FieldKind, HandlerResult, NoArguments, Operation, Path, Response, object,
};
use crate::secrets::aws::engine::{Engine, OPERATIONS};
use crate::secrets::aws::role::{Role, STORAGE_PREFIX, policy, storage_key};

const LIST_SYNOPSIS: &str = "List the existing roles in this backend.";
const LIST_DESCRIPTION: &str = "Roles will be listed by the role name.";

const SYNOPSIS: &str = "Read and write IAM policies that access keys can be made for.";

const DESCRIPTION: &str = "
This path allows you to read and write roles that are used to create access keys. A role is an IAM policy in JSON, which
each user that is made for the role gets.

If you write a role at \"roles/deploy\", then a client reads access keys for it from \"creds/deploy\".

The policy is checked when it is written: that it is JSON, has what IAM demands, and is not longer than the 2048
characters, white space aside, that a user's policies can have.
";

pub(in crate::secrets::aws) fn list_path(engine: &Arc<Engine>) -> Path {
    Path::new("roles/?")
        .display(OPERATIONS.suffix("roles"))
        .on(Operation::List, engine, list)
        .help(LIST_SYNOPSIS, LIST_DESCRIPTION)
}

pub(in crate::secrets::aws) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("roles/{name}")
        .field(Field::new("name", FieldKind::String).describe("The name of the role."))
        .field(
            Field::new("policy", FieldKind::String)
                .describe("The IAM policy in JSON format.")
                .required()
                .kept_as_sent(),
        )
        .display(OPERATIONS.suffix("role"))
        .on(Operation::Update, engine, write)
        .on(Operation::Read, engine, read)
        .on(Operation::Delete, engine, delete)
        .help(SYNOPSIS, DESCRIPTION)
}

#[derive(Debug, Deserialize)]
struct Name {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Write {
    name: String,
    /// As JSON text.
    policy: Option<String>,
}

async fn list(_: Arc<Engine>, context: Context, _: NoArguments) -> HandlerResult {
    Ok(Some(Response::list(context.storage.list(STORAGE_PREFIX).await?)))
}

async fn write(_: Arc<Engine>, context: Context, arguments: Write) -> HandlerResult {
    if context.request.data.contains_key("arn") {
        return Err(Error::bad_request(
            "arn: this engine does not attach managed policies; write their document to policy",
        ));
    }
    let sent = arguments.policy.unwrap_or_default();
    // A document comes as the text of it, from the command line, or as it is.
    let text = match serde_json::from_str(&sent) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(_)) => sent,
        Ok(Value::Null) | Err(_) => String::new(),
        Ok(_) => return Err(Error::bad_request("policy: expected an IAM policy in JSON")),
    };
    if text.trim().is_empty() {
        return Err(Error::bad_request("policy is required"));
    }
    let stored = policy::checked(&text).map_err(|rule| Error::bad_request(format!("policy: {rule}")))?;
    context
        .storage
        .put(&storage_key(&arguments.name), stored.into_bytes())
        .await?;
    Ok(None)
}

async fn read(_: Arc<Engine>, context: Context, arguments: Name) -> HandlerResult {
    let role = Role::load(&context, &arguments.name).await?;
    Ok(role.map(|role| Response::data(object([("policy", Value::from(role.policy))]))))
}

async fn delete(_: Arc<Engine>, context: Context, arguments: Name) -> HandlerResult {
    context.storage.delete(&storage_key(&arguments.name)).await?;
    Ok(None)
}
