//! `role/<role>`, and the list of roles at `role` and `roles`.

use std::fmt::Display;
use std::sync::Arc;

use serde::Deserialize;

use super::arn_pattern::ArnPattern;
use super::binding::{Bindings, RoleId};
use super::method::{Method, OPERATION_PREFIX};
use super::role::{Role, STORAGE_PREFIX, storage_key};
use super::role_arn::{ParseRoleArnError, RoleArn};
use crate::alicloud::AccountId;
use crate::framework::{
    Context, DisplayAttributes, Error, Excerpt, Field, FieldKind, FieldValues, HandlerResult, Operation,
    Path, Response, TokenParameters,
};

const LIST_SYNOPSIS: &str = "Lists all the roles that are registered with Vault.";
const LIST_DESCRIPTION: &str = "Roles will be listed by their respective role names.";

const SYNOPSIS: &str = "Create a role and associate policies to it.";

const DESCRIPTION: &str = "
A precondition for login is that a role should be created in the backend. The login endpoint takes in the role name
against which the caller should be validated. After authenticating the caller, the authorization for it to access
Vault's resources is determined by the policies that are associated to the role through this endpoint.

A role needs a binding. \"arn\" and \"bound_arns\" name RAM roles and RAM users, \"bound_account_ids\" names accounts, and
\"bound_role_ids\" names RAM roles by the id that a role made anew under the same name does not have. A caller must satisfy
every kind that is given: one of the ARNs, one of the accounts, one of the role ids. With accounts alone, everybody in
them can log in: every role, every user, and the account itself. Names are compared without regard to letter case; the
name of a session is not looked at.

Also, a 'token_max_ttl' can be configured in this endpoint that determines the maximum duration for which a login can be
renewed. Note that the 'token_max_ttl' has an upper limit of the 'max_ttl' value on the backend's mount. The same applies
to the 'token_ttl'.
";

pub(super) fn list_path(method: &Arc<Method>) -> Path {
    Path::new("roles?/?")
        .display(DisplayAttributes {
            prefix: Some(OPERATION_PREFIX),
            suffix: Some("auth-roles|auth-roles2"),
            ..DisplayAttributes::default()
        })
        .on(Operation::List, method, list)
        .help(LIST_SYNOPSIS, LIST_DESCRIPTION)
}

pub(super) fn path(method: &Arc<Method>) -> Path {
    let path = Path::new("role/{role}")
        .field(
            Field::new("role", FieldKind::LowercaseString)
                .describe("The name of the role as it should appear in Vault."),
        )
        .field(
            Field::new("arn", FieldKind::String)
                .describe("ARN of the RAM role to bind to this role: acs:ram::<account id>:role/<name>."),
        )
        .field(
            Field::new("bound_arns", FieldKind::CommaStringSlice).describe(
                "ARNs of RAM roles and RAM users that may log in, beside the one in arn. The name can end in one *: \
                 acs:ram::<account id>:role/dev-*.",
            ),
        )
        .field(
            Field::new("bound_account_ids", FieldKind::CommaStringSlice)
                .describe("Accounts that a caller must belong to. Alone, they let in everybody of these accounts."),
        )
        .field(Field::new("bound_role_ids", FieldKind::CommaStringSlice).describe(
            "Ids of RAM roles that a caller must be a session of. A role that is deleted and made anew has another id.",
        ));
    path.fields(TokenParameters::fields())
        .display(DisplayAttributes {
            prefix: Some(OPERATION_PREFIX),
            suffix: Some("auth-role"),
            ..DisplayAttributes::default()
        })
        .exists(method, exists)
        .on(Operation::Update, method, write)
        .and_on(Operation::Create)
        .on(Operation::Read, method, read)
        .on(Operation::Delete, method, delete)
        .help(SYNOPSIS, DESCRIPTION)
}

