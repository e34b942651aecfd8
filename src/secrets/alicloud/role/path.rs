//! `role/<name>`, and the list of roles at `role` and `roles`.

use std::sync::Arc;

use futures_util::future::join3;
use serde::Deserialize;

use crate::framework::{
    Context, Error, Excerpt, Field, FieldKind, FieldValues, HandlerResult, NoArguments, Operation, Path,
    Response, list_as_spelt, spelling_to_store,
};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::engine::{Engine, OPERATIONS};
use crate::secrets::alicloud::role::rules::{check, warnings};
use crate::secrets::alicloud::role::spelling::check_spelling;
use crate::secrets::alicloud::role::{Role, SETTINGS, STORAGE_PREFIX, storage_key};

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
With allowed_ips or allowed_vpcs, its API key can be used from these networks only.
With credential_type=service_credential, the user has a key for the one service service_name in place of an access key.

To obtain an API key or STS credential after the role is created, if the backend is mounted at \"alicloud\" and you
create a role at \"alicloud/role/deploy\" then a user could request access credentials at \"alicloud/creds/deploy\".

To validate the keys, attempt to read an access key after writing the policy.
";

pub(in crate::secrets::alicloud) fn list_path(engine: &Arc<Engine>) -> Path {
    Path::new("roles?/?")
        .display(OPERATIONS.suffix("roles|roles2"))
        .on(Operation::List, engine, list)
        .help(LIST_SYNOPSIS, LIST_DESCRIPTION)
}

pub(in crate::secrets::alicloud) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("role/{name}")
        .field(Field::new("name", FieldKind::LowercaseString).describe("The name of the role."))
        .fields(SETTINGS.fields())
        .display(OPERATIONS.suffix("role"))
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
pub(super) struct Write {
    name: String,
    #[serde(flatten)]
    given: FieldValues,
}

async fn list(_: Arc<Engine>, context: Context, _: NoArguments) -> HandlerResult {
    let names = list_as_spelt(&context, STORAGE_PREFIX, |role: Role| role.spelling).await?;
    Ok(Some(Response::list(names)))
}

async fn exists(_: Arc<Engine>, context: Context, arguments: Name) -> Result<bool, Error> {
    let stored = context.storage.get(&storage_key(&arguments.name)).await?;
    Ok(stored.is_some())
}

async fn read(_: Arc<Engine>, context: Context, arguments: Name) -> HandlerResult {
    let Some(role) = Role::load(&*context.storage, &arguments.name).await? else {
        return Ok(None);
    };
    check_spelling(&context, &role).await?;
    Ok(Some(Response::data(SETTINGS.shown(&role))))
}

async fn delete(engine: Arc<Engine>, context: Context, arguments: Name) -> HandlerResult {
    let key = storage_key(&arguments.name);
    let _one_writer = engine.locks.lock(&key).await;
    match Role::load(&*context.storage, &arguments.name).await {
        Ok(Some(role)) => check_spelling(&context, &role).await?,
        Ok(None) => {}
        // What cannot be read can be deleted, in lower case.
        Err(_) => check_spelling(&context, &Role::default()).await?,
    }
    context.storage.delete(&key).await?;
    Ok(None)
}

