//! AWS's error codes, sorted into kinds. The only place that knows them.

use crate::cloud::Kind;
use crate::cloud::meaning::{Meaning, ambiguous, refused, told};

const CODES: &[(&[&str], Meaning)] = &[
    (
        &[
            "AccessDenied",
            "AccessDeniedException",
            "NotAuthorized",
            "OptInRequired",
            "UnauthorizedOperation",
        ],
        refused(Kind::Denied),
    ),
    (
        &["NoSuchEntity", "NoSuchEntityException"],
        refused(Kind::NotFound),
    ),
    (
        &["EntityAlreadyExists", "EntityAlreadyExistsException"],
        refused(Kind::Exists),
    ),
    (
        &["DeleteConflict", "DeleteConflictException"],
        refused(Kind::Conflict),
    ),
    (
        &["LimitExceeded", "LimitExceededException"],
        refused(Kind::LimitExceeded),
    ),
    // Somebody else changes the same user, or it was made a moment ago: nothing was carried out.
    (
        &[
            "ConcurrentModification",
            "ConcurrentModificationException",
            "EntityTemporarilyUnmodifiable",
            "EntityTemporarilyUnmodifiableException",
        ],
        refused(Kind::Unavailable),
    ),
    // The list that AWS's SDKs take for throttling, whatever the HTTP status.
    (
        &[
            "BandwidthLimitExceeded",
            "PriorRequestNotComplete",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "Throttled",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        ],
        refused(Kind::Throttled),
    ),
    (
        &[
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "ServiceFailure",
            "ServiceFailureException",
            // AWS documents no more than that the server failed, and its SDKs repeat the call as after a lost answer.
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ],
        ambiguous(Kind::Unavailable, "the service failed"),
    ),
    (
        &["RequestTimeout", "RequestTimeoutException"],
        ambiguous(
            Kind::Unavailable,
            "the service did not receive the request in time",
        ),
    ),
    (
        &["RequestExpired", "RequestTimeTooSkewed"],
        told(Kind::Clock, "the time of the request was not accepted"),
    ),
    (
        &[
            "AuthFailure",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
        ],
        told(
            Kind::Credentials,
            "the access key is not known or not active, or it belongs to another partition than the region, or its \
             session token is wrong",
        ),
    ),
    (
        &["ExpiredToken", "ExpiredTokenException"],
        told(Kind::Credentials, "the session token has expired"),
    ),
    (
        &[
            "IncompleteSignature",
            "IncompleteSignatureException",
            "MissingAuthenticationToken",
        ],
        told(Kind::Credentials, "the signature was not accepted"),
    ),
    (
        &["InvalidSignatureException", "SignatureDoesNotMatch"],
        told(
            Kind::Credentials,
            "the secret key does not belong to the access key",
        ),
    ),
];

/// How refusals of a signature begin that are not about the secret key.
const TOO_OLD_OR_NEW: [&str; 2] = ["Signature expired", "Signature not yet current"];
const OTHER_SCOPE: &str = "Credential should be scoped";

/// What a code means, together with its message; of a code that is not known, what the status suggests, and never that
/// something does not exist or is already there.
pub(super) fn meaning(code: &str, message: &str, status: u16) -> Meaning {
    let known = CODES.iter().find(|(codes, _)| codes.contains(&code));
    match known.map(|(_, meaning)| *meaning) {
        Some(meaning) if meaning.kind == Kind::Credentials => {
            if TOO_OLD_OR_NEW.iter().any(|start| message.starts_with(start)) {
                refused(Kind::Clock)
            } else if message.starts_with(OTHER_SCOPE) {
                refused(Kind::Credentials)
            } else {
                meaning
            }
        }
        Some(meaning) => meaning,
        None => match status {
            429 => refused(Kind::Throttled),
            401 | 403 => refused(Kind::Denied),
            409 => refused(Kind::Conflict),
            400..=499 => refused(Kind::Invalid),
            500..=599 => ambiguous(Kind::Unavailable, "the service failed"),
            _ => ambiguous(Kind::Unexpected, "the answer has an unknown code"),
        },
    }
}

/// What an answer without a code means: it came from something on the way, such as a load balancer.
pub(super) fn meaning_without_code(status: u16) -> Meaning {
    const TEXT: &str = "not an answer of IAM";
    match status {
        407 => told(Kind::Connect, "the proxy requires authentication"),
        429 => told(Kind::Throttled, TEXT),
        500..=599 => ambiguous(Kind::Unavailable, TEXT),
        _ => ambiguous(Kind::Unexpected, TEXT),
    }
}
