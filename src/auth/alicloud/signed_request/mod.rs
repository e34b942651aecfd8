//! Reads the GetCallerIdentity request that a client signed and hands over at login, and rebuilds it from checked parts.
//!
//! Whoever may reach the login path writes this input, so it decides nothing: not where the request goes (an exact list
//! of hosts), not which operation it is, and not a single header that the signature does not cover. Nothing here talks
//! to the network or knows of roles. It follows the project's API reference, sections 1.4, 2.6, 2.7 and 3.6.
//!
//! `url` and `query` take the URL apart, byte by byte and without repairing anything; `headers` reads the four spellings
//! of the headers; `v1` and `v3` (with `authorization`) hold the rules of the two signatures, of which a request has
//! exactly one. Whether the signature is right is for STS to say.

mod authorization;
mod encoded;
#[cfg(fuzzing)]
pub mod fuzzing;
mod headers;
mod query;
mod refusal;
#[cfg(test)]
mod tests;
mod url;
mod v1;
mod v3;
mod window;

use std::collections::BTreeSet;

use http::HeaderMap;
use serde_json::Value;
use time::OffsetDateTime;

use crate::alicloud::{Endpoint, Presigned};
use crate::cloud::Method;
use headers::Headers;
pub(super) use refusal::Refusal;

/// The most that a field may hold once it is decoded, in bytes. A security token takes up one to four thousand.
const FIELD_LIMIT: usize = 16 * 1024;

/// The most parameters, and the most headers. Real requests have fewer than twenty.
const COUNT_LIMIT: usize = 64;

/// The query parameter that binds a request to one server. Its name is ours; STS signs what it does not know.
const SERVER_ID: &str = "VaultServerId";

/// What this server accepts, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    /// Hosts of STS that the operator added to the compiled-in list.
    pub extra_hosts: &'a BTreeSet<Endpoint>,
    /// Whether the VPC hosts of the list are accepted too.
    pub allow_vpc_endpoints: bool,
    /// What the parameter `VaultServerId` must be. Without it the parameter may be there and means nothing.
    pub server_id: Option<&'a str>,
    /// The time that the signature's date is compared with.
    pub now: OffsetDateTime,
}

/// Checks a signed request as the login fields hold it, and rebuilds it.
///
/// `url` is base64. `headers` is an object, a list of `name:value`, JSON text, base64 of it, or null: V1 signs none.
/// `method` is part of what was signed; clients that know no such field sign POST.
///
/// # Errors
/// The first broken rule. The order is: sizes and encodings, host, parameters, headers, signature.
pub(super) fn parse(
    url: &str,
    headers: &Value,
    method: Option<&str>,
    rules: &Rules<'_>,
) -> Result<Presigned, Refusal> {
    let method = match method {
        None | Some("POST") => Method::Post,
        Some("GET") => Method::Get,
        Some(_) => return Err(Refusal::Method),
    };
    let (endpoint, query) = url::parse(url, rules)?;
    let headers = Headers::parse(headers)?;
    let (query, headers) = match (query.has("Signature"), headers.has("authorization")) {
        (true, true) => return Err(Refusal::TwoSignatures),
        (false, false) => return Err(Refusal::NoSignature),
        // None of V1's headers is signed, so none is sent on.
        (true, false) => (v1::check(query, rules)?, HeaderMap::new()),
        (false, true) => v3::check(query, headers, &endpoint, rules)?,
    };
    match (rules.server_id, query.get(SERVER_ID)) {
        (None, _) => {}
        (Some(wanted), Some(found)) if wanted == found => {}
        (Some(_), Some(_)) => return Err(Refusal::ServerIdMismatch),
        (Some(_), None) => return Err(Refusal::ServerIdMissing),
    }
    Ok(Presigned {
        endpoint,
        method,
        query,
        headers,
    })
}
