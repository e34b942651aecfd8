//! `role/<role>`, and the list of roles at `role` and `roles`.

use std::sync::Arc;

use futures_util::future::join;
use serde::Deserialize;

use super::config::Config;
use super::method::{Method, OPERATIONS};
use super::role::{BINDINGS, Role, STORAGE_PREFIX, storage_key};
use super::role_arn::RoleArn;
use crate::framework::{
    Context, Error, Excerpt, Field, FieldKind, FieldValues, HandlerResult, NoArguments, Operation, Path,
    Response, TokenParameters, check_spelling, list_as_spelt, spelling_to_store,
};

const LIST_SYNOPSIS: &str = "Lists all the roles that are registered with Vault.";
const LIST_DESCRIPTION: &str = "Roles will be listed by their respective role names.";

const SYNOPSIS: &str = "Create a role and associate policies to it.";

const DESCRIPTION: &str = "
A precondition for login is that a role should be created in the backend. The login endpoint takes in the role name
against which the caller should be validated. After authenticating the caller, the authorization for it to access
Vault's resources is determined by the policies that are associated to the role through this endpoint.

A role needs a binding. \"arn\" and \"bound_arns\" name RAM roles and RAM users, \"bound_account_ids\" names accounts, and
\"bound_role_ids\" names RAM roles by their id, which changes when a role is deleted and created again. A caller must satisfy
every kind that is given: one of the ARNs, one of the accounts, one of the role ids. With accounts alone, everybody in
them can log in: every role, every user, and the account itself. Names are compared without regard to letter case; the
name of a session is not looked at.

With \"bound_tags\", a caller must also be a session of a RAM role that has all of these tags, compared letter by letter. They
are read from RAM at login and at each renewal, with the credentials of the mount's configuration or of the server's
environment, which see the roles of their own account only. A login whose tags cannot be read is refused.

Where the host does not ask the plugin which path is meant (Vault, and OpenBao before 2.7), a role answers to the spelling
of its name with which it was last written, and to no other, so that a policy for one spelling holds. A role of the Go
plugin answers to lower case there. \"fold_role_names\" in the configuration lifts this.

Also, a 'token_max_ttl' can be configured in this endpoint that determines the maximum duration for which a login can be
renewed. Note that the 'token_max_ttl' has an upper limit of the 'max_ttl' value on the backend's mount. The same applies
to the 'token_ttl'.
";

pub(super) fn list_path(method: &Arc<Method>) -> Path {
    Path::new("roles?/?")
        .display(OPERATIONS.suffix("auth-roles|auth-roles2"))
        .on(Operation::List, method, list)
        .help(LIST_SYNOPSIS, LIST_DESCRIPTION)
}

