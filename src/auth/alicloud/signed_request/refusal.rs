//! The rules, as the caller reads about them.

use std::fmt;

use super::rules::{COUNT_LIMIT, FIELD_LIMIT};

/// The rule that a signed request broke. The text is for the caller and quotes no value that may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::auth::alicloud) enum Refusal {
    #[error("the Authorization header must begin with \"ACS3-HMAC-SHA256 \"; no other algorithm is accepted")]
    Algorithm,
    #[error(
        "the Authorization header must hold Credential, SignedHeaders and Signature (64 lower-case hexadecimal \
         digits), each once"
    )]
    Authorization,
    #[error("{field} is not base64 of text, in the standard or the URL-safe alphabet")]
    Base64 { field: &'static str },
    #[error("the header {0} is given more than once")]
    DuplicateHeader(Shown),
    #[error("the query parameter {0} is given more than once, perhaps in another letter case")]
    DuplicateParameter(Shown),
    #[error("the query has a percent sign without two hexadecimal digits")]
    Escape,
    #[error("{0} is longer than {FIELD_LIMIT} bytes")]
    FieldTooLong(&'static str),
    #[error("the url must not have a fragment")]
    Fragment,
    #[error("the value of header {0} has a character outside printable ASCII")]
    HeaderCharacter(Shown),
    #[error(
        "identity_request_headers must be a JSON object, its text, base64 of its text, or a list of name:value strings"
    )]
    HeaderForm,
    #[error("identity_request_headers has a name that no header can have")]
    HeaderName,
    #[error("the header {name} must be {rule}")]
    HeaderRule { name: &'static str, rule: &'static str },
    #[error("the header {0} must have exactly one value")]
    HeaderValues(Shown),
    #[error("the value of header {0} must be a string or a list of strings")]
    HeaderValueForm(Shown),
    #[error("the url's host must be a plain name of letters, digits, hyphens and dots")]
    Host,
    #[error(
        "the url's host {0} is not among the STS hosts that this mount accepts; an operator can add it to \
         allowed_sts_hosts in its configuration"
    )]
    HostNotAllowed(String),
    #[error(
        "the url's host {0} is not in this server's list of STS hosts; if it is a host of STS, an operator can add it to \
         sts_endpoints in the configuration of this mount"
    )]
    HostNotListed(String),
    #[error("identity_request_method must be POST or GET")]
    Method,
    #[error("{0} is missing")]
    MissingField(&'static str),
    #[error(
        "identity_request_headers is missing; give the headers of the request that was signed, or {{}} if it has none"
    )]
    MissingHeaders,
    #[error("the query parameter {name} is missing; it must be {rule}")]
    MissingParameter { name: &'static str, rule: &'static str },
    #[error(
        "the request is not signed: the query has no Signature (V1), and there is no Authorization header (V3)"
    )]
    NoSignature,
    #[error("the header {0} must be one of the signed headers")]
    NotSigned(&'static str),
    #[error(
        "the url's host {0} is of another region than the RegionId that is signed; use the host of that region or \
         sts.aliyuncs.com"
    )]
    OtherRegion(String),
    #[error("the query must consist of name=value pairs")]
    Pair,
    #[error("the query parameter {name} must be {rule}")]
    ParameterRule { name: &'static str, rule: &'static str },
    #[error("the url's path must be empty or /")]
    Path,
    #[error("the url must not have a port other than 443")]
    Port,
    #[error("the query has a character that must be percent-encoded")]
    QueryCharacter,
    #[error("the query has an escape of a control character, or one that is not UTF-8")]
    QueryText,
    #[error("the url must begin with https://")]
    Scheme,
    #[error("the query parameter VaultServerId is not the id of this server")]
    ServerIdMismatch,
    #[error("the signed query parameter VaultServerId is missing; this server requires its server_id in it")]
    ServerIdMissing,
    #[error(
        "the request is signed for the server that its parameter VaultServerId names, and this mount has no server_id to \
         compare it with; set server_id in the configuration of this mount, or sign without VaultServerId"
    )]
    ServerIdNotConfigured,
    #[error("the header {0} is listed in SignedHeaders but missing")]
    SignedHeaderMissing(Shown),
    #[error("SignedHeaders must be a sorted list of lower-case names, each once, separated by semicolons")]
    SignedHeaders,
    #[error("{0} must be a time in UTC written as YYYY-MM-DDThh:mm:ssZ")]
    TimeForm(&'static str),
    #[error("the request's {0} is more than 5 minutes ahead of this server's clock")]
    TooEarly(&'static str),
    #[error("the request's {0} is more than 15 minutes ago; sign a new one")]
    TooLate(&'static str),
    #[error("identity_request_headers has more than {COUNT_LIMIT} headers")]
    TooManyHeaders,
    #[error("the query has more than {COUNT_LIMIT} parameters")]
    TooManyParameters,
    #[error("the request has both a Signature in the query (V1) and an Authorization header (V3)")]
    TwoSignatures,
    #[error("the signed header {0} cannot be sent on; sign only the headers that the official SDKs sign")]
    UnforwardableHeader(Shown),
    #[error("the query parameter {0} does not belong to a signed GetCallerIdentity request")]
    UnknownParameter(Shown),
    #[error("the url has a character outside printable ASCII, or a backslash")]
    UrlCharacter,
    #[error("the url must not have a user or a password")]
    UserInfo,
    #[error("the url's host {0} is a VPC endpoint, which this server does not allow (allow_vpc_endpoints)")]
    VpcHost(String),
}

impl Refusal {
    /// Whether the request may be well made, only not for this server: 403 instead of 400.
    pub(in crate::auth::alicloud) fn is_forbidden(&self) -> bool {
        matches!(
            self,
            Self::HostNotAllowed(_)
                | Self::HostNotListed(_)
                | Self::OtherRegion(_)
                | Self::ServerIdMismatch
                | Self::ServerIdMissing
                | Self::ServerIdNotConfigured
                | Self::VpcHost(_)
        )
    }
}

/// A name as the caller wrote it, or nothing of it if it could be a secret that slipped into the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::auth::alicloud) struct Shown(Option<String>);

impl Shown {
    /// Shorter than every secret key (30 characters), signature or token, and without a character of theirs.
    const LIMIT: usize = 28;

    pub(super) fn new(name: &str) -> Self {
        let harmless = (1..Self::LIMIT).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        Self(harmless.then(|| name.to_owned()))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("(name not shown)"))
    }
}
