//! What a handler answers: data, a lease, a token, warnings.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::words::words;

/// A successful answer.
#[derive(Clone, Default)]
pub struct Response {
    /// Shown to the caller. Absent prints as `null`, which is not the same as an empty object.
    pub data: Option<Map<String, Value>>,
    /// Makes the host keep a lease.
    pub secret: Option<Secret>,
    /// Makes the host issue or renew a token.
    pub auth: Option<Auth>,
    /// Shown to the caller beside the data.
    pub warnings: Vec<String>,
}

/// A lease, as it goes to the host and comes back with renew and revoke.
#[derive(Clone, Default)]
pub struct Secret {
    /// How long.
    pub lease: LeaseOptions,
    /// Kept by the host with the lease and given back, never shown.
    pub internal: Map<String, Value>,
}

/// How long a lease or token lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeaseOptions {
    /// Zero lets the host take the mount's default.
    pub ttl: Duration,
    /// Counted from the issue time; zero lets the host take the mount's maximum.
    pub max_ttl: Duration,
    /// Whether the host accepts a renewal.
    pub renewable: bool,
    /// What the caller asks for, on renewal.
    pub increment: Duration,
    /// When the lease began, in seconds since 1970, on renewal and revocation.
    pub issue_time: Option<i64>,
}

/// A token: what a login gives, and what its renewal gets and gives back.
#[derive(Clone, Default, PartialEq)]
pub struct Auth {
    /// How long.
    pub lease: LeaseOptions,
    /// Kept by the host with the token and given back on renewal, never shown.
    pub internal: Map<String, Value>,
    /// Shown in audit logs, after the mount's name.
    pub display_name: String,
    /// The token's policies.
    pub policies: Vec<String>,
    /// Shown to the caller and kept with the token.
    pub metadata: BTreeMap<String, String>,
    /// Set by the host.
    pub accessor: String,
    /// Above zero, the token can be renewed for ever, this long at a time.
    pub period: Duration,
    /// How often the token may be used; zero is without limit.
    pub num_uses: i64,
    /// Set by the host.
    pub entity_id: String,
    /// Whom the token belongs to.
    pub alias: Option<Alias>,
    /// Groups that the token's owner belongs to.
    pub group_aliases: Vec<Alias>,
    /// Where the token may be used from.
    pub bound_cidrs: Vec<String>,
    /// Set by the host.
    pub token_policies: Vec<String>,
    /// Set by the host.
    pub identity_policies: Vec<String>,
    /// The end that no renewal passes; zero is none.
    pub explicit_max_ttl: Duration,
    /// Service or batch.
    pub token_type: TokenType,
    /// Leaves the `default` policy out.
    pub no_default_policy: bool,
}

/// Whom a token belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alias {
    /// Unique within the mount.
    pub name: String,
    /// Kept with the alias, for templated policies.
    pub metadata: BTreeMap<String, String>,
    /// Set by the host.
    pub mount_type: String,
    /// Set by the host.
    pub mount_accessor: String,
    /// Set by the host.
    pub id: String,
    /// Set by the host.
    pub namespace_id: String,
    /// Set by the host.
    pub custom_metadata: BTreeMap<String, String>,
    /// Whether the alias stays in one cluster.
    pub local: bool,
}

words! {
    /// Vault's token types, in the order of their numbers.
    #[derive(Default)]
    pub enum TokenType {
        /// Whatever the mount says.
        #[default]
        Default = "default",
        /// Kept in the server's storage.
        Service = "service",
        /// A self-contained token.
        Batch = "batch",
        /// A service token unless the login asks otherwise.
        DefaultService = "default-service",
        /// A batch token unless the login asks otherwise.
        DefaultBatch = "default-batch",
    }
}

/// An object with these members. Collecting them would sort them first, with code of its own in each place.
pub fn object<const COUNT: usize>(members: [(&str, Value); COUNT]) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, value) in members {
        object.insert(name.to_owned(), value);
    }
    object
}

impl Response {
    /// An answer with data.
    pub fn data(data: Map<String, Value>) -> Self {
        Self {
            data: Some(data),
            ..Self::default()
        }
    }

    /// An answer that the host hands on as it is, with a content type of its own (`logical.HTTPContentType` and its
    /// neighbours in `sdk/logical/response.go`).
    pub fn raw(content_type: &'static str, body: &str) -> Self {
        Self::data(object([
            ("http_status_code", 200.into()),
            ("http_content_type", content_type.into()),
            // The host tries this decoding first, so that a body which looks like it would not arrive.
            ("http_raw_body", STANDARD.encode(body).into()),
        ]))
    }

    /// An answer to LIST. No keys is an empty object, which the host turns into 404 as for its own engines.
    pub fn list(keys: Vec<String>) -> Self {
        let mut data = Map::new();
        if !keys.is_empty() {
            data.insert("keys".to_owned(), keys.into());
        }
        Self::data(data)
    }

    /// An answer that is only there for its warnings, or none when there are none.
    pub fn warnings(warnings: Vec<String>) -> Option<Self> {
        (!warnings.is_empty()).then(|| Self {
            warnings,
            ..Self::default()
        })
    }

    /// An answer that makes a token.
    pub fn auth(auth: Auth) -> Self {
        Self {
            auth: Some(auth),
            ..Self::default()
        }
    }
}

impl TokenType {
    /// The number on the wire and in storage.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The type with that number.
    pub fn from_number(number: u64) -> Option<Self> {
        let word = Self::WORDS.get(usize::try_from(number).ok()?)?;
        word.parse().ok()
    }
}

/// Without data and internal data: they hold secrets.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

/// Without internal data.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("lease", &self.lease)
            .field("display_name", &self.display_name)
            .field("policies", &self.policies)
            .finish_non_exhaustive()
    }
}
