//! The signatures of Alibaba Cloud's RPC services as pure functions: key, time and nonce come in, text goes out.
//!
//! [`RequestV3`] (HMAC-SHA256 over query, headers and body) signs the calls of this client. [`sign_v1`] (HMAC-SHA1 over the
//! parameters) signs the login payload of `sign` and `login`, which has to be understood by servers that know no other. Both
//! are checked against the folders in `tests/data/signing`.

mod v1;
mod v3;
#[cfg(test)]
mod vectors;

use secrecy::ExposeSecret;
use time::OffsetDateTime;

pub use v1::sign_v1;
pub use v3::RequestV3;

use crate::cloud::credentials::Credentials;
use crate::cloud::{Method, Parameters, timestamp};

/// The SHA-256 of no body, the value of V3's header `x-acs-content-sha256` then.
pub const EMPTY_BODY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Adds the common parameters of an unsigned request: operation, version, format, time and nonce. With V3 they are in headers.
///
/// This is all that the anonymous operations send.
pub fn add_common(
    parameters: &mut Parameters,
    action: &'static str,
    version: &'static str,
    at: OffsetDateTime,
    nonce: String,
) {
    parameters.set("Action", action);
    parameters.set("Version", version);
    parameters.set("Format", "JSON");
    parameters.set("SignatureNonce", nonce);
    parameters.set("Timestamp", timestamp(at));
}

/// Adds who signs, and then the V1 signature itself; the parameters are then ready to be sent.
///
/// Call it last: every parameter is part of what is signed, whether it goes into the query or into the body.
pub fn add_signature_v1(parameters: &mut Parameters, method: Method, credentials: &Credentials) {
    parameters.set("AccessKeyId", credentials.access_key_id.as_str());
    parameters.set("SignatureMethod", "HMAC-SHA1");
    parameters.set("SignatureVersion", "1.0");
    if let Some(token) = &credentials.security_token {
        parameters.set("SecurityToken", token.expose_secret());
    }
    let signature = sign_v1(method, parameters, &credentials.access_key_secret);
    parameters.set("Signature", signature);
}
