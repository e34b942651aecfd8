//! Between protobuf messages and the framework's types.

use std::collections::BTreeMap;
use std::time::Duration;

use prost_types::Timestamp;
use serde_json::{Map, Value};

use super::generated::{logical, pb};
use crate::framework::{
    Alias, Auth, Error, Kind, LeaseOptions, Operation, Request, RequestClass, Response, Secret, TokenType,
    nanoseconds, object,
};

/// Go's zero time. A lease without an issue time breaks the host's decoder.
const NO_TIME: i64 = -62_135_596_800;

/// Nanoseconds on the wire; a negative number is no duration.
pub(super) fn duration(nanoseconds: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0))
}

/// A request of the host. Fails with a text for the log when its JSON is no object.
pub(super) fn request(wire: pb::Request) -> Result<Request, String> {
    let mut request = Request::new(Operation::from_wire(&wire.operation), wire.path);
    request.data = parsed(&wire.data, "data")?;
    request.body = wire.data;
    request.secret = wire.secret.map(|secret| secret_from(*secret)).transpose()?;
    request.auth = wire.auth.map(|auth| auth_from(*auth)).transpose()?;
    request.display_name = wire.display_name;
    request.entity_id = wire.entity_id;
    request.mount_point = wire.mount_point;
    request.id = wire.id;
    request.remote_address = wire.connection.map(|connection| connection.remote_addr);
    Ok(request)
}

/// The answer to a request. A token is given only for a login and its renewal, and never beside an error.
pub(super) fn answer(
    request: (RequestClass, Operation),
    result: Result<Option<Response>, Error>,
) -> Result<pb::HandleRequestReply, Error> {
    let response = result?;
    if let Some(Response {
        auth: Some(_), data, ..
    }) = &response
    {
        let may_log_in = matches!(
            request,
            (RequestClass::Login, Operation::Update) | (_, Operation::Renew)
        );
        let says_error = data.as_ref().is_some_and(|data| data.contains_key("error"));
        if !may_log_in || says_error {
            return Err(Error::internal(
                "the plugin made a token where there must be none",
            ));
        }
    }
    Ok(pb::HandleRequestReply {
        response: response.map(self::response).map(Box::new),
        err: None,
    })
}

/// A successful answer of ours.
pub(super) fn response(response: Response) -> pb::Response {
    let Response {
        data,
        secret,
        auth,
        warnings,
    } = response;
    pb::Response {
        secret: secret.map(secret_to).map(Box::new),
        auth: auth.map(auth_to).map(Box::new),
        // The host refuses an empty string: no data is the JSON null.
        data: data.map_or_else(|| "null".to_owned(), text),
        warnings,
        ..pb::Response::default()
    }
}

/// A failure of ours: an error answer (HTTP 400) or an RPC error, never both, since the host would mix them.
pub(super) fn failure(error: &Error) -> pb::HandleRequestReply {
    if error.kind() == Kind::BadRequest {
        let data = object([("error", error.message().into())]);
        return pb::HandleRequestReply {
            response: Some(Box::new(response(Response::data(data)))),
            err: None,
        };
    }
    pb::HandleRequestReply {
        response: None,
        err: Some(proto_error(error)),
    }
}

/// The error kinds of `sdk/plugin/pb` that keep our text, or whose fixed text is what we mean.
pub(super) fn proto_error(error: &Error) -> pb::ProtoError {
    let (err_type, err_code) = match error.kind() {
        Kind::BadRequest => (1, 0),
        Kind::Coded(status) => (3, i64::from(status.code())),
        Kind::Internal | Kind::ReadOnly => (0, 0),
        Kind::UnsupportedOperation => (5, 0),
        Kind::UnsupportedPath => (6, 0),
    };
    pb::ProtoError {
        err_type,
        err_msg: error.message().to_owned(),
        err_code,
    }
}

fn parsed(json: &str, what: &str) -> Result<Map<String, Value>, String> {
    if json.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(json) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Null) => Ok(Map::new()),
        // Neither case quotes the text: it may hold a secret.
        Ok(_) => Err(format!("the request's {what} is not a JSON object")),
        Err(error) => Err(format!("the request's {what} is not JSON: line {}", error.line())),
    }
}

