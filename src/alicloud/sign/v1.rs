//! Signature V1: HMAC-SHA1 over the sorted parameters.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::cloud::encode::encode_into;
use crate::cloud::{Method, Parameters};

/// A V1 signature with the stages that led to it, which are what one compares when the cloud disagrees.
///
/// The stages hold the security token, so `Debug` shows none of them.
pub struct SignatureV1 {
    canonical_query: Zeroizing<String>,
    string_to_sign: Zeroizing<String>,
    value: String,
}

impl SignatureV1 {
    /// The parameters without `Signature`, sorted and encoded.
    #[must_use]
    pub fn canonical_query(&self) -> &str {
        &self.canonical_query
    }

    /// What the key was applied to.
    #[must_use]
    pub fn string_to_sign(&self) -> &str {
        &self.string_to_sign
    }

    /// The value of the parameter `Signature`, in base64 and not yet percent-encoded.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for SignatureV1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignatureV1")
    }
}

/// Signs all parameters, wherever they travel; one called `Signature` is left out.
///
/// Host, path, headers and the split between query and body are not covered: a signed request is good
/// at every host of the service until its time or nonce is refused.
#[must_use]
pub fn sign_v1(method: Method, parameters: &Parameters, secret: &SecretString) -> SignatureV1 {
    let canonical_query = parameters.encoded_without("Signature");
    let mut string_to_sign = Zeroizing::new(String::with_capacity(16 + 3 * canonical_query.len()));
    string_to_sign.push_str(method.as_str());
    string_to_sign.push_str("&%2F&");
    encode_into(&mut string_to_sign, &canonical_query);

    let secret = secret.expose_secret();
    let mut key = Zeroizing::new(String::with_capacity(secret.len() + 1));
    key.push_str(secret);
    key.push('&');
    #[expect(
        clippy::expect_used,
        reason = "HMAC is defined for keys of every length, RFC 2104 section 2"
    )]
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(string_to_sign.as_bytes());
    let value = STANDARD.encode(mac.finalize().into_bytes());
    SignatureV1 {
        canonical_query,
        string_to_sign,
        value,
    }
}
