//! `config`: which hosts are STS, whom requests must be signed for, what an entity is known by, and how tags are read.

use std::sync::Arc;

use super::config::{Config, SETTINGS, STORAGE_KEY};
use super::method::{Method, OPERATIONS};
use crate::framework::{
    Context, DisplayAttributes, FieldValues, HandlerResult, NoArguments, Operation, Path, Response,
};

const SYNOPSIS: &str =
    "Configure the STS hosts, the server id, the entity aliases, and how tags of RAM roles are read.";

const DESCRIPTION: &str = "
Everything here is optional. A setting that is not given stays as it is; a blank one goes back to its default.

Signed requests are sent only to the official hosts of STS, which this plugin has a list of, and to the hosts in
\"sts_endpoints\", compared letter by letter. The operator of such a host can impersonate any identity. \"allowed_sts_hosts\" narrows
the official list to those hosts that clients use here, so that nobody can make this server wait for others.

With a \"server_id\", a login must carry the query parameter VaultServerId with that value inside its signature. A
request that was signed for another server, or stolen from one, is then worth nothing here. Clients that do not know of
it, such as \"vault login -method=alicloud\", can then not log in. Without a \"server_id\", a request that has the parameter
is refused: it was signed for another server.

\"ram_alias\" selects the name of the entity alias. With principal_id, as upstream, each session of a role is an entity of its
own; with role_id or role_arn all sessions of a role are one. Users and accounts have no role: with role_id they are known
by their own id, and with role_arn by their own ARN. A change makes new entities for everybody.

\"ram_tags_metadata\" gives the alias of a role's session that role's tags as metadata. These, and the \"bound_tags\" of
roles, are read from RAM at login, with the access key here or else with the credentials in the server's environment; the
method needs credentials for nothing else. They see the roles of their own account only.
";

pub(super) fn path(method: &Arc<Method>) -> Path {
    Path::new("config")
        .fields(SETTINGS.fields())
        .display(OPERATIONS)
        .on(Operation::Update, method, write)
        .displayed(DisplayAttributes::default().verb("configure").suffix("auth"))
        .on(Operation::Read, method, read)
        .displayed(DisplayAttributes::default().suffix("auth-configuration"))
        .on(Operation::Delete, method, delete)
        .displayed(DisplayAttributes::default().suffix("auth-configuration"))
        .help(SYNOPSIS, DESCRIPTION)
}

async fn write(method: Arc<Method>, context: Context, given: FieldValues) -> HandlerResult {
    let _one_writer = method.locks.lock(STORAGE_KEY).await;
    let mut config = Config::load(&*context.storage).await?.unwrap_or_default();
    let alias_before = config.ram_alias;
    config.merge(&given)?;
    config.store(&*context.storage).await?;
    method.role_tags.forget();
    Ok(Response::warnings(if config.ram_alias == alias_before {
        vec![]
    } else {
        vec!["ram_alias was changed: every identity gets a new entity at its next login".to_owned()]
    }))
}

async fn read(_: Arc<Method>, context: Context, _: NoArguments) -> HandlerResult {
    let config = Config::load(&*context.storage).await?;
    Ok(config.map(|config| Response::data(SETTINGS.shown(&config))))
}

