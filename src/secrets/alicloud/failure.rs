//! What a failure of the cloud is to the caller of Vault.

use std::borrow::Cow;

use crate::alicloud;
use crate::alicloud::{Kind, Subject};
use crate::framework::Error;
use crate::secrets::lease;

/// A failed call while credentials are made, renewed or revoked, or while a configuration is verified. The text says what
/// happened, with the cloud's code and request id, and what to do.
pub(super) fn failed_call(error: alicloud::Error) -> Error {
    let text = match advice(&error) {
        Some(advice) => format!("{error}; {advice}"),
        None => error.to_string(),
    };
    lease::failed_call(error.kind(), text)
}

/// What to do, where the cloud's answer tells.
pub(super) fn advice(error: &alicloud::Error) -> Option<Cow<'static, str>> {
    let advice = match error.kind() {
        Kind::Clock => "set the clock of this server",
        Kind::Credentials => new_credentials(error.code().unwrap_or_default()),
        Kind::Denied => return Some(permission(error.operation())),
        Kind::NotFound => match error.subject() {
            Some(Subject::Policy) => "check name and type of the role's remote_policies",
            Some(Subject::Role) => "check the ARN of the RAM role",
            Some(Subject::Group) => "check the names of the role's ram_groups",
            _ => "it was deleted meanwhile; repeat the request",
        },
        Kind::LimitExceeded => "delete what is not needed, or have the quota raised",
        Kind::Conflict => "remove in RAM what is still attached, and repeat the request",
        Kind::Throttled | Kind::Unavailable => "repeat the request later",
        Kind::Connect
        | Kind::Exists
        | Kind::Interrupted
        | Kind::Invalid
        | Kind::Timeout
        | Kind::Unexpected => return None,
    };
    Some(advice.into())
}

fn new_credentials(code: &str) -> &'static str {
    match code {
        "InvalidSecurityToken.Expired" => "configure new credentials, or a source that refreshes itself",
        "InvalidAccessKeyId.Inactive" | "Forbidden.AccessKeyDisabled" => {
            "enable it in RAM, or configure another one"
        }
        // Of the codes of refused permissions, those of a key that may have leaked.
        _ if code.starts_with("Forbidden") || code.starts_with("No") => {
            "create a new one for its user, configure that, and delete this one"
        }
        _ => "check the credentials of this mount",
    }
}

fn permission(operation: &'static str) -> Cow<'static, str> {
    match operation {
        "GetCallerIdentity" => {
            "STS wants no permission for this, so look for a network policy of the access key or a control policy of the \
             account"
                .into()
        }
        "AssumeRole" | "AssumeRoleWithOIDC" => {
            "allow sts:AssumeRole for the credentials of this mount, and their identity in the trust policy of the RAM \
             role"
            .into()
        }
        _ => format!("allow ram:{operation} for the credentials of this mount").into(),
    }
}