fn text(map: Map<String, Value>) -> String {
    // Not by way of `Display`, which hands each piece to a formatter.
    #[expect(
        clippy::expect_used,
        reason = "names are strings and no value fails to be written"
    )]
    serde_json::to_string(&map).expect("a JSON object")
}

fn lease_from(wire: pb::LeaseOptions) -> LeaseOptions {
    LeaseOptions {
        ttl: duration(wire.ttl),
        max_ttl: duration(wire.max_ttl),
        renewable: wire.renewable,
        increment: duration(wire.increment),
        issue_time: wire
            .issue_time
            .map(|time| time.seconds)
            .filter(|seconds| *seconds != NO_TIME),
    }
}

fn lease_to(lease: LeaseOptions) -> pb::LeaseOptions {
    pb::LeaseOptions {
        ttl: nanoseconds(lease.ttl),
        max_ttl: nanoseconds(lease.max_ttl),
        renewable: lease.renewable,
        increment: nanoseconds(lease.increment),
        issue_time: Some(Timestamp {
            seconds: lease.issue_time.unwrap_or(NO_TIME),
            nanos: 0,
        }),
    }
}

fn secret_from(wire: pb::Secret) -> Result<Secret, String> {
    Ok(Secret {
        lease: wire.lease_options.map(lease_from).unwrap_or_default(),
        internal: parsed(&wire.internal_data, "lease")?,
    })
}

fn secret_to(secret: Secret) -> pb::Secret {
    pb::Secret {
        lease_options: Some(lease_to(secret.lease)),
        internal_data: text(secret.internal),
        lease_id: String::new(),
    }
}

fn auth_from(wire: pb::Auth) -> Result<Auth, String> {
    Ok(Auth {
        lease: wire.lease_options.map(lease_from).unwrap_or_default(),
        internal: parsed(&wire.internal_data, "token")?,
        display_name: wire.display_name,
        policies: wire.policies,
        metadata: wire.metadata.into_iter().collect(),
        accessor: wire.accessor,
        period: duration(wire.period),
        num_uses: wire.num_uses,
        entity_id: wire.entity_id,
        alias: wire.alias.map(alias_from),
        group_aliases: wire.group_aliases.into_iter().map(alias_from).collect(),
        bound_cidrs: wire.bound_cidrs,
        token_policies: wire.token_policies,
        identity_policies: wire.identity_policies,
        explicit_max_ttl: duration(wire.explicit_max_ttl),
        token_type: TokenType::from_number(u64::from(wire.token_type)).unwrap_or_default(),
        no_default_policy: wire.no_default_policy,
    })
}

fn auth_to(auth: Auth) -> pb::Auth {
    pb::Auth {
        lease_options: Some(lease_to(auth.lease)),
        internal_data: text(auth.internal),
        display_name: auth.display_name,
        policies: auth.policies,
        metadata: auth.metadata.into_iter().collect(),
        // The host's own; it never trusts a plugin with it.
        client_token: String::new(),
        accessor: auth.accessor,
        period: nanoseconds(auth.period),
        num_uses: auth.num_uses,
        entity_id: auth.entity_id,
        alias: auth.alias.map(alias_to),
        group_aliases: auth.group_aliases.into_iter().map(alias_to).collect(),
        bound_cidrs: auth.bound_cidrs,
        token_policies: auth.token_policies,
        identity_policies: auth.identity_policies,
        explicit_max_ttl: nanoseconds(auth.explicit_max_ttl),
        token_type: u32::from(auth.token_type.number()),
        no_default_policy: auth.no_default_policy,
    }
}

fn alias_from(wire: logical::Alias) -> Alias {
    Alias {
        name: wire.name,
        metadata: wire.metadata.into_iter().collect(),
        mount_type: wire.mount_type,
        mount_accessor: wire.mount_accessor,
        id: wire.id,
        namespace_id: wire.namespace_id,
        custom_metadata: wire.custom_metadata.into_iter().collect::<BTreeMap<_, _>>(),
        local: wire.local,
    }
}

