//! Every operation that hosts know, against every path of the auth method, without a credential (point 1 of "nobody can
//! starve it, trick it, or make it lose track").
//!
//! A host takes an answer with an `Auth` for an identity that was verified, whatever it had asked for: before 2.6.2,
//! OpenBao let a client name the operation of an inline login.

use serde_json::{Value, json};
use vault_plugin_alicloud::protocol::vault::pb;

use crate::host::{Host, Kind, Mount};

/// `logical.Operation` of OpenBao 2.7 and Vault 1.21, and spellings that are none.
const OPERATIONS: [&str; 24] = [
    "alias-lookahead",
    "create",
    "delete",
    "header",
    "help",
    "list",
    "patch",
    "read",
    "recover",
    "renew",
    "resolve-path",
    "resolve-role",
    "revoke",
    "rollback",
    "rotate",
    "rotation",
    "scan",
    "update",
    "",
    "login",
    "Alias-Lookahead",
    "aliaslookahead",
    "UPDATE",
    "unknown",
];

/// Every path of the method, and some that are close to `login`.
const PATHS: [&str; 12] = [
    "",
    "config",
    "login",
    "login/",
    "login/dev",
    "Login",
    "LOGIN",
    "role",
    "role/dev",
    "role/one",
    "roles",
    "no/such/path",
];

const ALIASES: [&str; 4] = ["principal_id", "role_id", "role_arn", "arn"];

const ARN: &str = "acs:ram::1234567890123456:role/dev";

/// What an operation before may have changed or deleted. With one role that can log in, an entity alias could be told
/// without asking STS.
async fn prepare(mount: &Mount, ram_alias: &str) {
    mount.write("config", json!({"ram_alias": ram_alias})).await.ok();
    mount.write("role/dev", json!({"arn": ARN})).await.ok();
    mount.write("role/one", json!({"bound_arns": [ARN]})).await.ok();
}

/// What somebody without a credential can send: nothing, the name of a role, and a login that is not signed.
fn bodies() -> Vec<Value> {
    let mut bodies = vec![json!({}), json!({"role": "nobody"})];
    for role in ["dev", "one"] {
        bodies.push(json!({"role": role}));
        // "https://sts.aliyuncs.com/?" in base64.
        bodies.push(json!({
            "role": role, "identity_request_url": "aHR0cHM6Ly9zdHMuYWxpeXVuY3MuY29tLz8=",
            "identity_request_headers": "e30=",
        }));
    }
    bodies
}

/// An answer that makes a host believe in an identity, as a text; none for every other answer.
fn identity(reply: &pb::HandleRequestReply) -> Option<String> {
    let response = reply.response.as_ref()?;
    let auth = response.auth.as_ref()?;
    let failed = reply.err.is_some() || response.data.contains("\"error\"");
    let alias = auth.alias.as_ref().map(|alias| alias.name.as_str());
    Some(format!(
        "alias {alias:?}{}",
        if failed { ", beside an error" } else { "" }
    ))
}

#[tokio::test]
async fn no_operation_without_a_credential_is_answered_with_an_identity() {
    let host = Host::start().await;
    let mount = host.mount(Kind::Auth).await;
    let (mut found, mut tried) = (Vec::new(), 0);
    for ram_alias in ALIASES {
        for operation in OPERATIONS {
            prepare(&mount, ram_alias).await;
            for path in PATHS {
                for body in bodies() {
                    let request = pb::Request {
                        unauthenticated: true,
                        ..mount.request(operation, path, &body)
                    };
                    let reply = mount.raw(request).await.unwrap_or_else(|status| {
                        panic!("{operation} {path:?} breaks the call itself: {status:?}")
                    });
                    tried += 1;
                    found
                        .extend(identity(&reply).map(|identity| {
                            format!("{operation} {path:?} {body} ({ram_alias}): {identity}")
                        }));
                }
            }
        }
    }
    assert_eq!(
        tried,
        ALIASES.len() * OPERATIONS.len() * PATHS.len() * bodies().len()
    );
    assert!(
        found.is_empty(),
        "an identity for the asking, {} times: {found:#?}",
        found.len()
    );
    host.shutdown().await;
}

/// The same for a host that does not tell whether the request came with a token, as Vault's.
#[tokio::test]
async fn a_renewal_without_the_token_of_a_login_is_answered_with_no_identity() {
    let host = Host::builder().vault().start().await;
    let mount = host.mount(Kind::Auth).await;
    prepare(&mount, "role_arn").await;
    let tokens = [
        None,
        Some(pb::Auth::default()),
        Some(pb::Auth {
            internal_data: "{}".to_owned(),
            metadata: [("role_name".to_owned(), "dev".to_owned())].into(),
            ..pb::Auth::default()
        }),
    ];
    for (number, auth) in tokens.into_iter().enumerate() {
        let request = pb::Request {
            auth: auth.map(Box::new),
            ..mount.request("renew", "login", &Value::Null)
        };
        let reply = mount.raw(request).await.unwrap();
        assert_eq!(identity(&reply), None, "the token of case {number}");
    }
    host.shutdown().await;
}
