//! Signature V3, `ACS3-HMAC-SHA256`: over method, query, chosen headers and the hash of the body. The program sends on
//! such requests and makes none: this signer is for tests, and is checked against those of the official SDKs.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::cloud::random::hex;
use crate::cloud::{Method, Parameters};

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// What V3 signs. The path is always `/`, as RPC services have it.
pub struct RequestV3<'a> {
    /// The HTTP method.
    pub method: Method,
    /// The query; operation parameters only.
    pub query: &'a Parameters,
    /// The headers to be signed, all of them, in any order and letter case. Action, version, date, nonce, host and
    /// content hash belong here; they are not added.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body as it is sent.
    pub body: &'a [u8],
}

impl fmt::Debug for RequestV3<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("RequestV3")
            .field("method", &self.method)
            .field("query", &self.query)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// A V3 signature with the stages that led to it. The stages hold the security token, so `Debug` shows none of them.
pub struct SignatureV3 {
    canonical_request: Zeroizing<String>,
    string_to_sign: String,
    authorization: String,
}

impl SignatureV3 {
    /// Method, path, query, headers and body hash, one a line.
    #[must_use]
    pub fn canonical_request(&self) -> &str {
        &self.canonical_request
    }

    /// What the key was applied to.
    #[must_use]
    pub fn string_to_sign(&self) -> &str {
        &self.string_to_sign
    }

    /// The value of the header `Authorization`.
    #[must_use]
    pub fn authorization(&self) -> &str {
        &self.authorization
    }
}

impl fmt::Debug for SignatureV3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignatureV3")
    }
}

/// Signs a request with all the headers it names.
#[must_use]
pub fn sign_v3(request: &RequestV3<'_>, access_key_id: &str, secret: &SecretString) -> SignatureV3 {
    let mut headers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, value) in request.headers {
        headers
            .entry(name.to_ascii_lowercase())
            .or_default()
            .push(value.trim());
    }
    for values in headers.values_mut() {
        values.sort_unstable();
    }
    let signed_headers = headers.keys().map(String::as_str).collect::<Vec<_>>().join(";");

    let query = request.query.encoded();
    let lines: usize = request
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    let mut canonical_request = Zeroizing::new(String::with_capacity(
        96 + query.len() + lines + signed_headers.len(),
    ));
    let mut push = |parts: &[&str]| parts.iter().for_each(|part| canonical_request.push_str(part));
    push(&[request.method.as_str(), "\n/\n", &query, "\n"]);
    for (name, values) in &headers {
        push(&[name, ":"]);
        for (position, value) in values.iter().enumerate() {
            push(&[if position == 0 { "" } else { "," }, value]);
        }
        push(&["\n"]);
    }
    push(&["\n", &signed_headers, "\n", &hex(&Sha256::digest(request.body))]);

    let string_to_sign = format!(
        "{ALGORITHM}\n{}",
        hex(&Sha256::digest(canonical_request.as_bytes()))
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(string_to_sign.as_bytes());
    let signature = hex(&mac.finalize().into_bytes());
    let authorization = format!(
        "{ALGORITHM} Credential={access_key_id},SignedHeaders={signed_headers},Signature={signature}"
    );
    SignatureV3 {
        canonical_request,
        string_to_sign,
        authorization,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alicloud::sign::EMPTY_BODY_SHA256;

    #[test]
    fn repeated_headers_are_trimmed_sorted_and_joined() {
        let query = Parameters::new();
        let headers = [("X-Acs-A", " two "), ("x-acs-a", "one  x"), ("Host", "h")];
        let request = RequestV3 {
            method: Method::Get,
            query: &query,
            headers: &headers,
            body: b"",
        };
        let signed = sign_v3(&request, "id", &"secret".into());
        assert!(
            signed
                .canonical_request()
                .contains("\nx-acs-a:one  x,two\n\nhost;x-acs-a\n")
        );
        assert!(signed.canonical_request().ends_with(EMPTY_BODY_SHA256));
    }

    #[test]
    fn debug_shows_neither_token_nor_signature() {
        let query = Parameters::new();
        let headers = [("x-acs-security-token", "very-secret")];
        let request = RequestV3 {
            method: Method::Post,
            query: &query,
            headers: &headers,
            body: b"",
        };
        let shown = format!("{request:?} {:?}", sign_v3(&request, "id", &"key".into()));
        assert!(
            !shown.contains("very-secret") && !shown.contains("Signature="),
            "{shown}"
        );
    }
}