fn alias_to(alias: Alias) -> logical::Alias {
    logical::Alias {
        name: alias.name,
        metadata: alias.metadata.into_iter().collect(),
        mount_type: alias.mount_type,
        mount_accessor: alias.mount_accessor,
        id: alias.id,
        namespace_id: alias.namespace_id,
        custom_metadata: alias.custom_metadata.into_iter().collect(),
        local: alias.local,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::framework::Status;

    #[test]
    fn no_data_is_an_empty_object_and_other_json_is_refused() {
        for data in ["", "null", "{}"] {
            let wire = pb::Request {
                data: data.to_owned(),
                ..pb::Request::default()
            };
            assert!(request(wire).unwrap().data.is_empty(), "{data:?}");
        }
        for data in ["[]", "\"hush\"", "{\"hush\":"] {
            let error = request(pb::Request {
                data: data.to_owned(),
                ..pb::Request::default()
            });
            let error = error.err().unwrap();
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn every_lease_has_an_issue_time_and_its_internal_data_is_an_object() {
        let wire = response(Response {
            secret: Some(Secret::default()),
            ..Response::default()
        });
        let secret = wire.secret.unwrap();
        assert_eq!(secret.lease_options.unwrap().issue_time.unwrap().seconds, NO_TIME);
        assert_eq!(
            (secret.internal_data.as_str(), wire.data.as_str()),
            ("{}", "null")
        );
    }

    #[test]
    fn a_token_comes_back_from_the_wire_as_it_went() {
        let auth = Auth {
            lease: LeaseOptions {
                ttl: Duration::from_secs(60),
                max_ttl: Duration::from_secs(120),
                renewable: true,
                increment: Duration::from_secs(5),
                issue_time: Some(1_700_000_000),
            },
            internal: Map::from_iter([("a".to_owned(), json!(1))]),
            display_name: "d".to_owned(),
            policies: vec!["p".to_owned()],
            metadata: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
            accessor: "acc".to_owned(),
            period: Duration::from_secs(7),
            num_uses: 3,
            entity_id: "e".to_owned(),
            alias: Some(Alias {
                name: "n".to_owned(),
                local: true,
                ..Alias::default()
            }),
            group_aliases: vec![Alias {
                name: "g".to_owned(),
                ..Alias::default()
            }],
            bound_cidrs: vec!["10.0.0.0/8".to_owned()],
            token_policies: vec!["tp".to_owned()],
            identity_policies: vec!["ip".to_owned()],
            explicit_max_ttl: Duration::from_secs(9),
            token_type: TokenType::Batch,
            no_default_policy: true,
        };
        assert!(auth_from(auth_to(auth.clone())).unwrap() == auth);
    }

    #[test]
    fn a_token_comes_only_from_a_login_or_its_renewal_and_never_beside_an_error() {
        let token = |data: Option<Value>| {
            Ok(Some(Response {
                auth: Some(Auth::default()),
                data: data.map(|data| data.as_object().unwrap().clone()),
                ..Response::default()
            }))
        };
        let login = (RequestClass::Login, Operation::Update);
        let renewal = (RequestClass::Storage, Operation::Renew);
        for request in [login, renewal] {
            let reply = answer(request, token(None)).unwrap();
            assert!(reply.response.unwrap().auth.is_some() && reply.err.is_none());
            assert!(answer(request, token(Some(json!({"error": "no"})))).is_err());
        }
        for operation in [Operation::AliasLookahead, Operation::ResolveRole, Operation::Read] {
            assert!(answer((RequestClass::Login, operation), token(None)).is_err());
        }
        assert!(answer((RequestClass::Storage, Operation::Update), token(None)).is_err());
        assert!(answer(login, Err(Error::bad_request("no"))).is_err());
    }

    #[test]
    fn each_kind_of_error_becomes_what_the_host_understands() {
        let answer = failure(&Error::bad_request("no such role"));
        assert_eq!(answer.response.unwrap().data, r#"{"error":"no such role"}"#);
        assert!(answer.err.is_none());
        for (error, kind, code) in [
            (Error::internal("x"), 0, 0),
            (Error::read_only(), 0, 0),
            (Error::coded(Status::UNAVAILABLE, "x"), 3, 503),
            (Error::unsupported_operation(), 5, 0),
            (Error::unsupported_path(), 6, 0),
        ] {
            let reply = failure(&error);
            assert!(reply.response.is_none());
            let wire = reply.err.unwrap();
            assert_eq!((wire.err_type, wire.err_code), (kind, code), "{error}");
        }
    }
}