async fn write(engine: Arc<Engine>, context: Context, arguments: Write) -> HandlerResult {
    let name = arguments.name;
    let _one_writer = engine.locks.lock(&storage_key(&name)).await;
    let storage = &*context.storage;
    let (stored, config, limit) = join3(
        Role::load(storage, &name),
        Config::load(storage),
        context.system.max_lease_ttl(),
    )
    .await;
    let (stored, config, limit) = (stored?, config?.unwrap_or_default(), limit?);
    // The host found a role and checked the caller's policy for an update; meanwhile it was deleted.
    if stored.is_none() && context.request.operation == Operation::Update {
        return Err(Error::bad_request(format!(
            "no role found to update for {}",
            Excerpt(&name)
        )));
    }
    if let Some(role) = &stored {
        check_spelling(&context, role).await?;
    }
    let mut role = stored.unwrap_or_default();
    role.spelling = spelling_to_store(&context);
    SETTINGS.merge(&mut role, &arguments.given)?;
    check(&role, &config, &arguments.given)?;
    role.store(storage, &name).await?;
    Ok(Response::warnings(warnings(&role, limit, &arguments.given)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::secrets::alicloud::role::policies::RemotePolicy;

    const ARN: &str = "acs:ram::1234567890123456:role/dev";

    fn apply(arguments: Value, stored: Role) -> Result<Role, String> {
        let mut role = stored;
        let fields: Vec<_> = SETTINGS.fields().collect();
        let given = FieldValues::collect(&fields, arguments.as_object().unwrap(), "", &[]);
        let given = given.map_err(|error| error.to_string())?.values;
        SETTINGS
            .merge(&mut role, &given)
            .and_then(|()| check(&role, &Config::default(), &given))
            .map_err(|error| error.to_string())?;
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
            assert_eq!(policy.document.to_value(), document(), "{given}");
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
        let nested = |levels| (3..levels).fold(json!("x"), |inner, _| json!([inner]));
        for levels in [8, 32, 33, 100, 126] {
            let mut document = document();
            document["Statement"][0]["Note"] = nested(levels);
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
        let groups: Vec<_> = (0..11).map(|n| format!("g{n}")).collect();
        let tags: serde_json::Map<_, _> = (0..21).map(|n| (format!("k{n}"), json!("v"))).collect();
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
                json!({"role_arn": ARN, "ram_groups": "g"}),
                "ram_groups must be blank when an arn is present",
            ),
            (
                json!({"role_arns": ARN, "tags": {"a": "b"}}),
                "tags must be blank when an arn is present",
            ),
            (
                json!({"role_arn": ARN, "role_arns": ARN}),
                "role_arn and role_arns exclude each other",
            ),
            (
                json!({"role_arns": "acs:ram::1234567890123456:user/u"}),
                "role_arns: ",
            ),
            (
                json!({"role_arn": ARN, "session_policy": document(), "allow_session_policy": true}),
                "session_policy and allow_session_policy exclude each other",
            ),
            (
                json!({"role_arn": ARN, "session_policy": "{"}),
                "session_policy: not valid JSON",
            ),
            (
                json!({"role_arn": ARN, "external_id": "a"}),
                "external_id: an external id has",
            ),
            (
                json!({"role_arn": ARN, "source_identity": "a/b"}),
                "source_identity: the result has '/'",
            ),
            (
                json!({"inline_policies": [document()], "session_policy": document()}),
                "session_policy needs role_arn",
            ),
            (
                json!({"inline_policies": [document()], "allow_session_policy": true}),
                "allow_session_policy needs role_arn",
            ),
            (
                json!({"ram_groups": "g", "external_id": "agreed"}),
                "external_id needs role_arn",
            ),
            (
                json!({"ram_groups": "g", "source_identity": "jane"}),
                "source_identity needs role_arn",
            ),
            (
                json!({"ram_groups": "g_h"}),
                "ram_groups: \"g_h\": the name of a group has",
            ),
            (json!({"ram_groups": groups}), "ram_groups: 11 groups"),
            (json!({"ram_groups": "g", "tags": tags}), "tags: 21 tags"),
            (
                json!({"ram_groups": "g", "tags": {"": "x"}}),
                "tags: \"\" cannot be a key",
            ),
            (
                json!({"ram_groups": "g", "tags": {"acs:x": "x"}}),
                "tags: \"acs:x\" cannot be a key",
            ),
            (
                json!({"ram_groups": "g", "tags": {"a": "https://x"}}),
                "tags: the value of \"a\"",
            ),
            (
                json!({"ram_groups": "g", "tags": {"a": "x".repeat(257)}}),
                "tags: the value of \"a\" must have at most 256 characters",
            ),
            (
                json!({"ram_groups": "g", "description": "x".repeat(129)}),
                "description must have at most 128 characters",
            ),
            (
                json!({"ram_groups": "g", "description": "a\nb"}),
                "description must have",
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
            (
                json!({"ram_groups": "g", "credential_type": "api_key"}),
                "credential_type: ",
            ),
            (
                json!({"ram_groups": "g", "credential_type": "assumed_role"}),
                "credential_type=assumed_role needs role_arn or role_arns",
            ),
            (
                json!({"role_arn": ARN, "credential_type": "access_key"}),
                "role_arn and role_arns must be blank with credential_type=access_key",
            ),
            (
                json!({"role_arns": ARN, "credential_type": "service_credential", "service_name": "s"}),
                "role_arn and role_arns must be blank with credential_type=service_credential",
            ),
            (
                json!({"ram_groups": "g", "credential_type": "service_credential"}),
                "service_name is required with credential_type=service_credential",
            ),
            (
                json!({"credential_type": "service_credential", "service_name": "s"}),
                "must include an arn, or at least one of inline_policies or remote_policies, or ram_groups",
            ),
            (
                json!({"ram_groups": "g", "service_name": "s"}),
                "service_name needs credential_type=service_credential",
            ),
            (
                json!({"role_arn": ARN, "service_credential_days": 1}),
                "service_credential_days needs credential_type=service_credential",
            ),
            (
                json!({"ram_groups": "g", "credential_type": "service_credential", "service_name": "a b"}),
                "service_name: the name of a service has",
            ),
            (
                json!({"ram_groups": "g", "credential_type": "service_credential", "service_name": "s",
                       "service_credential_days": 36601}),
                "service_credential_days: expected 1 to 36600",
            ),
            (
                json!({"ram_groups": "g", "credential_type": "service_credential", "service_name": "s",
                       "service_credential_days": -1}),
                "service_credential_days: expected 1 to 36600",
            ),
            (
                json!({"ram_groups": "g", "credential_type": "service_credential", "service_name": "s",
                       "service_credential_days": 1, "max_ttl": "25h"}),
                "max_ttl of 25h exceeds the 24h that an API key lives",
            ),
            (
                json!({"ram_groups": "g", "credential_type": "service_credential", "service_name": "s",
                       "wait_for_propagation": 1}),
                "wait_for_propagation must be 0 with credential_type=service_credential",
            ),
            (
                json!({"ram_groups": "g", "credential_type": "service_credential", "service_name": "s",
                       "external_id": "agreed"}),
                "external_id needs role_arn",
            ),
            (
                json!({"ram_groups": "g", "credential_type": "service_credential", "service_name": "s",
                       "allowed_ips": "203.0.113.1"}),
                "allowed_ips must be blank with credential_type=service_credential",
            ),
            (
                json!({"ram_groups": "g", "credential_type": "service_credential", "service_name": "s",
                       "session_policy": document()}),
                "session_policy needs role_arn",
            ),
            (json!({"inline_policies": "{"}), "inline_policies: not valid JSON"),
            (
                json!({"inline_policies": 7}),
                "inline_policies: document 1: expected a policy document, which is an object, got a number",
            ),
            (
                json!({"inline_policies": [null]}),
                "inline_policies: document 1: expected",
            ),
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
        let mut shown = Value::Object(SETTINGS.shown(&updated));
        shown.as_object_mut().unwrap().remove("role_arn");
        assert_eq!(
            apply(shown, Role::default()).unwrap().inline_policies,
            stored.inline_policies
        );
    }

    #[test]
    fn what_a_read_shows_of_every_field_can_be_written_back() {
        let session = json!({
            "role_arns": [ARN, "acs:ram::1234567890123456:role/other"], "session_policy": document(),
            "external_id": "agreed", "source_identity": "jane", "description": "x",
        });
        let user = json!({
            "ram_groups": ["b", "a"], "tags": {"team": "x", "note": ""}, "description": "for people",
        });
        let open = json!({"role_arn": ARN, "allow_session_policy": true, "credential_type": "assumed_role"});
        let api_keys = json!({
            "ram_groups": ["a"], "credential_type": "service_credential", "service_name": "s",
            "service_credential_days": 36_600,
        });
        for sent in [session, user, open, api_keys] {
            let role = apply(sent.clone(), Role::default()).unwrap();
            let shown = Value::Object(SETTINGS.shown(&role));
            for (name, value) in sent
                .as_object()
                .unwrap()
                .iter()
                .filter(|(name, _)| *name != "session_policy")
            {
                assert_eq!(&shown[name], value, "{name}");
            }
            let again = apply(shown, role.clone()).unwrap();
            // A list that was never written is written by it.
            assert_eq!(
                (&again.inline_policies, &again.remote_policies),
                (&Some(vec![]), &Some(vec![]))
            );
            let (inline_policies, remote_policies) = (None, None);
            assert_eq!(
                Role {
                    inline_policies,
                    remote_policies,
                    ..again
                },
                role
            );
        }
        // What is not set is not shown, as for clients of the Go plugin.
        let shown = SETTINGS.shown(&apply(json!({"role_arn": ARN}), Role::default()).unwrap());
        assert_eq!(shown.len(), 6, "{shown:?}");
    }

    #[test]
    fn a_stored_role_is_updated_whatever_the_go_plugin_stored_in_it() {
        let policies = json!([{"hash": "h", "policy_document": {"Version": "2012-10-17", "Statement": [{"Effect": "allow"}]}},
                              {"hash": "i", "policy_document": null}]);
        let many: Vec<_> = (0..30)
            .map(|n| json!({"name": format!("P_{n}"), "type": "system"}))
            .collect();
        for stored in [
            json!({"inline_policies": policies}),
            json!({"remote_policies": many}),
            json!({"role_arn": "dev"}),
        ] {
            let role: Role = serde_json::from_value(stored.clone()).unwrap();
            let updated = apply(json!({"ttl": 3600, "max_ttl": "2h"}), role.clone()).unwrap();
            assert_eq!(
                updated,
                Role {
                    ttl: updated.ttl,
                    max_ttl: updated.max_ttl,
                    ..role.clone()
                }
            );
            assert_eq!(
                warnings(&updated, Duration::MAX, &FieldValues::default()),
                Vec::<String>::new()
            );
            // What the request itself writes is checked.
            let (name, value) = stored.as_object().unwrap().iter().next().unwrap();
            let refusal = apply(json!({name: value}), role).expect_err(name);
            assert!(refusal.starts_with(name), "{refusal}");
        }
    }

    #[test]
    fn warnings_are_of_what_the_request_writes() {
        let fields: Vec<_> = SETTINGS.fields().collect();
        let sent = json!({"inline_policies": [document(), {"Version": "1", "Statement": [
            {"Sid": "x", "Effect": "Allow", "Action": "oss:*", "Resource": "*"}]}],
            "remote_policies": ["name:P,type:System", "name:P,type:system"]});
        let given = FieldValues::collect(&fields, sent.as_object().unwrap(), "", &[])
            .unwrap()
            .values;
        let role = apply(sent, Role::default()).unwrap();
        let [of_document, of_list] = &warnings(&role, Duration::MAX, &given)[..] else {
            panic!()
        };
        assert!(
            of_document.starts_with("inline_policies: document 2, statement 1: \"Sid\" is not among"),
            "{of_document}"
        );
        assert_eq!(of_list, "remote_policies: P is in the list twice");
        assert_eq!(
            warnings(&role, Duration::MAX, &FieldValues::default()),
            Vec::<String>::new()
        );
    }

    #[test]
    fn warnings_are_in_human_units() {
        let role = apply(json!({"role_arn": ARN, "ttl": 60}), Role::default()).unwrap();
        assert_eq!(
            warnings(&role, Duration::from_secs(3600), &FieldValues::default()),
            ["STS credentials are valid for at least 15m; the lease of 1m ends before they expire"]
        );
        let role = apply(
            json!({"remote_policies": "name:P,type:System", "ttl": 7200}),
            Role::default(),
        )
        .unwrap();
        assert_eq!(
            warnings(&role, Duration::from_secs(5400), &FieldValues::default()),
            ["ttl of 2h exceeds the mount's maximum of 1h30m; leases are capped to it"]
        );
    }
}
