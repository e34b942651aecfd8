//! What a role as a whole must keep.

use std::time::Duration;

use crate::alicloud::arn::{Arn, Identity};
use crate::framework::{Error, Excerpt, FieldValues, above_maximum, human_duration};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::propagation::LONGEST_WAIT;
use crate::secrets::alicloud::role::Role;
use crate::secrets::alicloud::sts_session::{LONGEST_SESSION, SHORTEST_SESSION};

/// The rules for the role as a whole, as far as `given`, what the request writes, can break them: a role that the Go
/// plugin stored can always be updated in its other fields. Each refusal names the field.
pub(super) fn check(role: &Role, config: &Config, given: &FieldValues) -> Result<(), Error> {
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
            _ if !given.given("role_arn") => {}
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
    if gives_policies(given) {
        check_quota(role, config)?;
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

fn gives_policies(given: &FieldValues) -> bool {
    given.given("inline_policies") || given.given("remote_policies")
}

/// How many policies a RAM user can have.
fn check_quota(role: &Role, config: &Config) -> Result<(), Error> {
    let remote = role.remote_policies();
    let system = remote.iter().filter(|policy| policy.is_system()).count();
    let custom = role.inline_policies().len() + remote.len() - system;
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
    Ok(())
}

/// What the role may not do as meant; of its policies only what the request gives.
pub(super) fn warnings(role: &Role, limit: Duration, given: &FieldValues) -> Vec<String> {
    let mut warnings = Vec::new();
    if given.given("inline_policies") {
        for (number, policy) in (1..).zip(role.inline_policies()) {
            let found = policy.document.warnings(number);
            warnings.extend(found.iter().map(|found| format!("inline_policies: {found}")));
        }
    }
    if given.given("remote_policies") {
        for (at, policy) in role.remote_policies().iter().enumerate() {
            if role
                .remote_policies()
                .iter()
                .take(at)
                .any(|other| other == policy)
            {
                warnings.push(format!(
                    "remote_policies: {} is in the list twice",
                    Excerpt(&policy.name)
                ));
            }
        }
    }
    warnings.extend(above_maximum(
        &[("ttl", role.ttl), ("max_ttl", role.max_ttl)],
        limit,
    ));
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
