//! The rules of a request with a V3 signature: everything is in the headers.

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::authorization::Authorization;
use super::headers::Headers;
use super::query::Query;
use super::refusal::{Refusal, Shown};
use super::rules::{Rules, SERVER_ID};
use super::signature::Signature;
use super::v1::is_nonce;
use crate::alicloud::sign::EMPTY_BODY_SHA256;
use crate::alicloud::sts::STS_VERSION;
use crate::cloud::{Endpoint, Parameters};

const TOKEN: &str = "x-acs-security-token";

/// What must be signed, or a signed request for something else could be relabelled.
const REQUIRED: [&str; 6] = [
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
];

/// What the official SDKs sign: the Go and Node SDKs `host`, `content-type` and all that begin with `x-acs-`, the Python
/// SDK every header. Any other header may mean something to a proxy, a gateway or STS that this server does not know of.
const FORWARDED: [&str; 12] = [
    "accept",
    "accept-encoding",
    "content-type",
    "user-agent",
    "x-acs-accesskey-id",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-credentials-provider",
    "x-acs-date",
    TOKEN,
    "x-acs-signature-nonce",
    "x-acs-version",
];

/// Checks query and headers; gives what is to be sent. Headers that the signature does not cover are left behind.
pub(super) fn check(
    query: &Query,
    headers: &Headers,
    endpoint: &Endpoint,
    rules: &Rules<'_>,
) -> Result<(Parameters, HeaderMap, Signature), Refusal> {
    let parameters = server_id_only(query)?;
    let headers = headers.single()?;
    let given = |name: &str| {
        headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    };
    let authorization = Authorization::parse(given("authorization").unwrap_or_default())?;
    let required = REQUIRED.iter().copied().chain(given(TOKEN).map(|_| TOKEN));
    for name in required {
        if !authorization.covers(name) {
            return Err(Refusal::NotSigned(name));
        }
    }
    let host = endpoint.to_string();
    let mut sent = HeaderMap::with_capacity(authorization.signed_headers.len() + 2);
    for name in &authorization.signed_headers {
        let value = match given(name) {
            // Some HTTP clients keep the host apart from the headers; it is that of the URL.
            None if *name == "host" => host.as_str(),
            value => value.ok_or_else(|| Refusal::SignedHeaderMissing(Shown::new(name)))?,
        };
        check_value(name, value, &authorization, &host)?;
        // Written by the transport, from the endpoint.
        if *name == "host" {
            continue;
        }
        let unforwardable = || Refusal::UnforwardableHeader(Shown::new(name));
        if !FORWARDED.contains(name) {
            return Err(unforwardable());
        }
        let header = HeaderName::try_from(*name).map_err(|_| unforwardable())?;
        let mut value = HeaderValue::try_from(value).map_err(|_| unforwardable())?;
        value.set_sensitive(*name == TOKEN);
        sent.insert(header, value);
    }
    let signature = Signature::new(
        authorization.signature,
        "x-acs-date",
        given("x-acs-date").unwrap_or_default(),
        rules.now,
    )?;
    sent.insert(AUTHORIZATION, authorization.rebuilt()?);
    // The form of the answer depends on it. The Go and Node SDKs send it unsigned, so it was left behind.
    sent.entry(ACCEPT)
        .or_insert(HeaderValue::from_static("application/json"));
    Ok((parameters, sent, signature))
}

/// V3 has no parameter of its own in the query, and GetCallerIdentity none at all.
fn server_id_only(query: &Query) -> Result<Parameters, Refusal> {
    let mut parameters = Parameters::new();
    for (name, value) in query.iter() {
        if name != SERVER_ID {
            return Err(Refusal::UnknownParameter(Shown::new(name)));
        }
        parameters.set(SERVER_ID, value);
    }
    Ok(parameters)
}

/// The values that the rules know. Others go as they are.
fn check_value(
    name: &str,
    value: &str,
    authorization: &Authorization<'_>,
    host: &str,
) -> Result<(), Refusal> {
    let (name, rule, holds) = match name {
        "accept" => ("accept", "application/json", value == "application/json"),
        "accept-encoding" => ("accept-encoding", "identity", value == "identity"),
        "host" => ("host", "the url's host, in lower case", value == host),
        "x-acs-accesskey-id" => (
            "x-acs-accesskey-id",
            "the credential of the signature",
            value == authorization.access_key_id,
        ),
        "x-acs-action" => ("x-acs-action", "GetCallerIdentity", value == "GetCallerIdentity"),
        "x-acs-content-sha256" => (
            "x-acs-content-sha256",
            "the hash of an empty body",
            value == EMPTY_BODY_SHA256,
        ),
        "x-acs-signature-nonce" => ("x-acs-signature-nonce", "1 to 256 characters", is_nonce(value)),
        "x-acs-version" => ("x-acs-version", STS_VERSION, value == STS_VERSION),
        _ => return Ok(()),
    };
    if holds {
        Ok(())
    } else {
        Err(Refusal::HeaderRule { name, rule })
    }
}