pub(super) fn path(method: &Arc<Method>) -> Path {
    Path::new("role/{role}")
        .field(
            Field::new("role", FieldKind::LowercaseString)
                .describe("The name of the role as it should appear in Vault."),
        )
        .fields(BINDINGS.fields())
        .fields(TokenParameters::fields())
        .display(OPERATIONS.suffix("auth-role"))
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

async fn list(_: Arc<Method>, context: Context, _: NoArguments) -> HandlerResult {
    let names = list_as_spelt(&context, STORAGE_PREFIX, |role: Role| role.name).await?;
    Ok(Some(Response::list(names)))
}

async fn exists(_: Arc<Method>, context: Context, arguments: Name) -> Result<bool, Error> {
    let stored = context.storage.get(&storage_key(&arguments.role)).await?;
    Ok(stored.is_some())
}

async fn read(_: Arc<Method>, context: Context, arguments: Name) -> HandlerResult {
    let Some(role) = Role::load(&*context.storage, &arguments.role).await? else {
        return Ok(None);
    };
    check(&context, role.name.as_deref()).await?;
    Ok(Some(Response::data(role.shown())))
}

async fn delete(method: Arc<Method>, context: Context, arguments: Name) -> HandlerResult {
    let key = storage_key(&arguments.role);
    let _one_writer = method.locks.lock(&key).await;
    if let Some(stored) = context.storage.get(&key).await? {
        // A role that cannot be read can be deleted.
        let role: Option<Role> = serde_json::from_slice(&stored).ok();
        let name = role.and_then(|role| role.name);
        check(&context, name.as_deref()).await?;
        context.storage.delete(&key).await?;
    }
    Ok(None)
}

async fn write(method: Arc<Method>, context: Context, given: FieldValues) -> HandlerResult {
    let name = given
        .get("role")
        .and_then(|name| name.as_str())
        .unwrap_or_default();
    let _one_writer = method.locks.lock(&storage_key(name)).await;
    let (stored, limit) = join(
        Role::load(&*context.storage, name),
        context.system.max_lease_ttl(),
    )
    .await;
    let (stored, limit) = (stored?, limit?);
    if let Some(stored) = &stored {
        check(&context, stored.name.as_deref()).await?;
    } else if context.request.operation == Operation::Update {
        // The server found a role and checked its policy on updates; meanwhile it was deleted.
        return Err(Error::bad_request(format!(
            "no role found to update for {}",
            Excerpt(name)
        )));
    }
    let exists = stored.is_some();
    let mut role = stored.unwrap_or_default();
    role.merge(&given)?;
    if role.has_no_binding() {
        // The first words are upstream's.
        return Err(Error::bad_request(if exists {
            "a role must keep at least one of arn, bound_arns, bound_account_ids and bound_role_ids"
        } else {
            "the arn is required to create a role, unless bound_arns, bound_account_ids or bound_role_ids is given"
        }));
    }
    role.name = spelling_to_store(&context);
    role.store(&*context.storage, name).await?;
    let mut warnings = role.token.warnings(&role.deprecated, limit);
    warnings.extend(role.arn.as_ref().and_then(RoleArn::warning));
    Ok(Response::warnings(warnings))
}

/// Refuses another spelling than the one that the role was last written with.
async fn check(context: &Context, written: Option<&str>) -> Result<(), Error> {
    let config = Config::load(&*context.storage);
    check_spelling(context, written, async {
        Ok(config.await?.unwrap_or_default().fold_role_names)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::cloud::testing::Script;
    use crate::framework::{Backend, FixedSystem, Kind, MemoryStorage, Request, Services, Storage, testing};

    const ARN: &str = "acs:ram::1234567890123456:role/dev";

    struct Mount {
        backend: Backend,
        storage: Arc<dyn Storage>,
        services: Services,
    }

    impl Mount {
        fn new() -> Self {
            let hour = Duration::from_secs(3600);
            let system = FixedSystem {
                default_ttl: hour,
                max_ttl: hour,
                ..FixedSystem::default()
            };
            let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
            Self {
                backend: crate::auth::alicloud::testing::backend(&Script::default()),
                services: testing::services(Arc::clone(&storage), system),
                storage,
            }
        }

        fn context(&self, operation: Operation, path: &str, data: Value) -> Context {
            let Value::Object(data) = data else {
                panic!("an object")
            };
            let mut request = Request::new(operation, path);
            request.data = data;
            testing::context_of(
                &self.backend,
                request,
                self.services.clone(),
                CancellationToken::new(),
            )
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
    async fn a_role_is_created_read_changed_listed_and_deleted() {
        let mount = Mount::new();
        // The host asks which path is meant, so that every spelling is good.
        mount
            .ask(Operation::ResolvePath, "role/Dev", json!({}))
            .await
            .unwrap();
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
            "bound_tags": ["team=a=b, c", "Env="],
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
    async fn an_arn_that_no_caller_can_match_is_taken_with_a_warning() {
        let mount = Mount::new();
        let odd = "acs:ram:123456:tf:role/-1234567890";
        let response = mount.ask(Operation::Create, "role/r", json!({"arn": odd})).await;
        let [warning] = response.unwrap().unwrap().warnings.try_into().unwrap();
        let start = format!("arn: no caller can match {odd}: the account of an arn has");
        assert!(warning.starts_with(&start), "{warning}");
        assert_eq!(mount.shown("role/r").await["arn"], json!(odd));
    }

    /// A refusal that names the right spelling.
    fn names(answer: HandlerResult, right: &str) {
        let error = answer.err().unwrap();
        assert_eq!(error.kind(), Kind::BadRequest, "{error}");
        assert!(error.message().contains(&format!("spelt {right:?}")), "{error}");
    }

    #[tokio::test]
    async fn a_role_answers_to_the_spelling_that_it_was_written_with() {
        let mount = Mount::new();
        mount
            .ask(Operation::Create, "role/Prod-Admin", json!({"arn": ARN}))
            .await
            .unwrap();
        mount.shown("role/Prod-Admin").await;
        for spelling in ["role/prod-admin", "role/PROD-ADMIN"] {
            names(
                mount.ask(Operation::Read, spelling, json!({})).await,
                "Prod-Admin",
            );
            names(
                mount.ask(Operation::Delete, spelling, json!({})).await,
                "Prod-Admin",
            );
            for operation in [Operation::Update, Operation::Create] {
                let answer = mount.ask(operation, spelling, json!({"token_num_uses": 7})).await;
                names(answer, "Prod-Admin");
            }
        }
        assert_eq!(mount.shown("role/Prod-Admin").await["token_num_uses"], json!(0));
        let listed = mount
            .ask(Operation::List, "roles", json!({}))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(listed.data.unwrap()["keys"], json!(["Prod-Admin"]));
        mount
            .ask(Operation::Update, "role/Prod-Admin", json!({"token_num_uses": 2}))
            .await
            .unwrap();
        mount
            .ask(Operation::Delete, "role/Prod-Admin", json!({}))
            .await
            .unwrap();
        mount
            .ask(Operation::Create, "role/prod-admin", json!({"arn": ARN}))
            .await
            .unwrap();
        names(
            mount.ask(Operation::Read, "role/Prod-Admin", json!({})).await,
            "prod-admin",
        );
        // A name that no role has is just not found.
        assert!(
            mount
                .ask(Operation::Read, "role/Other", json!({}))
                .await
                .unwrap()
                .is_none()
        );
    }

    #[tokio::test]
    async fn a_role_whose_spelling_is_not_known_answers_to_lower_case() {
        let mount = Mount::new();
        for stored in [
            format!("{{\"arn\":{{\"AccountNumber\":\"1\",\"Full\":\"{ARN}\"}}}}"),
            "{".to_owned(),
        ] {
            mount.storage.put("role/r-1", stored.into()).await.unwrap();
            names(mount.ask(Operation::Delete, "role/R-1", json!({})).await, "r-1");
        }
        // One that cannot be read can be deleted.
        mount.ask(Operation::Delete, "role/r-1", json!({})).await.unwrap();
        assert!(mount.storage.list("role/").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn every_spelling_is_good_where_the_host_asks_or_the_operator_says_so() {
        let asked = Mount::new();
        asked
            .ask(Operation::ResolvePath, "role/DEV", json!({}))
            .await
            .unwrap();
        let set = Mount::new();
        set.ask(Operation::Update, "config", json!({"fold_role_names": true}))
            .await
            .unwrap();
        for mount in [asked, set] {
            mount
                .ask(Operation::Create, "role/Dev", json!({"arn": ARN}))
                .await
                .unwrap();
            mount.shown("role/dev").await;
            mount
                .ask(Operation::Update, "role/DEV", json!({"token_num_uses": 2}))
                .await
                .unwrap();
            mount.ask(Operation::Delete, "role/dEV", json!({})).await.unwrap();
            assert!(mount.storage.list("role/").await.unwrap().is_empty());
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
                "token_ttl (ttl) of 2h exceeds the mount's maximum of 1h; tokens are capped to it",
                "token_max_ttl of 3h exceeds the mount's maximum of 1h; tokens are capped to it",
                "token_explicit_max_ttl of 1h30m exceeds the mount's maximum of 1h; tokens are capped to it",
                "Endpoint ignored these unrecognized parameters: [surprise]",
            ]
        );
    }
}
