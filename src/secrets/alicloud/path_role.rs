//! `role/<name>`, and the list of roles at `role` and `roles`.

#[cfg(fuzzing)]
pub mod fuzzing;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::config::Config;
use super::engine::Engine;
use super::policy_document::PolicyDocument;
use super::propagation::LONGEST_WAIT;
use super::role::{InlinePolicy, RemotePolicy, Role, STORAGE_PREFIX, storage_key};
use super::session::{LONGEST_SESSION, SHORTEST_SESSION};
use super::{OPERATION_PREFIX, names};
use crate::alicloud::arn::{Arn, Identity};
use crate::alicloud::ram::PolicyKind;
use crate::framework::{
    Context, DisplayAttributes, Error, Excerpt, Field, FieldKind, HandlerResult, Operation, Path, Response,
    human_duration,
};

const LIST_SYNOPSIS: &str = "List the existing roles in this backend.";
const LIST_DESCRIPTION: &str = "Roles will be listed by the role name.";

const SYNOPSIS: &str =
    "Read, write and reference policies and roles that API keys or STS credentials can be made for.";

const DESCRIPTION: &str = "
This path allows you to read and write roles that are used to create API keys or STS credentials.

If you supply a role ARN, that role must have been created to allow trusted actors, and the access key and secret that
will be used to call AssumeRole (configured at the /config path) must qualify as a trusted actor.

If you instead supply inline and/or remote policies to be applied, a user and API key will be dynamically created.
The remote policies will be applied to that user, and the inline policies will also be dynamically created and applied.

To obtain an API key or STS credential after the role is created, if the backend is mounted at \"alicloud\" and you
create a role at \"alicloud/role/deploy\" then a user could request access credentials at \"alicloud/creds/deploy\".

To validate the keys, attempt to read an access key after writing the policy.
";

pub(super) fn list_path(engine: &Arc<Engine>) -> Path {
    Path::new("roles?/?")
        .display(DisplayAttributes {
            prefix: Some(OPERATION_PREFIX),
            suffix: Some("roles|roles2"),
            ..DisplayAttributes::default()
        })
        .on(Operation::List, engine, list)
        .help(LIST_SYNOPSIS, LIST_DESCRIPTION)
}

pub(super) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("role/{name}")
        .field(Field::new("name", FieldKind::LowercaseString).describe("The name of the role."))
        .field(
            Field::new("role_arn", FieldKind::String).describe(
                "ARN of the role to be assumed. If provided, inline_policies and remote_policies should be blank. \
                 At creation time, this role must have configured trusted actors, and the access key and secret that \
                 will be used to assume the role (in /config) must qualify as a trusted actor.",
            ),
        )
        .field(
            Field::new("inline_policies", FieldKind::String)
                .describe("JSON of policies to be dynamically applied to users of this role: a list of documents.")
                .as_sent(),
        )
        .field(
            Field::new("remote_policies", FieldKind::StringSlice)
                .describe(
                    "The name and type of each remote policy to be applied. Example: \
                     \"name:AliyunRDSReadOnlyAccess,type:System\".",
                )
                .as_sent(),
        )
        .field(
            Field::new("ttl", FieldKind::DurationSecond).describe(
                "Duration in seconds after which the issued credentials should expire. Defaults to 0, in which case \
                 the value will fallback to the system/mount defaults, or to an hour for STS credentials, which live \
                 for 15 minutes at the least.",
            ),
        )
        .field(
            Field::new("max_ttl", FieldKind::DurationSecond)
                .describe("The maximum allowed lifetime of credentials issued using this role."),
        )
        .field(
            Field::new("wait_for_propagation", FieldKind::DurationSecond).describe(
                "How long to wait, 60 seconds at the most, until a new access key works, before it is given out. \
                 Default: 0, in which case a key is given out at once and may be refused for some seconds. Not for STS \
                 credentials, which work at once.",
            ),
        )
        .display(DisplayAttributes {
            prefix: Some(OPERATION_PREFIX),
            suffix: Some("role"),
            ..DisplayAttributes::default()
        })
        .exists(engine, exists)
        .on(Operation::Update, engine, write)
        .and_on(Operation::Create)
        .on(Operation::Read, engine, read)
        .on(Operation::Delete, engine, delete)
        .help(SYNOPSIS, DESCRIPTION)
}