/// The arguments of every operation on one role: a body with further members does not disturb a delete.
#[derive(Debug, Deserialize)]
pub(super) struct Name {
    role: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct NoArguments {}

#[derive(Debug, Deserialize)]
pub(super) struct Write {
    role: String,
    arn: Option<String>,
    bound_arns: Option<Vec<String>>,
    bound_account_ids: Option<Vec<String>>,
    bound_role_ids: Option<Vec<String>>,
    /// Token parameters.
    #[serde(flatten)]
    token: FieldValues,
}

async fn list(_: Arc<Method>, context: Context, _: NoArguments) -> HandlerResult {
    Ok(Some(Response::list(context.storage.list(STORAGE_PREFIX).await?)))
}

async fn exists(_: Arc<Method>, context: Context, arguments: Name) -> Result<bool, Error> {
    Ok(context
        .storage
        .get(&storage_key(&arguments.role))
        .await?
        .is_some())
}

async fn read(_: Arc<Method>, context: Context, arguments: Name) -> HandlerResult {
    let role = Role::load(&*context.storage, &arguments.role).await?;
    Ok(role.map(|role| Response::data(role.shown())))
}

async fn delete(method: Arc<Method>, context: Context, arguments: Name) -> HandlerResult {
    let key = storage_key(&arguments.role);
    let _one_writer = method.locks.lock(&key).await;
    context.storage.delete(&key).await?;
    Ok(None)
}

async fn write(method: Arc<Method>, context: Context, arguments: Write) -> HandlerResult {
    let name = arguments.role.clone();
    let _one_writer = method.locks.lock(&storage_key(&name)).await;
    let stored = Role::load(&*context.storage, &name).await?;
    // The server found a role and asked for its policy on updates; meanwhile it went away.
    if stored.is_none() && context.request.operation == Operation::Update {
        return Err(Error::bad_request(format!(
            "no role found to update for {}",
            Excerpt(&name)
        )));
    }
    let role = arguments.apply_to(stored)?;
    let limit = context.system.max_lease_ttl().await?;
    role.store(&*context.storage, &name).await?;
    let mut warnings = role.token.warnings(&role.deprecated, limit);
    if let Some((arn, why)) = role
        .bindings
        .arn
        .as_ref()
        .and_then(|arn| Some((arn, arn.matches_nobody()?)))
    {
        warnings.push(format!(
            "arn: no caller can match {}: {why}",
            Excerpt(arn.as_str())
        ));
    }
    Ok(Response::warnings(warnings))
}

impl Write {
    /// What is not given stays as it is.
    fn apply_to(self, stored: Option<Role>) -> Result<Role, Error> {
        let exists = stored.is_some();
        let mut role = stored.unwrap_or_default();
        self.bind(&mut role.bindings)?;
        if role.bindings.is_empty() {
            // The first words are upstream's.
            return Err(Error::bad_request(if exists {
                "a role must keep at least one of arn, bound_arns, bound_account_ids and bound_role_ids"
            } else {
                "the arn is required to create a role, unless bound_arns, bound_account_ids or bound_role_ids is given"
            }));
        }
        role.token.merge(&mut role.deprecated, &self.token)?;
        Ok(role)
    }