async fn delete(method: Arc<Method>, context: Context, _: NoArguments) -> HandlerResult {
    let _one_writer = method.locks.lock(STORAGE_KEY).await;
    context.storage.delete(STORAGE_KEY).await?;
    method.role_tags.forget();
    Ok(None)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::alicloud::Credentials;
    use crate::framework::to_go_json;

    fn apply(arguments: Value, mut config: Config) -> Result<Config, String> {
        let given = serde_json::from_value(arguments).unwrap();
        let merged = config.merge(&given);
        merged.map(|()| config).map_err(|error| error.to_string())
    }

    fn bytes(config: &Config) -> Vec<u8> {
        to_go_json(config).unwrap()
    }

    #[test]
    fn what_is_not_given_stays_and_blank_resets() {
        let all = json!({
            "sts_endpoints": ["STS.example.com", "sts.example.com:443", "sts.internal:8443"],
            "allowed_sts_hosts": ["STS.aliyuncs.com", "sts.cn-hangzhou.aliyuncs.com", "sts.aliyuncs.com"],
            "allow_vpc_endpoints": true,
            "fold_role_names": true,
            "server_id": " vault.example.com ",
            "ram_alias": "role_id",
            "ram_metadata": ["role_name", "account_id", "role_name"],
            "ram_tags_metadata": ["team", "a b", "team"],
            "access_key": " key ",
            "secret_key": " hush ",
            "ram_endpoint": "RAM.example.com",
        });
        let first = apply(all, Config::default()).unwrap();
        let shown = json!({
            "sts_endpoints": ["sts.example.com", "sts.internal:8443"],
            "allowed_sts_hosts": ["sts.aliyuncs.com", "sts.cn-hangzhou.aliyuncs.com"],
            "fold_role_names": true,
            "allow_vpc_endpoints": true,
            "server_id": "vault.example.com",
            "ram_alias": "role_id",
            "ram_metadata": ["account_id", "role_name"],
            "ram_tags_metadata": ["a b", "team"],
            "access_key": "key",
            "ram_endpoint": "ram.example.com",
        });
        assert_eq!(Value::Object(SETTINGS.shown(&first)), shown);
        assert!(
            first
                .key_pair()
                .unwrap()
                .is_same(&Credentials::new("key", "hush"))
        );
        assert_eq!(bytes(&apply(json!({}), first.clone()).unwrap()), bytes(&first));
        let blank = json!({
            "sts_endpoints": [], "allowed_sts_hosts": [], "fold_role_names": false, "allow_vpc_endpoints": false, "server_id": "", "ram_alias": "", "ram_metadata": [],
            "ram_tags_metadata": [], "access_key": "", "secret_key": "", "ram_endpoint": "",
        });
        assert_eq!(bytes(&apply(blank, first).unwrap()), bytes(&Config::default()));
    }

    #[test]
    fn a_key_pair_is_written_as_one() {
        let pair = json!({"access_key": "a", "secret_key": "s"});
        let stored = apply(pair, Config::default()).unwrap();
        for arguments in [
            json!({"access_key": "b"}),
            json!({"secret_key": "t"}),
            json!({"access_key": ""}),
            json!({"access_key": "b", "secret_key": " "}),
            json!({"access_key": "", "secret_key": "t"}),
        ] {
            for before in [&stored, &Config::default()] {
                let refusal = apply(arguments.clone(), before.clone()).unwrap_err();
                let begin = "access_key and secret_key are written together";
                assert!(refusal.starts_with(begin), "{arguments}: {refusal}");
            }
        }
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (arguments, field) in [
            (
                json!({"sts_endpoints": ["https://sts.example.com"]}),
                "sts_endpoints: ",
            ),
            (json!({"sts_endpoints": ["*.aliyuncs.com"]}), "sts_endpoints: "),
            (json!({"sts_endpoints": ["10.0.0.1"]}), "sts_endpoints: "),
            (json!({"sts_endpoints": [""]}), "sts_endpoints: "),
            (
                json!({"allowed_sts_hosts": ["sts.example.com"]}),
                "allowed_sts_hosts: \"sts.example.com\": this is not an official host of STS",
            ),
            (
                json!({"allowed_sts_hosts": ["sts.aliyuncs.com:8443"]}),
                "allowed_sts_hosts: ",
            ),
            (json!({"server_id": "a b"}), "server_id: "),
            (json!({"server_id": "ü"}), "server_id: "),
            (json!({"server_id": "x".repeat(129)}), "server_id: "),
            (
                json!({"ram_alias": "session"}),
                "ram_alias: expected one of principal_id, ",
            ),
            (
                json!({"ram_metadata": ["request_id"]}),
                "ram_metadata: \"request_id\": expected one of account_id, ",
            ),
            (json!({"ram_metadata": [""]}), "ram_metadata: "),
            (
                json!({"ram_tags_metadata": ["a", ""]}),
                "ram_tags_metadata: \"\": the key of a tag has 1 to 128 characters",
            ),
            (
                json!({"ram_endpoint": "https://ram.aliyuncs.com"}),
                "ram_endpoint: ",
            ),
        ] {
            let refusal = apply(arguments.clone(), Config::default()).unwrap_err();
            assert!(refusal.starts_with(field), "{arguments}: {refusal}");
        }
    }
}
