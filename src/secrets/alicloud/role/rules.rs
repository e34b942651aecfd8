//! What a role as a whole must keep.

use std::time::Duration;

use crate::alicloud::arn::{Arn, Identity};
use crate::alicloud::ram::PolicyKind;
use crate::framework::{Error, Excerpt, human_duration};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::propagation::LONGEST_WAIT;
use crate::secrets::alicloud::role::Role;
use crate::secrets::alicloud::role::policies::RemotePolicy;
use crate::secrets::alicloud::sts_session::{LONGEST_SESSION, SHORTEST_SESSION};

/// The rules for the role as a whole. Each refusal names the field.
pub(super) fn check(role: &Role, config: &Config) -> Result<(), Error> {
    let (inline, remote) = (role.inline_policies(), role.remote_policies());
    if !role.arn.is_empty() {
        let clear = |field| {
            Error::bad_request(format!(
                "{field} must be blank when an arn is present; clear it with {field}=[]"
            ))
        };
        if !remote.is_empty() {
            return Err(clear("remote_policies"));
        }
        if !inline.is_empty() {
            return Err(clear("inline_policies"));
        }
        if !role.wait_for_propagation.is_zero() {
            return Err(Error::bad_request(
                "wait_for_propagation must be 0 when an arn is present: STS credentials work at once",
            ));
        }
        match role.arn.parse::<Arn>() {
            Ok(arn) if matches!(arn.identity(), Identity::Role(_)) => {}
            Ok(_) => {
                return Err(Error::bad_request(
                    "role_arn: expected the ARN of a role, acs:ram::<account id>:role/<role name>",
                ));
            }
            Err(error) => return Err(Error::bad_request(format!("role_arn: {error}"))),
        }
    } else if inline.is_empty() && remote.is_empty() {
        // Terraform's own tests look for this text.
        return Err(Error::bad_request(
            "must include an arn, or at least one of inline_policies or remote_policies",
        ));
    }
    for (at, policy) in (1..).zip(inline) {
        policy
            .document
            .check()
            .map_err(|error| Error::bad_request(format!("inline_policies: entry {at}: {error}")))?;
    }
    for policy in remote {
        check_remote(policy).map_err(|text| Error::bad_request(format!("remote_policies: {text}")))?;
    }
    let system = remote.iter().filter(|policy| policy.is_system()).count();
    let custom = inline.len() + remote.len() - system;
    if custom > config.custom_policies() {
        return Err(Error::bad_request(format!(
            "inline_policies and remote_policies: {custom} custom policies, but a RAM user can have {}; if the \
             account's quota was raised, set max_custom_policies at the config path",
            config.custom_policies()
        )));
    }
    if system > config.system_policies() {
        return Err(Error::bad_request(format!(
            "remote_policies: {system} system policies, but a RAM user can have {}; if the account's quota was \
             raised, set max_system_policies at the config path",
            config.system_policies()
        )));
    }
    if !role.max_ttl.is_zero() && role.ttl > role.max_ttl {
        return Err(Error::bad_request("ttl exceeds max_ttl"));
    }
    if role.wait_for_propagation > LONGEST_WAIT {
        return Err(Error::bad_request(format!(
            "wait_for_propagation can be {} at the most",
            human_duration(LONGEST_WAIT)
        )));
    }
    Ok(())
}

fn check_remote(policy: &RemotePolicy) -> Result<(), String> {
    let RemotePolicy { name, kind } = policy;
    let (shown_name, shown_kind) = (Excerpt(name), Excerpt(kind));
    if kind.parse::<PolicyKind>().is_err() {
        return Err(format!(
            "policy type {shown_kind:?} of {shown_name:?} must be System or Custom"
        ));
    }
    if name.len() > 128 || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(format!(
            "policy name {shown_name:?} must be 1 to 128 letters, digits and hyphens"
        ));
    }
    Ok(())
}

pub(super) fn warnings(role: &Role, limit: Duration) -> Vec<String> {
    let mut warnings = Vec::new();
    for (field, asked) in [("ttl", role.ttl), ("max_ttl", role.max_ttl)] {
        if asked > limit {
            warnings.push(format!(
                "{field} of {} exceeds the mount's maximum of {}; leases are capped to it",
                human_duration(asked),
                human_duration(limit)
            ));
        }
    }
    if !role.arn.is_empty() {
        let asked = if role.ttl.is_zero() {
            role.max_ttl
        } else {
            role.ttl
        };
        if !asked.is_zero() && asked < SHORTEST_SESSION {
            warnings.push(format!(
                "STS credentials are valid for at least {}; the lease of {} ends before they expire",
                human_duration(SHORTEST_SESSION),
                human_duration(asked)
            ));
        }
        if role.ttl > LONGEST_SESSION {
            warnings.push(format!(
                "STS credentials live for {} at the most, and no longer than the RAM role's maximum session duration: \
                 ttl of {} is cut",
                human_duration(LONGEST_SESSION),
                human_duration(role.ttl)
            ));
        }
    }
    warnings
}