    fn bind(&self, bindings: &mut Bindings) -> Result<(), Error> {
        if let Some(text) = &self.arn {
            bindings.arn = match text.trim() {
                "" => None,
                text => Some(RoleArn::parse(text).map_err(|error| arn_refusal(text, error))?),
            };
        }
        if let Some(texts) = &self.bound_arns {
            bindings.arns = each("bound_arns", texts, ArnPattern::parse)?;
        }
        if let Some(texts) = &self.bound_account_ids {
            bindings.account_ids = each("bound_account_ids", texts, AccountId::parse)?;
        }
        if let Some(texts) = &self.bound_role_ids {
            bindings.role_ids = each("bound_role_ids", texts, RoleId::parse)?;
        }
        Ok(())
    }
}

/// Upstream's texts, with the values that it means to show.
fn arn_refusal(text: &str, error: ParseRoleArnError) -> Error {
    Error::bad_request(match error {
        ParseRoleArnError::NoRole => format!(
            "only role arn types are supported at this time, but {text} was provided; arn: {error}, and users belong \
             in bound_arns"
        ),
        _ => format!("unable to parse arn {:?}: {error}", Excerpt(text)),
    })
}

/// Reads a list, each entry once.
fn each<T: PartialEq, E: Display>(
    field: &'static str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Error> {
    let mut parsed = Vec::with_capacity(texts.len());
    for text in texts {
        let binding = parse(text)
            .map_err(|error| Error::bad_request(format!("{field}: {:?}: {error}", Excerpt(text))))?;
        if !parsed.contains(&binding) {
            parsed.push(binding);
        }
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::cloud::testing::Script;
    use crate::framework::{Backend, FixedSystem, Kind, MemoryStorage, Request, Storage, testing};

    const ARN: &str = "acs:ram::1234567890123456:role/dev";

    struct Mount {
        backend: Backend,
        storage: Arc<dyn Storage>,
    }

    impl Mount {
        fn new() -> Self {
            Self {
                backend: crate::auth::alicloud::backend(
                    Script::default().client(),
                    Arc::new(crate::auth::alicloud::UsedSignatures::new().unwrap()),
                ),
                storage: Arc::new(MemoryStorage::default()),
            }
        }

        fn context(&self, operation: Operation, path: &str, data: Value) -> Context {
            let Value::Object(data) = data else {
                panic!("an object")
            };
            let mut request = Request::new(operation, path);
            request.data = data;
            let hour = Duration::from_secs(3600);
            let system = FixedSystem {
                default_ttl: hour,
                max_ttl: hour,
                ..FixedSystem::default()
            };
            let services = testing::services(Arc::clone(&self.storage), system);
            testing::context_of(&self.backend, request, services, CancellationToken::new())
        }

        async fn ask(&self, operation: Operation, path: &str, data: Value) -> HandlerResult {
            self.backend.handle(self.context(operation, path, data)).await
        }

        async fn shown(&self, path: &str) -> Value {
            let response = self.ask(Operation::Read, path, json!({})).await.unwrap().unwrap();
            Value::Object(response.data.unwrap())
        }
    }

    #[tokio::test]
    async fn a_role_is_made_read_changed_listed_and_removed() {
        let mount = Mount::new();
        let exists = mount
            .backend
            .exists(mount.context(Operation::Update, "role/Dev", json!({})))
            .await;
        assert_eq!(exists.unwrap(), Some(false));
        let body = json!({"arn": ARN, "policies": ["dev", "Prod"], "token_num_uses": "3"});
        assert!(
            mount
                .ask(Operation::Create, "role/Dev", body)
                .await
                .unwrap()
                .is_none()
        );
        let exists = mount
            .backend
            .exists(mount.context(Operation::Update, "role/dEV", json!({})))
            .await;
        assert_eq!(exists.unwrap(), Some(true));

        let shown = mount.shown("role/dev").await;
        assert_eq!(
            (&shown["arn"], &shown["token_num_uses"]),
            (&json!(ARN), &json!(3))
        );
        assert_eq!(
            (&shown["policies"], &shown["token_policies"]),
            (&json!(["dev", "prod"]), &json!(["dev", "prod"]))
        );
        mount
            .ask(
                Operation::Update,
                "role/dev",
                json!({"bound_account_ids": "1234567890123456"}),
            )
            .await
            .unwrap();
        let updated = mount.shown("role/dev").await;
        assert_eq!(updated["bound_account_ids"], json!(["1234567890123456"]));
        assert_eq!(
            (&updated["arn"], &updated["token_num_uses"]),
            (&json!(ARN), &json!(3))
        );

        for path in ["role", "role/", "roles", "roles/"] {
            let listed = mount
                .ask(Operation::List, path, json!({}))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(listed.data.unwrap()["keys"], json!(["dev"]), "{path}");
        }
        mount
            .ask(Operation::Delete, "role/DEV", json!({"arn": 1}))
            .await
            .unwrap();
        assert!(
            mount
                .ask(Operation::Read, "role/dev", json!({}))
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            mount
                .ask(Operation::Delete, "role/dev", json!({}))
                .await
                .unwrap()
                .is_none()
        );
    }

    #[tokio::test]
    async fn what_a_read_shows_can_be_written() {
        let mount = Mount::new();
        let body = json!({
            "arn": ARN, "bound_arns": "acs:ram::1234567890123456:user/*", "bound_role_ids": ["3000"],
            "token_ttl": "10m", "token_bound_cidrs": "10.0.0.0/8,::1", "token_type": "service",
            "alias_metadata": {"team": "a"}, "max_ttl": 1200,
        });
        mount.ask(Operation::Create, "role/a", body).await.unwrap();
        let shown = mount.shown("role/a").await;
        mount
            .ask(Operation::Create, "role/b", shown.clone())
            .await
            .unwrap();
        assert_eq!(mount.shown("role/b").await, shown);
    }

    #[tokio::test]
    async fn a_change_keeps_what_this_version_does_not_know() {
        let mount = Mount::new();
        let stored = "{\"arn\":{\"AccountNumber\":\"1\",\"Type\":0,\"RoleName\":\"R x\",\"RoleAssumerName\":\"\",\
                      \"Full\":\"acs:ram:cn-hangzhou:1:role/R x\"},\"ttl\":60000000000,\"later\":[1.5]}";
        mount.storage.put("role/r", stored.into()).await.unwrap();
        mount
            .ask(Operation::Update, "role/r", json!({"token_num_uses": 2}))
            .await
            .unwrap();
        let stored = String::from_utf8(mount.storage.get("role/r").await.unwrap().unwrap()).unwrap();
        for kept in [
            "\"Full\":\"acs:ram:cn-hangzhou:1:role/R x\"",
            "\"token_ttl\":60000000000",
            "\"ttl\":60000000000",
            "\"later\":[1.5]",
        ] {
            assert!(stored.contains(kept), "{kept} {stored}");
        }
    }

    #[tokio::test]
    async fn refusals_are_answers_that_name_the_field() {
        for (body, refusal) in [
            (
                json!({}),
                "the arn is required to create a role, unless bound_arns",
            ),
            (json!({"arn": " "}), "the arn is required to create a role"),
            (
                json!({"arn": "nonsense"}),
                "unable to parse arn \"nonsense\": an arn has five fields",
            ),
            (
                json!({"arn": "acs:ram::12345:user/a"}),
                "only role arn types are supported at this time, but acs:ram::12345:user/a was",
            ),
            (
                json!({"arn": "acs:ram::12345:assumed-role/a/bb"}),
                "only role arn types are supported",
            ),
            (
                json!({"arn": ["a"]}),
                "Field validation failed: error converting input for field \"arn\"",
            ),
            (
                json!({"bound_arns": "acs:ram::*:role/a"}),
                "bound_arns: \"acs:ram::*:role/a\": an arn can have one *",
            ),
            (json!({"bound_arns": ["acs:ram::12345:root"]}), "bound_arns: "),
            (json!({"bound_arns": [ARN, ""]}), "bound_arns: \"\": "),
            (
                json!({"bound_account_ids": "1, x"}),
                "bound_account_ids: \"1\": the account of an arn has 5 to 20 digits",
            ),
            (json!({"bound_role_ids": "r"}), "bound_role_ids: \"r\": "),
            (
                json!({"arn": ARN, "token_type": "default-service"}),
                "invalid 'token_type' value",
            ),
            (
                json!({"arn": ARN, "token_bound_cidrs": "10.0.0.0/33"}),
                "token_bound_cidrs: \"10.0.0.0/33\": ",
            ),
            (
                json!({"arn": ARN, "ttl": 20, "max_ttl": 10}),
                "ttl exceeds max ttl",
            ),
        ] {
            let mount = Mount::new();
            let error = mount
                .ask(Operation::Create, "role/r", body.clone())
                .await
                .err()
                .unwrap();
            assert_eq!(error.kind(), Kind::BadRequest, "{body}: {error}");
            assert!(error.message().starts_with(refusal), "{body}: {error}");
            assert!(mount.storage.list("").await.unwrap().is_empty(), "{body}");
        }
        let error = Mount::new()
            .ask(Operation::Update, "role/r", json!({"arn": ARN}))
            .await
            .err()
            .unwrap();
        assert_eq!(
            (error.kind(), error.message()),
            (Kind::BadRequest, "no role found to update for r")
        );
    }

    #[tokio::test]
    async fn the_last_binding_cannot_be_taken_away() {
        let mount = Mount::new();
        mount
            .ask(Operation::Create, "role/r", json!({"arn": ARN}))
            .await
            .unwrap();
        let error = mount
            .ask(Operation::Update, "role/r", json!({"arn": ""}))
            .await
            .err()
            .unwrap();
        assert!(
            error.message().starts_with("a role must keep at least one of"),
            "{error}"
        );
        mount
            .ask(
                Operation::Update,
                "role/r",
                json!({"arn": "", "bound_role_ids": "1,1,2"}),
            )
            .await
            .unwrap();
        let shown = mount.shown("role/r").await;
        assert_eq!(
            (&shown["arn"], &shown["bound_role_ids"]),
            (&json!(""), &json!(["1", "2"]))
        );
    }

    #[tokio::test]
    async fn every_ttl_over_the_maximum_is_warned_of_in_human_units() {
        let mount = Mount::new();
        let body = json!({
            "arn": ARN, "ttl": "2h", "token_max_ttl": "90m", "token_explicit_max_ttl": "1h30m", "token_period": "1h",
            "surprise": 1,
        });
        // With the old name of the TTL and the new one of its maximum, both are in force.
        let error = mount
            .ask(Operation::Create, "role/r", body.clone())
            .await
            .err()
            .unwrap();
        assert_eq!(error.message(), "ttl exceeds max ttl");
        let mut body = body;
        body["token_max_ttl"] = "3h".into();
        let response = mount
            .ask(Operation::Create, "role/r", body)
            .await
            .unwrap()
            .unwrap();
        assert!(response.data.is_none());
        assert_eq!(
            response.warnings,
            [
                "token_ttl (ttl) of 2h exceeds the mount's maximum of 1h, to which tokens are cut",
                "token_max_ttl of 3h exceeds the mount's maximum of 1h, to which tokens are cut",
                "token_explicit_max_ttl of 1h30m exceeds the mount's maximum of 1h, to which tokens are cut",
                "Endpoint ignored these unrecognized parameters: [surprise]",
            ]
        );
    }
}
