//! Signature V3, `ACS3-HMAC-SHA256`: over method, query, chosen headers and the hash of the body. The program sends on
//! such requests and makes none: this signer is for tests, and is checked against those of the official SDKs.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

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

/// A V3 signature with the stages that led to it.
pub struct SignatureV3 {
    /// Method, path, query, headers and body hash, one a line.
    pub canonical_request: String,
    /// What the key was applied to.
    pub string_to_sign: String,
    /// The value of the header `Authorization`.
    pub authorization: String,
}

/// Signs a request with all the headers it names.
pub fn sign_v3(request: &RequestV3<'_>, access_key_id: &str, secret: &SecretString) -> SignatureV3 {
    let mut headers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, value) in request.headers {
        let values = headers.entry(name.to_ascii_lowercase()).or_default();
        values.push(value.trim());
        values.sort_unstable();
    }
    let names = headers.keys().map(String::as_str).collect::<Vec<_>>().join(";");
    let lines: String = headers
        .iter()
        .map(|(name, values)| format!("{name}:{}\n", values.join(",")))
        .collect();
    let (method, query) = (request.method.as_str(), request.query.encoded());
    let body = hex(&Sha256::digest(request.body));
    let canonical_request = format!("{method}\n/\n{}\n{lines}\n{names}\n{body}", *query);
    let hash = hex(&Sha256::digest(&canonical_request));
    let string_to_sign = format!("{ALGORITHM}\n{hash}");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).unwrap();
    mac.update(string_to_sign.as_bytes());
    let signature = hex(&mac.finalize().into_bytes());
    SignatureV3 {
        canonical_request,
        string_to_sign,
        authorization: format!(
            "{ALGORITHM} Credential={access_key_id},SignedHeaders={names},Signature={signature}"
        ),
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
                .canonical_request
                .contains("\nx-acs-a:one  x,two\n\nhost;x-acs-a\n")
        );
        assert!(signed.canonical_request.ends_with(EMPTY_BODY_SHA256));
    }
}
