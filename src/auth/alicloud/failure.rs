//! What a failure of STS is to whoever logs in.

use crate::alicloud;
use crate::alicloud::Kind;
use crate::framework::{Error, Status};

/// A signed request that STS did not answer with an identity. The text has STS's code and the request id, never its
/// message: that may quote the signer's token, and the login path is open to everybody. Of a failed connection only the
/// log has the cause, which names proxies and addresses of this network.
pub(super) fn refused(error: alicloud::Error) -> Error {
    let (status, text) = match error.kind() {
        Kind::Clock => (
            Status::FORBIDDEN,
            "STS refused the signed request, whose timestamp is more than 15 minutes off; check the client's clock",
        ),
        Kind::Throttled => (
            Status::TOO_MANY_REQUESTS,
            "STS throttles requests; try again later",
        ),
        Kind::Unavailable if error.code().is_some() => {
            (Status::UNAVAILABLE, "STS is unavailable; try again later")
        }
        Kind::Connect | Kind::Timeout | Kind::Unavailable => {
            return coded(
                Status::UNAVAILABLE,
                "STS could not be reached; the server's log has the cause",
                error,
            );
        }
        Kind::Unexpected => (Status::BAD_GATEWAY, "STS's answer cannot be used"),
        // Without a code it was the connection and not STS that ended it.
        Kind::Interrupted if error.code().is_none() => {
            return coded(
                Status::BAD_GATEWAY,
                "STS's answer was lost; sign a new request",
                error,
            );
        }
        // A nonce that was used before: the request was sent by somebody else, or is given in a second time.
        Kind::Interrupted => (
            Status::FORBIDDEN,
            "STS refused the signed request, which was used before; sign a new one",
        ),
        Kind::Conflict
        | Kind::Credentials
        | Kind::Denied
        | Kind::Exists
        | Kind::NotFound
        | Kind::Invalid
        | Kind::LimitExceeded => (Status::FORBIDDEN, "STS refused the signed request"),
    };
    coded(status, format!("{text}: {error}"), error)
}

fn coded(status: Status, text: impl Into<std::borrow::Cow<'static, str>>, error: alicloud::Error) -> Error {
    Error::coded(status, text).with_source(error)
}
