//! Both signatures of Alibaba Cloud's RPC services, as pure functions: key, time and nonce come in, text goes out.
//!
//! [`sign_v1`] (HMAC-SHA1 over the parameters) signs the calls of this client, for every operation accepts it and its
//! parameters may all be in the body. [`sign_v3`] (HMAC-SHA256 over headers and body) is for
//! requests that others send on. Both are checked against the folders in `tests/data/signing`.

mod v1;
mod v3;
#[cfg(test)]
mod vectors;

use std::fmt;

use secrecy::ExposeSecret;
use time::OffsetDateTime;

pub use v1::{SignatureV1, sign_v1};
pub use v3::{EMPTY_BODY_SHA256, RequestV3, SignatureV3, sign_v3};

use super::credentials::Credentials;
use super::parameters::Parameters;
use crate::cloud::clock::timestamp;

/// The HTTP methods that RPC services take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`: all parameters in the query.
    Get,
    /// `POST`: parameters in the query, in a form body, or in both.
    Post,
}

impl Method {
    /// The method as it is signed and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Adds the common parameters of an unsigned request: operation, version, format, time and nonce.
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
    parameters.set("Signature", signature.value());
}