/// The arguments of every operation on one role: a body with further members does not disturb a delete.
#[derive(Debug, Deserialize)]
pub(super) struct Name {
    name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct NoArguments {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Write {
    name: String,
    role_arn: Option<String>,
    #[serde(default, deserialize_with = "given")]
    inline_policies: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    remote_policies: Option<Value>,
    /// Seconds.
    ttl: Option<u64>,
    /// Seconds.
    max_ttl: Option<u64>,
    /// Seconds.
    wait_for_propagation: Option<u64>,
}

/// Keeps a JSON null, which clears a list, apart from an absent member, which leaves it.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

async fn list(_: Arc<Engine>, context: Context, _: NoArguments) -> HandlerResult {
    Ok(Some(Response::list(context.storage.list(STORAGE_PREFIX).await?)))
}

async fn exists(_: Arc<Engine>, context: Context, arguments: Name) -> Result<bool, Error> {
    Ok(context
        .storage
        .get(&storage_key(&arguments.name))
        .await?
        .is_some())
}

async fn read(_: Arc<Engine>, context: Context, arguments: Name) -> HandlerResult {
    match Role::load(&*context.storage, &arguments.name).await? {
        Some(role) => Ok(Some(Response::data(role.shown()?))),
        None => Ok(None),
    }
}

async fn delete(engine: Arc<Engine>, context: Context, arguments: Name) -> HandlerResult {
    let key = storage_key(&arguments.name);
    let _one_writer = engine.locks.lock(&key).await;
    context.storage.delete(&key).await?;
    Ok(None)
}

async fn write(engine: Arc<Engine>, context: Context, arguments: Write) -> HandlerResult {
    let name = arguments.name.clone();
    let _one_writer = engine.locks.lock(&storage_key(&name)).await;
    let stored = Role::load(&*context.storage, &name).await?.unwrap_or_default();
    let config = Config::load(&*context.storage).await?.unwrap_or_default();
    let role = arguments.apply_to(stored)?;
    check(&role, &config)?;
    let limit = context.system.max_lease_ttl().await?;
    role.store(&*context.storage, &name).await?;
    Ok(Response::warnings(warnings(&role, limit)))
}

impl Write {
    /// What is not given stays as it is. What is given is checked on its own here, and the role as a whole after.
    fn apply_to(self, mut role: Role) -> Result<Role, Error> {
        if let Some(arn) = self.role_arn {
            arn.trim().clone_into(&mut role.arn);
        }
        if let Some(policies) = self.inline_policies {
            role.inline_policies = Some(inline_policies(policies)?);
        }
        if let Some(policies) = self.remote_policies {
            role.remote_policies = Some(remote_policies(policies)?);
        }
        if let Some(seconds) = self.ttl {
            role.ttl = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.max_ttl {
            role.max_ttl = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.wait_for_propagation {
            role.wait_for_propagation = Duration::from_secs(seconds);
        }
        Ok(role)
    }
}

/// Reads `inline_policies` in every form that clients send: a JSON list (as text, which is what the CLI and Terraform
/// send, or as JSON), of documents or of the objects that a read shows, or a single document.
fn inline_policies(given: Value) -> Result<Vec<InlinePolicy>, Error> {
    let given = json_in_text("inline_policies", given)?;
    let elements = match given {
        Value::Null => Vec::new(),
        Value::Array(elements) => elements,
        document @ Value::Object(_) => vec![document],
        _ => {
            return Err(Error::bad_request(
                "inline_policies: expected a JSON list of policy documents",
            ));
        }
    };
    elements
        .into_iter()
        .map(json_in_element)
        .map(|element| inline_policy(element?))
        .collect()
}

/// An element may be text again: a list of documents, each as the CLI passes it.
fn json_in_element(element: Value) -> Result<Value, Error> {
    json_in_text("inline_policies", element)
}

fn inline_policy(element: Value) -> Result<InlinePolicy, Error> {
    let shown = element.as_object().is_some_and(|members| {
        members.contains_key("policy_document")
            && members
                .keys()
                .all(|key| key == "hash" || key == "policy_document")
    });
    if !shown {
        return Ok(InlinePolicy {
            id: names::policy_id()?,
            document: PolicyDocument::new(element),
        });
    }
    // What a read showed and comes back keeps its id.
    let mut members = match element {
        Value::Object(members) => members,
        _ => serde_json::Map::new(),
    };
    let id = match members.remove("hash") {
        Some(Value::String(id)) if !id.is_empty() => id,
        _ => names::policy_id()?,
    };
    Ok(InlinePolicy {
        id,
        document: PolicyDocument::new(members.remove("policy_document").unwrap_or_default()),
    })
}

/// Reads `remote_policies` in every form that clients send: `name:X,type:Y` alone or in a list, the objects that a
/// read shows, or either as JSON text.
fn remote_policies(given: Value) -> Result<Vec<RemotePolicy>, Error> {
    let given = match given {
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            json_in_text("remote_policies", Value::String(text))?
        }
        given => given,
    };
    match given {
        Value::Null => Ok(Vec::new()),
        Value::String(text) if text.trim().is_empty() => Ok(Vec::new()),
        Value::Array(elements) => elements.into_iter().map(remote_policy).collect(),
        element => Ok(vec![remote_policy(element)?]),
    }
}

fn remote_policy(element: Value) -> Result<RemotePolicy, Error> {
    let (mut name, mut kind) = (None, None);
    match &element {
        Value::String(text) => {
            for pair in text.split(',') {
                let (key, value) = match pair.split_once(':') {
                    Some((key, value)) if !value.contains(':') => (key.trim(), value.trim()),
                    _ => {
                        return Err(refused(format!(
                            "unable to recognize pair in {:?}",
                            Excerpt(text)
                        )));
                    }
                };
                match key {
                    "name" => name = Some(value.to_owned()),
                    "type" => kind = Some(value.to_owned()),
                    _ => {
                        return Err(refused(format!(
                            "invalid key: {:?} in {:?}",
                            Excerpt(key),
                            Excerpt(text)
                        )));
                    }
                }
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                let value = value.as_str().map(|text| text.trim().to_owned());
                match key.as_str() {
                    "name" => name = value,
                    "type" => kind = value,
                    _ => return Err(refused(format!("invalid key: {:?}", Excerpt(key)))),
                }
            }
        }
        _ => {
            return Err(refused(
                "expected \"name:<name>,type:<System or Custom>\"".to_owned(),
            ));
        }
    }
    let shown = element
        .as_str()
        .map_or_else(|| element.to_string(), str::to_owned);
    let shown = Excerpt(&shown);
    let present = |text: Option<String>| text.filter(|text| !text.is_empty());
    let name = present(name).ok_or_else(|| refused(format!("policy name is required in {shown:?}")))?;
    let kind = present(kind).ok_or_else(|| refused(format!("policy type is required in {shown:?}")))?;
    return Ok(RemotePolicy { name, kind });

    fn refused(text: String) -> Error {
        Error::bad_request(format!("remote_policies: {text}"))
    }
}

/// Text that holds JSON becomes that JSON; blank text becomes null.
fn json_in_text(field: &'static str, given: Value) -> Result<Value, Error> {
    let Value::String(text) = given else {
        return Ok(given);
    };
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text)
        .map_err(|error| Error::bad_request(format!("{field}: not valid JSON: {error}")))
}

/// The rules for the role as a whole. Each refusal names the field.
fn check(role: &Role, config: &Config) -> Result<(), Error> {
    let (inline, remote) = (role.inline_policies(), role.remote_policies());
    if !role.arn.is_empty() {
        let clear = |field| {
            Error::bad_request(format!(
                "{field} must be blank when an arn is present; clear it with {field}=[]"
            ))
        };
        if !remote.is_empty() {
            return Err(clear("remote_policies"));
        }
        if !inline.is_empty() {
            return Err(clear("inline_policies"));
        }
        if !role.wait_for_propagation.is_zero() {
            return Err(Error::bad_request(
                "wait_for_propagation must be 0 when an arn is present: STS credentials work at once",
            ));
        }
        match role.arn.parse::<Arn>() {
            Ok(arn) if matches!(arn.identity(), Identity::Role(_)) => {}
            Ok(_) => {
                return Err(Error::bad_request(
                    "role_arn: expected the ARN of a role, acs:ram::<account id>:role/<role name>",
                ));
            }
            Err(error) => return Err(Error::bad_request(format!("role_arn: {error}"))),
        }
    } else if inline.is_empty() && remote.is_empty() {
        // Terraform's own tests look for this text.
        return Err(Error::bad_request(
            "must include an arn, or at least one of inline_policies or remote_policies",
        ));
    }
    for (at, policy) in (1..).zip(inline) {
        policy
            .document
            .check()
            .map_err(|error| Error::bad_request(format!("inline_policies: entry {at}: {error}")))?;
    }
    for policy in remote {
        check_remote(policy).map_err(|text| Error::bad_request(format!("remote_policies: {text}")))?;
    }
    let system = remote.iter().filter(|policy| policy.is_system()).count();
    let custom = inline.len() + remote.len() - system;
    if custom > config.custom_policies() {
        return Err(Error::bad_request(format!(
            "inline_policies and remote_policies: {custom} custom policies, but a RAM user can have {}; if the \
             account's quota was raised, set max_custom_policies at the config path",
            config.custom_policies()
        )));
    }
    if system > config.system_policies() {
        return Err(Error::bad_request(format!(
            "remote_policies: {system} system policies, but a RAM user can have {}; if the account's quota was \
             raised, set max_system_policies at the config path",
            config.system_policies()
        )));
    }
    if !role.max_ttl.is_zero() && role.ttl > role.max_ttl {
        return Err(Error::bad_request("ttl exceeds max_ttl"));
    }
    if role.wait_for_propagation > LONGEST_WAIT {
        return Err(Error::bad_request(format!(
            "wait_for_propagation can be {} at the most",
            human_duration(LONGEST_WAIT)
        )));
    }
    Ok(())
}

fn check_remote(policy: &RemotePolicy) -> Result<(), String> {
    let RemotePolicy { name, kind } = policy;
    let (shown_name, shown_kind) = (Excerpt(name), Excerpt(kind));
    if kind.parse::<PolicyKind>().is_err() {
        return Err(format!(
            "policy type {shown_kind:?} of {shown_name:?} must be System or Custom"
        ));
    }
    if name.len() > 128 || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(format!(
            "policy name {shown_name:?} must be 1 to 128 letters, digits and hyphens"
        ));
    }
    Ok(())
}

fn warnings(role: &Role, limit: Duration) -> Vec<String> {
    let mut warnings = Vec::new();
    for (field, asked) in [("ttl", role.ttl), ("max_ttl", role.max_ttl)] {
        if asked > limit {
            warnings.push(format!(
                "{field} of {} exceeds the mount's maximum of {}, to which leases are cut",
                human_duration(asked),
                human_duration(limit)
            ));
        }
    }
    if !role.arn.is_empty() {
        let asked = if role.ttl.is_zero() {
            role.max_ttl
        } else {
            role.ttl
        };
        if !asked.is_zero() && asked < SHORTEST_SESSION {
            warnings.push(format!(
                "STS credentials live for {} at the least: the lease of {} ends before them",
                human_duration(SHORTEST_SESSION),
                human_duration(asked)
            ));
        }
        if role.ttl > LONGEST_SESSION {
            warnings.push(format!(
                "STS credentials live for {} at the most, and no longer than the RAM role's maximum session duration: \
                 ttl of {} is cut",
                human_duration(LONGEST_SESSION),
                human_duration(role.ttl)
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "acs:ram::1234567890123456:role/dev";

    fn apply(arguments: Value, stored: Role) -> Result<Role, String> {
        let mut arguments = arguments;
        arguments["name"] = "r".into();
        let write: Write = serde_json::from_value(arguments).unwrap();
        let role = write.apply_to(stored).map_err(|error| error.to_string())?;
        check(&role, &Config::default()).map_err(|error| error.to_string())?;
        Ok(role)
    }

    fn document() -> Value {
        json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "rds:Describe*", "Resource": "*"}]})
    }

    #[test]
    fn inline_policies_come_in_many_forms() {
        for given in [
            json!([document()]),
            json!(json!([document()]).to_string()),
            json!([document().to_string()]),
            json!(document()),
            json!(document().to_string()),
            json!([{"hash": "h", "policy_document": document()}]),
            json!(json!([{"hash": "h", "policy_document": document()}]).to_string()),
        ] {
            let role = apply(json!({"inline_policies": given}), Role::default()).unwrap();
            let [policy] = role.inline_policies() else {
                panic!("{given}")
            };
            assert_eq!(policy.document, PolicyDocument::new(document()), "{given}");
            assert!(policy.id == "h" || policy.id.len() == 32, "{given}");
        }
    }

    #[test]
    fn remote_policies_come_in_many_forms() {
        for given in [
            json!("name:P,type:System"),
            json!("type:System,name:P"),
            json!(" name: P , type: System "),
            json!(["name:P,type:System"]),
            json!([{"name": "P", "type": "System"}]),
            json!(r#"[{"name":"P","type":"System"}]"#),
            json!(r#"["name:P,type:System"]"#),
            json!({"name": "P", "type": "System"}),
        ] {
            let role = apply(json!({"remote_policies": given}), Role::default()).unwrap();
            let expected = RemotePolicy {
                name: "P".to_owned(),
                kind: "System".to_owned(),
            };
            assert_eq!(role.remote_policies(), [expected], "{given}");
        }
    }

    #[test]
    fn a_role_that_is_taken_can_be_read_again() {
        let nested = |levels| (2..levels).fold(json!("x"), |inner, _| json!([inner]));
        for levels in [8, 32, 33, 100, 126] {
            let document = json!({"Version": "1", "Statement": [nested(levels)]});
            // As text, which may be as deep as a document of its own.
            let given = json!({"inline_policies": json!([document]).to_string()});
            match apply(given, Role::default()) {
                Ok(role) => {
                    let stored = crate::framework::to_go_json(&role).unwrap();
                    assert_eq!(serde_json::from_slice::<Role>(&stored).unwrap(), role);
                }
                Err(refusal) => {
                    assert!(levels > 32, "{levels}: {refusal}");
                    assert!(refusal.starts_with("inline_policies: "), "{refusal}");
                }
            }
        }
    }

    #[test]
    fn refusals_do_not_give_back_what_is_long() {
        let long = "x".repeat(100_000);
        for arguments in [
            json!({"remote_policies": long}),
            json!({"remote_policies": format!("{long}:x")}),
            json!({"remote_policies": format!("name:{long}")}),
            json!({"remote_policies": {long.as_str(): "x"}}),
            json!({"remote_policies": format!("name:{long},type:Custom")}),
            json!({"remote_policies": format!("name:P,type:{long}")}),
            json!({"inline_policies": long}),
            json!({"role_arn": long}),
        ] {
            let refusal = apply(arguments, Role::default()).unwrap_err();
            assert!(refusal.len() < 500, "{refusal}");
        }
    }

    #[test]
    fn blank_lists_clear() {
        let stored = apply(json!({"remote_policies": "name:P,type:System"}), Role::default()).unwrap();
        for blank in [json!([]), json!("[]"), json!(""), json!(null)] {
            let role = apply(
                json!({"remote_policies": blank, "inline_policies": blank, "role_arn": ARN}),
                stored.clone(),
            );
            assert_eq!(role.unwrap().arn, ARN, "{blank}");
        }
    }

    #[test]
    fn refusals_name_the_field() {
        let eleven: Vec<_> = (0..11).map(|_| document()).collect();
        let system: Vec<_> = (0..21).map(|n| format!("name:P{n},type:System")).collect();
        for (arguments, refusal) in [
            (
                json!({}),
                "must include an arn, or at least one of inline_policies or remote_policies",
            ),
            (json!({"role_arn": "arn:aws:iam::1:role/x"}), "role_arn: "),
            (
                json!({"role_arn": "acs:ram::1234567890123456:user/x"}),
                "role_arn: expected the ARN of a role",
            ),
            (
                json!({"role_arn": ARN, "inline_policies": [document()]}),
                "inline_policies must be blank when an arn is present",
            ),
            (
                json!({"role_arn": ARN, "remote_policies": "name:P,type:System"}),
                "remote_policies must be blank when an arn is present",
            ),
            (
                json!({"role_arn": ARN, "ttl": 10, "max_ttl": 5}),
                "ttl exceeds max_ttl",
            ),
            (
                json!({"role_arn": ARN, "wait_for_propagation": 1}),
                "wait_for_propagation must be 0 when an arn is present",
            ),
            (
                json!({"inline_policies": [document()], "wait_for_propagation": 61}),
                "wait_for_propagation can be 1m at the most",
            ),
            (json!({"inline_policies": "{"}), "inline_policies: not valid JSON"),
            (json!({"inline_policies": 7}), "inline_policies: expected"),
            (json!({"inline_policies": [null]}), "inline_policies: entry 1: "),
            (
                json!({"inline_policies": eleven}),
                "inline_policies and remote_policies: 11 custom policies",
            ),
            (
                json!({"remote_policies": system}),
                "remote_policies: 21 system policies",
            ),
            (
                json!({"remote_policies": "P"}),
                "remote_policies: unable to recognize pair",
            ),
            (
                json!({"remote_policies": "name:P,kind:System"}),
                "remote_policies: invalid key",
            ),
            (
                json!({"remote_policies": "type:System"}),
                "remote_policies: policy name is required",
            ),
            (
                json!({"remote_policies": "name:P"}),
                "remote_policies: policy type is required",
            ),
            (
                json!({"remote_policies": "name:P,type:managed"}),
                "remote_policies: policy type \"managed\"",
            ),
            (
                json!({"remote_policies": "name:P_x,type:Custom"}),
                "remote_policies: policy name \"P_x\"",
            ),
        ] {
            let error = apply(arguments.clone(), Role::default()).expect_err(refusal);
            assert!(error.starts_with(refusal), "{arguments}: {error}");
        }
    }

    #[test]
    fn a_partial_update_keeps_the_rest() {
        let stored = apply(
            json!({"inline_policies": [document()], "ttl": 60, "wait_for_propagation": 30}),
            Role::default(),
        )
        .unwrap();
        let updated = apply(json!({"max_ttl": 120}), stored.clone()).unwrap();
        assert_eq!(updated.inline_policies, stored.inline_policies);
        assert_eq!((updated.ttl.as_secs(), updated.max_ttl.as_secs()), (60, 120));
        assert_eq!(updated.wait_for_propagation.as_secs(), 30);
        // What a read shows can be written back without a change.
        let mut shown = Value::Object(updated.shown().unwrap());
        shown.as_object_mut().unwrap().remove("role_arn");
        assert_eq!(
            apply(shown, Role::default()).unwrap().inline_policies,
            stored.inline_policies
        );
    }

    #[test]
    fn warnings_are_in_human_units() {
        let role = apply(json!({"role_arn": ARN, "ttl": 60}), Role::default()).unwrap();
        assert_eq!(
            warnings(&role, Duration::from_secs(3600)),
            ["STS credentials live for 15m at the least: the lease of 1m ends before them"]
        );
        let role = apply(
            json!({"remote_policies": "name:P,type:System", "ttl": 7200}),
            Role::default(),
        )
        .unwrap();
        assert_eq!(
            warnings(&role, Duration::from_secs(5400)),
            ["ttl of 2h exceeds the mount's maximum of 1h30m, to which leases are cut"]
        );
    }
}
