//! Signature V1: HMAC-SHA1 over the sorted parameters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::cloud::encode::encode_into;
use crate::cloud::{Method, Parameters};

/// Signs all parameters, wherever they travel; one called `Signature` is left out. Gives the value of that parameter, in
/// base64 and not yet percent-encoded.
///
/// Host, path, headers and the split between query and body are not covered: a signed request is good
/// at every host of the service until its time or nonce is refused.
pub fn sign_v1(method: Method, parameters: &Parameters, secret: &SecretString) -> String {
    let secret = secret.expose_secret();
    let mut key = Zeroizing::new(String::with_capacity(secret.len() + 1));
    key.push_str(secret);
    key.push('&');
    #[expect(
        clippy::expect_used,
        reason = "HMAC is defined for keys of every length, RFC 2104 section 2"
    )]
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(string_to_sign(method, parameters).as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Method, path and parameters, of which the latter are encoded twice.
pub(super) fn string_to_sign(method: Method, parameters: &Parameters) -> Zeroizing<String> {
    let canonical_query = parameters.encoded_without("Signature");
    let mut text = Zeroizing::new(String::with_capacity(16 + 3 * canonical_query.len()));
    text.push_str(method.as_str());
    text.push_str("&%2F&");
    encode_into(&mut text, &canonical_query);
    text
}
