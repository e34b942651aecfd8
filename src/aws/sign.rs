//! Signature Version 4 of requests to path `/` without a query, as the query protocol sends them.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret;
use sha2::{Digest as _, Sha256};
use time::{OffsetDateTime, UtcOffset};
use zeroize::Zeroizing;

use crate::cloud::Method;
use crate::cloud::credentials::Credentials;
use crate::cloud::random::hex;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The last part of a scope, and of the key that is derived from it.
const TERMINATOR: &str = "aws4_request";

/// What a signature is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) region: &'static str,
    /// The service as its scope names it, such as `iam`.
    pub(super) service: &'static str,
}

/// What is signed.
pub(super) struct Unsigned<'a> {
    pub(super) method: Method,
    /// All headers that are to be signed, in any order and letter case: `host`, `x-amz-date`, and with temporary
    /// credentials `x-amz-security-token` among them.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

/// The stages of a signature, of which a caller needs the last. It has no `Debug`: they hold the security token.
pub(super) struct Signature {
    #[cfg_attr(not(test), expect(dead_code, reason = "compared with published vectors"))]
    pub(super) canonical_request: Zeroizing<String>,
    #[cfg_attr(not(test), expect(dead_code, reason = "compared with published vectors"))]
    pub(super) string_to_sign: String,
    /// The value of the header `Authorization`.
    pub(super) authorization: String,
}

/// The time as the header `x-amz-date` has it: `YYYYMMDDThhmmssZ`.
pub(super) fn amz_date(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    format!(
        "{year:04}{:02}{day:02}T{hour:02}{minute:02}{second:02}Z",
        u8::from(month)
    )
}

/// Signs a request with all the headers that it names.
pub(super) fn sign(
    request: &Unsigned<'_>,
    scope: Scope,
    credentials: &Credentials,
    at: OffsetDateTime,
) -> Signature {
    let time = amz_date(at);
    let date = time.get(..8).unwrap_or_default();
    let Scope { region, service } = scope;
    let scope = format!("{date}/{region}/{service}/{TERMINATOR}");

    // A session token is among the values.
    let headers: BTreeMap<String, Zeroizing<String>> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), trimmed(value)))
        .collect();
    let signed_headers = headers.keys().map(String::as_str).collect::<Vec<_>>().join(";");
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    // Sized once, so that growing leaves no copy of a token behind.
    let mut canonical_request = Zeroizing::new(String::with_capacity(96 + size + signed_headers.len()));
    let mut push = |parts: &[&str]| parts.iter().for_each(|part| canonical_request.push_str(part));
    push(&[request.method.as_str(), "\n/\n\n"]);
    for (name, value) in &headers {
        push(&[name, ":", value, "\n"]);
    }
    push(&["\n", &signed_headers, "\n", &hex(&Sha256::digest(request.body))]);

    let hash = hex(&Sha256::digest(canonical_request.as_bytes()));
    let string_to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{hash}");
    let secret = Zeroizing::new(format!("AWS4{}", credentials.access_key_secret.expose_secret()));
    let mut key = mac(secret.as_bytes(), date);
    for part in [region, service, TERMINATOR] {
        key = mac(&*key, part);
    }
    let signature = hex(&*mac(&*key, &string_to_sign));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}",
        credentials.access_key_id
    );
    Signature {
        canonical_request,
        string_to_sign,
        authorization,
    }
}

/// Without white space around it, and with each run of spaces in it as one.
fn trimmed(value: &str) -> Zeroizing<String> {
    let parts: Vec<_> = value.split(' ').filter(|part| !part.is_empty()).collect();
    Zeroizing::new(parts.join(" "))
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn mac(key: &[u8], text: &str) -> Zeroizing<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    #[test]
    fn the_copy_of_a_header_is_the_only_one_and_is_wiped() {
        fn wiped<T: ZeroizeOnDrop>(value: T) -> T {
            value
        }
        let value = wiped(trimmed("  a   token "));
        assert_eq!(*value, "a token");
        // It never grew, which leaves the beginning behind.
        assert_eq!(value.capacity(), value.len());
    }
}
