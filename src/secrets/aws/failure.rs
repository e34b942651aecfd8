//! What a failed call of IAM is to the caller of Vault.

use crate::cloud::{Error as CallError, Kind};
use crate::framework::Error;
use crate::secrets::lease;

/// A failed call while credentials are made or revoked: which step it was, IAM's own words, and its code and request id.
pub(super) fn failed_call(error: &CallError) -> Error {
    let mut text = format!("Error {}: {}", step(error.operation()), error.message());
    let code = error.code().map(str::to_owned);
    let id = error.request_id().map(|id| format!("request id {id}"));
    let details: Vec<_> = code.into_iter().chain(id).collect();
    if !details.is_empty() {
        text += &format!(" ({})", details.join(", "));
    }
    if error.kind() == Kind::Conflict && error.operation() == "DeleteUser" {
        text += "; its access keys are deleted. Somebody has given this user what the engine may not take away, with its \
                 ten permissions: remove it in IAM, and repeat the revocation";
    }
    lease::failed_call(error.kind(), text)
}

/// What the engine was doing.
fn step(operation: &str) -> &str {
    match operation {
        "CreateUser" => "creating IAM user",
        "PutUserPolicy" => "putting user policy",
        "CreateAccessKey" => "creating access keys",
        "ListGroupsForUser" => "listing groups of IAM user",
        "RemoveUserFromGroup" => "removing IAM user from group",
        "ListUserPolicies" => "listing policies of IAM user",
        "DeleteUserPolicy" => "deleting policy of IAM user",
        "ListAccessKeys" => "listing access keys of IAM user",
        "DeleteAccessKey" => "deleting access key of IAM user",
        "DeleteUser" => "deleting IAM user",
        other => other,
    }
}
