//! The rules of a request with a V1 signature: everything is in the query.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::host;
use super::query::Query;
use super::refusal::{Refusal, Shown};
use super::rules::{Rules, SERVER_ID};
use super::signature::Signature;
use crate::alicloud::sts::STS_VERSION;
use crate::cloud::{Endpoint, Parameters};

/// One parameter that may be there.
struct Known {
    name: &'static str,
    required: bool,
    /// What the value must be, in words and as code.
    rule: &'static str,
    holds: fn(&str) -> bool,
}

/// Everything that the SDKs put into a GetCallerIdentity request. STS would ignore and verify others too, but a
/// parameter of an unknown meaning is not sent on in the name of this server.
const KNOWN: [Known; 13] = [
    Known {
        name: "AccessKeyId",
        required: true,
        rule: "an access key id",
        holds: is_key_id,
    },
    Known {
        name: "Action",
        required: true,
        rule: "GetCallerIdentity",
        holds: |v| v == "GetCallerIdentity",
    },
    // Without it some services answer XML; by then the nonce is used up. Vault's clients and the SDKs send it.
    Known {
        name: "Format",
        required: true,
        rule: "JSON",
        holds: |v| v.eq_ignore_ascii_case("JSON"),
    },
    Known {
        name: "RegionId",
        required: false,
        rule: "a region",
        holds: is_label,
    },
    Known {
        name: "SecurityToken",
        required: false,
        rule: "printable",
        holds: is_printable,
    },
    Known {
        name: SERVER_ID,
        required: false,
        rule: "the id of this server",
        holds: |_| true,
    },
    Known {
        name: "Signature",
        required: true,
        rule: "base64 of 20 bytes",
        holds: is_sha1,
    },
    Known {
        name: "SignatureMethod",
        required: true,
        rule: "HMAC-SHA1",
        holds: |v| v == "HMAC-SHA1",
    },
    Known {
        name: "SignatureNonce",
        required: true,
        rule: "1 to 256 printable characters",
        holds: is_nonce,
    },
    // The Go SDK sends it empty. Any other type is not an HMAC with the caller's key.
    Known {
        name: "SignatureType",
        required: false,
        rule: "empty",
        holds: str::is_empty,
    },
    Known {
        name: "SignatureVersion",
        required: true,
        rule: "1.0",
        holds: |v| v == "1.0",
    },
    Known {
        name: "Timestamp",
        required: true,
        rule: "a time",
        holds: |_| true,
    },
    Known {
        name: "Version",
        required: true,
        rule: STS_VERSION,
        holds: |v| v == STS_VERSION,
    },
];

/// Checks the parameters, all of which the signature covers, and rebuilds them with names of our own.
pub(super) fn check(
    query: &Query,
    endpoint: &Endpoint,
    rules: &Rules<'_>,
) -> Result<(Parameters, Signature), Refusal> {
    let mut parameters = Parameters::new();
    for (name, value) in query.iter() {
        let known = KNOWN.iter().find(|known| known.name == name);
        let known = known.ok_or_else(|| Refusal::UnknownParameter(Shown::new(name)))?;
        if !(known.holds)(value) {
            return Err(Refusal::ParameterRule {
                name: known.name,
                rule: known.rule,
            });
        }
        parameters.set(known.name, value);
    }
    for known in KNOWN.iter().filter(|known| known.required) {
        if parameters.get(known.name).is_none() {
            return Err(Refusal::MissingParameter {
                name: known.name,
                rule: known.rule,
            });
        }
    }
    let value = |name: &str| parameters.get(name).unwrap_or_default();
    host::check_region(value("RegionId"), endpoint)?;
    let signature = Signature::new(value("Signature"), "Timestamp", value("Timestamp"), rules.now)?;
    Ok((parameters, signature))
}

/// Whether it has the characters of an access key id. Lengths are not documented.
pub(super) fn is_key_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether it can be a nonce: STS takes any text.
pub(super) fn is_nonce(text: &str) -> bool {
    (1..=256).contains(&text.len()) && is_printable(text)
}

fn is_label(text: &str) -> bool {
    text.len() <= 64
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}

fn is_sha1(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 20)
}
