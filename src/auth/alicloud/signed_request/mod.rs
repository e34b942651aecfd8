//! Reads the GetCallerIdentity request that a client signed and hands over at login, and rebuilds it from checked parts.
//!
//! Whoever may reach the login path writes this input, so it decides nothing: not where the request goes (an exact list
//! of hosts), not which operation it is, and not a single header that the signature does not cover. Nothing here talks
//! to the network or knows of roles. It follows Alibaba Cloud's documentation of the signatures V1 and V3, and of GetCallerIdentity.
//!
//! `url`, `host` and `query` take the URL apart, byte by byte and without repairing anything; `headers` reads the four
//! spellings of the headers; `v1` and `v3` (with `authorization`) hold the rules of the two signatures, of which a
//! request has exactly one; `signature` checks its date. Whether the signature is right is for STS to say.

mod authorization;
mod encoded;
#[cfg(fuzzing)]
pub mod fuzzing;
mod headers;
mod host;
mod official_host;
mod query;
mod refusal;
mod rules;
mod signature;
#[cfg(test)]
mod tests;
mod url;
mod v1;
mod v3;

use http::HeaderMap;
use serde_json::Value;

use crate::alicloud::Presigned;
use crate::cloud::Method;
use headers::Headers;
pub(super) use official_host::OfficialHost;
pub(super) use refusal::Refusal;
pub(super) use rules::Rules;
use rules::SERVER_ID;
pub(super) use signature::Signature;

/// A request that may be sent to STS, and the signature by which it is known.
#[derive(Debug)]
pub(super) struct SignedRequest {
    pub(super) presigned: Presigned,
    pub(super) signature: Signature,
}

/// Checks a signed request as the login fields hold it, and rebuilds it.
///
/// `url` is base64. `headers` is an object, a list of `name:value`, JSON text or base64 of it. Vault's documentation
/// requires it with either signature, though V1 signs no header; only a V1 request for GET, which is nothing but its
/// URL, goes without. `method` is part of what was signed; clients that know no such field sign POST.
///
/// # Errors
/// The first broken rule. The order is: sizes and encodings, host, parameters, headers, signature.
pub(super) fn parse(
    url: &str,
    headers: &Value,
    method: Option<&str>,
    rules: &Rules<'_>,
) -> Result<SignedRequest, Refusal> {
    let method = match method {
        None | Some("POST") => Method::Post,
        Some("GET") => Method::Get,
        Some(_) => return Err(Refusal::Method),
    };
    let (endpoint, query) = url::parse(url, rules)?;
    let is_v1 = query.has("Signature");
    let headers = match Headers::parse(headers)? {
        Some(headers) => headers,
        None if is_v1 && method == Method::Get => Headers::default(),
        None => return Err(Refusal::MissingHeaders),
    };
    let (query, headers, signature) = match (is_v1, headers.has("authorization")) {
        (true, true) => return Err(Refusal::TwoSignatures),
        (false, false) => return Err(Refusal::NoSignature),
        (true, false) => {
            let (query, signature) = v1::check(&query, &endpoint, rules)?;
            // None of V1's headers is signed, so none is sent on.
            (query, HeaderMap::new(), signature)
        }
        (false, true) => v3::check(&query, &headers, &endpoint, rules)?,
    };
    match (rules.server_id, query.get(SERVER_ID)) {
        (None, None) => {}
        (None, Some(_)) => return Err(Refusal::ServerIdNotConfigured),
        (Some(wanted), Some(found)) if wanted == found => {}
        (Some(_), Some(_)) => return Err(Refusal::ServerIdMismatch),
        (Some(_), None) => return Err(Refusal::ServerIdMissing),
    }
    Ok(SignedRequest {
        presigned: Presigned {
            endpoint,
            method,
            query,
            headers,
        },
        signature,
    })
}
