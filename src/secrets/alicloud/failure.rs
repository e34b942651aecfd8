//! What a failure of the cloud is to the caller of Vault.

use crate::alicloud;
use crate::alicloud::Kind;
use crate::framework::{Error, Status};

/// A failed call while credentials are made, renewed or revoked. The text has the cloud's code and request id.
impl From<alicloud::Error> for Error {
    fn from(error: alicloud::Error) -> Self {
        let text = error.to_string();
        match error.kind() {
            // The operator's setup: a policy or role that is not there, a value that RAM refuses.
            Kind::Gone | Kind::Invalid => Self::answer(text),
            Kind::Credentials | Kind::Denied => Self::coded(Status::FORBIDDEN, text),
            Kind::Conflict | Kind::Exists | Kind::LimitExceeded => Self::coded(Status::CONFLICT, text),
            Kind::Throttled => Self::coded(Status::TOO_MANY_REQUESTS, text),
            Kind::Connect | Kind::Timeout | Kind::Unavailable => Self::coded(Status::UNAVAILABLE, text),
            Kind::Interrupted | Kind::Unexpected => Self::coded(Status::BAD_GATEWAY, text),
            // The server's own fault, and nobody else's.
            Kind::Clock => Self::internal(text),
        }
    }
}
