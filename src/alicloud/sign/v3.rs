//! Signature V3, `ACS3-HMAC-SHA256`: over method, query, chosen headers and the hash of the body.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use crate::cloud::Method;
use crate::cloud::random::hex;

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// What V3 signs. The path is always `/`, as RPC services have it.
pub struct RequestV3<'a> {
    /// The HTTP method.
    pub method: Method,
    /// The query, encoded and in the order of a signature.
    pub query: &'a str,
    /// The headers to be signed, all of them: names in lower case, in their order, each once. Action, version, date,
    /// nonce, host and content hash belong here; they are not added.
    pub headers: &'a [(&'a str, &'a str)],
    /// The SHA-256 of the body as it is sent, in lower-case hex digits.
    pub body_sha256: &'a str,
}

impl RequestV3<'_> {
    /// The value of the header `Authorization`: key id, names of the signed headers, signature.
    pub fn authorization(&self, access_key_id: &str, secret: &SecretString) -> String {
        // Hashed piece by piece: a security token is among the pieces, and no copy of it is made.
        let mut hash = Sha256::new();
        self.canonical(|part| hash.update(part));
        let hash = hex(&hash.finalize());
        #[expect(
            clippy::expect_used,
            reason = "HMAC is defined for keys of every length, RFC 2104 section 2"
        )]
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
            .expect("HMAC takes a key of any length");
        string_to_sign(&hash).for_each(|part| mac.update(part.as_bytes()));
        let signature = hex(&mac.finalize().into_bytes());

        let names: usize = self.headers.iter().map(|(name, _)| name.len() + 1).sum();
        let mut value = String::with_capacity(128 + access_key_id.len() + names);
        for part in [ALGORITHM, " Credential=", access_key_id, ",SignedHeaders="] {
            value.push_str(part);
        }
        self.signed_headers(|part| value.push_str(part));
        value.push_str(",Signature=");
        value.push_str(&signature);
        value
    }

    /// Method, path, query, headers, their names and the hash of the body, one a line.
    pub(super) fn canonical(&self, mut push: impl FnMut(&str)) {
        for part in [self.method.as_str(), "\n/\n", self.query, "\n"] {
            push(part);
        }
        for (name, value) in self.headers {
            for part in [name, ":", value.trim(), "\n"] {
                push(part);
            }
        }
        push("\n");
        self.signed_headers(&mut push);
        push("\n");
        push(self.body_sha256);
    }

    fn signed_headers(&self, mut push: impl FnMut(&str)) {
        for (at, (name, _)) in self.headers.iter().enumerate() {
            if at > 0 {
                push(";");
            }
            push(name);
        }
    }
}

/// What the key is applied to.
pub(super) fn string_to_sign(hash: &str) -> impl Iterator<Item = &str> {
    [ALGORITHM, "\n", hash].into_iter()
}
