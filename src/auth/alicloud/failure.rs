//! What a failure of STS or RAM is to whoever logs in.

use crate::alicloud;
use crate::alicloud::Kind;
use crate::framework::{Error, Status};

/// A signed request that STS did not answer with an identity. The text has STS's code, the request id and what to do, never
/// STS's message: that may quote the signer's token, and the login path is open to everybody. Of a failed connection only
/// the log has the cause, which names proxies and addresses of this network.
pub(super) fn refused(error: alicloud::Error) -> Error {
    let (status, what, advice) = match error.kind() {
        Kind::Throttled => (
            Status::TOO_MANY_REQUESTS,
            "STS throttles requests",
            "try again later with a new signed request",
        ),
        Kind::Unavailable if error.code().is_some() => (
            Status::UNAVAILABLE,
            "STS is unavailable",
            "try again later with a new signed request",
        ),
        Kind::Connect | Kind::Timeout | Kind::Unavailable => {
            let text = "STS could not be reached; the server's log has the cause";
            return Error::coded(Status::UNAVAILABLE, text).with_source(error);
        }
        Kind::Unexpected => {
            let text = format!("STS's answer cannot be used: {error}");
            return Error::coded(Status::BAD_GATEWAY, text).with_source(error);
        }
        // Without a code it was the connection and not STS that ended it.
        Kind::Interrupted if error.code().is_none() => {
            let text = "STS's answer was lost; sign a new request";
            return Error::coded(Status::BAD_GATEWAY, text).with_source(error);
        }
        // A nonce that was used before: the request was sent by somebody else, or is given in a second time.
        Kind::Interrupted => (
            Status::FORBIDDEN,
            "STS refused the signed request, which was used before",
            "sign a new one",
        ),
        Kind::Clock
        | Kind::Conflict
        | Kind::Credentials
        | Kind::Denied
        | Kind::Exists
        | Kind::Invalid
        | Kind::LimitExceeded
        | Kind::NotFound => (
            Status::FORBIDDEN,
            "STS refused the signed request",
            of_signer(&error),
        ),
    };
    Error::coded(status, format!("{what}: {error}; {advice}")).with_source(error)
}

/// Tags of the caller's RAM role that could not be read. Like the text above, it has RAM's code, the request id and what to
/// do; it is the operator's credentials that were refused, so that nothing of them is told.
pub(super) fn tags_not_read(error: alicloud::Error) -> Error {
    let (status, what) = match error.kind() {
        Kind::Throttled => (
            Status::TOO_MANY_REQUESTS,
            "RAM throttles requests; try again later. A login needs a new signed request",
        ),
        Kind::Connect | Kind::Timeout | Kind::Unavailable => (
            Status::UNAVAILABLE,
            "RAM could not be asked; try again later. A login needs a new signed request",
        ),
        Kind::Interrupted | Kind::Unexpected => (
            Status::BAD_GATEWAY,
            "RAM gave no answer that can be used; try again",
        ),
        Kind::Denied => (
            Status::FORBIDDEN,
            "RAM does not allow that; an operator must allow ram:GetRole and ram:ListTagResources for the credentials of this \
             mount",
        ),
        Kind::Credentials if error.code().is_none() => (
            Status::FORBIDDEN,
            "no credentials could be had for that; an operator must write access_key and secret_key to the configuration of \
             this mount, or offer credentials in the server's environment",
        ),
        Kind::Credentials => (
            Status::FORBIDDEN,
            "RAM refuses the credentials of this mount; an operator must check them",
        ),
        Kind::Clock
        | Kind::Conflict
        | Kind::Exists
        | Kind::Invalid
        | Kind::LimitExceeded
        | Kind::NotFound => (
            Status::BAD_GATEWAY,
            "RAM refuses the request; see the server's log",
        ),
    };
    let mut text = format!("cannot read the tags of the caller's RAM role: {what}");
    if let Some(code) = error.code() {
        let request_id = error.request_id().unwrap_or("unknown");
        text = format!("{text} ({}: {code}, request id {request_id})", error.operation());
    }
    Error::coded(status, text).with_source(error)
}

/// What the signer can do about a refusal.
fn of_signer(error: &alicloud::Error) -> &'static str {
    let code = error.code().unwrap_or_default();
    match error.kind() {
        Kind::Clock => "check the clocks of the client and of this server, and sign a new request",
        Kind::Denied => "ask the account's administrator which policy denies sts:GetCallerIdentity",
        Kind::Credentials => match code {
            "InvalidSecurityToken.Expired" => "get new credentials, and sign a new request with them",
            "InvalidAccessKeyId.NotFound" => {
                "check the access key; a new one may need some seconds until it is known"
            }
            "InvalidAccessKeyId.Inactive" | "Forbidden.AccessKeyDisabled" => {
                "enable it in RAM, or use another one"
            }
            // Of the codes of refused permissions, those of a key that may have leaked.
            _ if code.starts_with("Forbidden") || code.starts_with("No") => {
                "create a new one for its user, use that, and delete this one"
            }
            _ => "check the credentials that the request was signed with",
        },
        _ => "check how the request was signed",
    }
}
