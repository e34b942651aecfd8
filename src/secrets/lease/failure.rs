//! What a failure of the cloud is to the caller of Vault.

use crate::cloud::Kind;
use crate::framework::{Error, Status};

/// The error for a call that failed in this way while credentials are made, renewed or revoked. The text has the cloud's
/// code and request id.
pub fn failed_call(kind: Kind, text: String) -> Error {
    match kind {
        // The operator's setup: a policy or role that is not there, a value that the cloud refuses.
        Kind::NotFound | Kind::Invalid => Error::bad_request(text),
        Kind::Credentials | Kind::Denied => Error::coded(Status::FORBIDDEN, text),
        Kind::Conflict | Kind::Exists | Kind::LimitExceeded => Error::coded(Status::CONFLICT, text),
        Kind::Throttled => Error::coded(Status::TOO_MANY_REQUESTS, text),
        Kind::Connect | Kind::Timeout | Kind::Unavailable => Error::coded(Status::UNAVAILABLE, text),
        Kind::Interrupted | Kind::Unexpected => Error::coded(Status::BAD_GATEWAY, text),
        // The server's own fault, and nobody else's.
        Kind::Clock => Error::internal(text),
    }
}
