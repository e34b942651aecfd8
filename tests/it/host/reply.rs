//! Replies of the plugin, decoded as the host decodes them. What would break a request or the host is a panic here.

use serde_json::{Map, Value};
use vault_plugin_alicloud::protocol::vault::pb;

/// What a client of the server would get, and what the server keeps.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The error texts of the body, or the fixed ones that the host puts in their place.
    pub error: Option<String>,
    /// The `data` of the body; `Null` when there is none.
    pub data: Value,
    pub warnings: Vec<String>,
    /// Set when the reply creates or renews a lease.
    pub lease: Option<Lease>,
    /// Set when the reply creates or renews a token.
    pub auth: Option<Auth>,
    /// The `ProtoError` type, if there was one.
    pub error_type: Option<u32>,
}

/// A lease as the host stores it.
#[derive(Clone)]
pub struct Lease {
    /// The path that made it.
    pub path: String,
    /// What the client got.
    pub data: Value,
    pub internal_data: Value,
    /// Seconds.
    pub ttl: i64,
    pub max_ttl: i64,
    pub renewable: bool,
    pub secret: pb::Secret,
}

/// A token as the host stores it.
#[derive(Clone)]
pub struct Auth {
    pub internal_data: Value,
    /// Seconds.
    pub ttl: i64,
    pub auth: pb::Auth,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease")
            .field("path", &self.path)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

impl Reply {
    /// `operation` and `path` are those of the request.
    pub fn decode(reply: pb::HandleRequestReply, operation: &str, path: &str) -> Self {
        assert!(
            reply.response.is_none() || reply.err.is_none(),
            "{operation} {path}: a response and an error together: the error's status is lost"
        );
        if let Some(error) = reply.err {
            return Self::failure(&error);
        }
        let Some(response) = reply.response else {
            let status = if ["read", "list", "header"].contains(&operation) {
                404
            } else {
                204
            };
            return Self::plain(status, None, Value::Null);
        };
        let data: Value = serde_json::from_str(&response.data).unwrap_or_else(|error| {
            panic!(
                "{operation} {path}: data is not JSON: {error}: {:?}",
                response.data
            )
        });
        assert!(
            data.is_null() || data.is_object(),
            "{operation} {path}: data is neither object nor null"
        );
        assert!(
            response.redirect.is_empty() && response.wrap_info.is_none() && response.mount_type.is_empty()
        );
        let secret = response.secret.map(|secret| lease(path, &data, *secret));
        let auth = response.auth.map(|auth| token(*auth));
        assert!(
            secret.is_none() || auth.is_none(),
            "{operation} {path}: a secret and an auth together"
        );
        assert!(
            auth.is_none() || data.get("error").is_none(),
            "{operation} {path}: an auth and an error together: hosts differ in which of them counts"
        );
        if let Some(error) = data.get("error")
            && data
                .as_object()
                .is_some_and(|data| data.keys().all(|key| key == "error" || key == "data"))
        {
            let text = error
                .as_str()
                .expect("the text of an error response is a string")
                .to_owned();
            return Self::plain(400, Some(text), Value::Null);
        }
        if operation == "list" {
            let keys = data
                .get("keys")
                .map_or(&[][..], |keys| keys.as_array().expect("keys are a list"));
            assert!(
                keys.iter().all(Value::is_string),
                "keys of a list are strings: {keys:?}"
            );
            if keys.is_empty() && response.warnings.is_empty() && data.as_object().is_none_or(Map::is_empty) {
                return Self::plain(404, None, Value::Null);
            }
        }
        Self {
            warnings: response.warnings,
            lease: secret,
            auth,
            ..Self::plain(200, None, data)
        }
    }

    fn plain(status: u16, error: Option<String>, data: Value) -> Self {
        Self {
            status,
            error,
            data,
            warnings: Vec::new(),
            lease: None,
            auth: None,
            error_type: None,
        }
    }

    /// The table of `ErrToProtoErr` and its reverse, with the statuses of the HTTP layer.
    fn failure(error: &pb::ProtoError) -> Self {
        let text = error.err_msg.clone();
        let fixed = |status, text: &str| (status, text.to_owned());
        let (status, text) = match error.err_type {
            0..=2 => (500, text),
            3 => {
                let code = u16::try_from(error.err_code).unwrap_or_default();
                assert!(
                    (400..600).contains(&code),
                    "code {} makes the host's HTTP layer panic",
                    error.err_code
                );
                (code, text)
            }
            4 => (400, text),
            5 => fixed(405, "unsupported operation"),
            6 => fixed(404, "unsupported path"),
            7 => fixed(400, "invalid request"),
            8 => fixed(403, "permission denied"),
            9 => fixed(500, "request needs further approval"),
            10 => fixed(500, "unrecoverable error"),
            other => panic!("error type {other} is taken for success by the host: {text}"),
        };
        let status = match text.as_str() {
            "unsupported operation" => 405,
            "unsupported path" => 404,
            "permission denied" => 403,
            "invalid request" | "invalid credentials" | "relative paths not supported" => 400,
            "upstream rate limited" => 502,
            _ => status,
        };
        Self {
            error_type: Some(error.err_type),
            ..Self::plain(status, Some(text), Value::Null)
        }
    }

    /// Panics with everything known unless the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// Panics with everything known unless it is a success.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.status < 300, "{self:#?}");
        self
    }

    /// The error text; panics when there is none.
    #[track_caller]
    pub fn text(&self) -> &str {
        self.error
            .as_deref()
            .unwrap_or_else(|| panic!("no error: {self:#?}"))
    }

    /// The lease; panics when there is none.
    #[track_caller]
    pub fn lease(&self) -> &Lease {
        self.lease
            .as_ref()
            .unwrap_or_else(|| panic!("no lease: {self:#?}"))
    }

    /// The token; panics when there is none.
    #[track_caller]
    pub fn auth(&self) -> &Auth {
        self.auth.as_ref().unwrap_or_else(|| panic!("no auth: {self:#?}"))
    }
}

const SECOND: i64 = 1_000_000_000;

fn options(options: Option<&pb::LeaseOptions>) -> (i64, i64, bool) {
    options.map_or((0, 0, false), |options| {
        assert!(
            options.issue_time.is_some(),
            "lease options without an issue time: invalid nil Timestamp"
        );
        assert!(options.ttl >= 0 && options.max_ttl >= 0, "negative durations");
        (options.ttl / SECOND, options.max_ttl / SECOND, options.renewable)
    })
}

fn object(text: &str) -> Value {
    let value: Value = serde_json::from_str(text).expect("internal data is JSON");
    assert!(value.is_object(), "internal data is an object: {text}");
    value
}

fn lease(path: &str, data: &Value, secret: pb::Secret) -> Lease {
    let (ttl, max_ttl, renewable) = options(secret.lease_options.as_ref());
    let internal_data = object(&secret.internal_data);
    Lease {
        path: path.to_owned(),
        data: data.clone(),
        internal_data,
        ttl,
        max_ttl,
        renewable,
        secret,
    }
}

fn token(auth: pb::Auth) -> Auth {
    let (ttl, _, _) = options(auth.lease_options.as_ref());
    assert!(
        auth.alias.as_ref().is_none_or(|alias| !alias.name.is_empty()),
        "an alias without a name"
    );
    assert!(
        !auth.policies.iter().any(|policy| policy == "root"),
        "the policy root is refused by the host"
    );
    assert!(auth.token_type <= 4);
    Auth {
        internal_data: object(&auth.internal_data),
        ttl,
        auth,
    }
}
