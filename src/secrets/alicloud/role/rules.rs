//! What a role as a whole must keep.

use std::time::Duration;

use crate::alicloud::arn::{Arn, Identity};
use crate::alicloud::ims::AllowedVpc;
use crate::framework::{Error, Excerpt, FieldValues, above_maximum, human_duration};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::propagation::LONGEST_WAIT;
use crate::secrets::alicloud::role::Role;
use crate::secrets::alicloud::role::credential_type::CredentialType;
use crate::secrets::alicloud::sts_session::{LONGEST_SESSION, SHORTEST_SESSION};

/// RAM's quota of groups for each user.
const MOST_GROUPS: usize = 10;
/// RAM's quota of tags for each user.
const MOST_TAGS: usize = 20;
/// What RAM takes as the comments of a user.
const LONGEST_DESCRIPTION: usize = 128;

/// The rules for the role as a whole, as far as `given`, what the request writes, can break them: a role that the Go
/// plugin stored can always be updated in its other fields. Each refusal names the field.
pub(super) fn check(role: &Role, config: &Config, given: &FieldValues) -> Result<(), Error> {
    let (inline, remote) = (role.inline_policies(), role.remote_policies());
    check_credential_type(role)?;
    if role.assumes() {
        for (field, is_blank) in [
            ("remote_policies", remote.is_empty()),
            ("inline_policies", inline.is_empty()),
            ("ram_groups", role.ram_groups.is_empty()),
            ("tags", role.tags.is_empty()),
            // RAM has no network policies for temporary credentials.
            ("allowed_ips", role.allowed_ips.is_empty()),
            ("allowed_vpcs", role.allowed_vpcs.is_empty()),
        ] {
            if !is_blank {
                return Err(Error::bad_request(format!(
                    "{field} must be blank when an arn is present; clear it with {field}=[]"
                )));
            }
        }
        if !role.arn.is_empty() && !role.role_arns.is_empty() {
            return Err(Error::bad_request(
                "role_arn and role_arns exclude each other; clear one with role_arn=\"\" or role_arns=[]",
            ));
        }
        if role.allow_session_policy && role.session_policy.is_some() {
            return Err(Error::bad_request(
                "session_policy and allow_session_policy exclude each other: STS takes one session policy",
            ));
        }
        if !role.wait_for_propagation.is_zero() {
            return Err(Error::bad_request(
                "wait_for_propagation must be 0 when an arn is present: STS credentials work at once",
            ));
        }
        match role.arn.parse::<Arn>() {
            _ if !given.given("role_arn") || role.arn.is_empty() => {}
            Ok(arn) if matches!(arn.identity(), Identity::Role(_)) => {}
            Ok(_) => {
                return Err(Error::bad_request(
                    "role_arn: expected the ARN of a role, acs:ram::<account id>:role/<role name>",
                ));
            }
            Err(error) => return Err(Error::bad_request(format!("role_arn: {error}"))),
        }
    } else {
        if inline.is_empty() && remote.is_empty() && role.ram_groups.is_empty() {
            // Terraform's own tests look for this text.
            return Err(Error::bad_request(
                "must include an arn, or at least one of inline_policies or remote_policies, or ram_groups",
            ));
        }
        for (field, is_blank) in [
            ("session_policy", role.session_policy.is_none()),
            ("allow_session_policy", !role.allow_session_policy),
            ("external_id", role.external_id.is_none()),
            ("source_identity", role.source_identity.is_none()),
        ] {
            if !is_blank {
                return Err(Error::bad_request(format!("{field} needs role_arn or role_arns")));
            }
        }
    }
    check_user(role)?;
    role.key_policy()?;
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

/// Whether the role's fields fit its `credential_type`.
///
/// # Errors
/// The field that does not, or that is missing.
fn check_credential_type(role: &Role) -> Result<(), Error> {
    let refused = |text: String| Err(Error::bad_request(text));
    match role.credential_type {
        Some(CredentialType::AssumedRole) if !role.assumes() => {
            return refused("credential_type=assumed_role needs role_arn or role_arns".to_owned());
        }
        Some(kind @ (CredentialType::AccessKey | CredentialType::ServiceCredential)) if role.assumes() => {
            return refused(format!(
                "role_arn and role_arns must be blank with credential_type={kind}; clear them with role_arn=\"\" and role_arns=[]"
            ));
        }
        _ => {}
    }
    if !role.has_api_keys() {
        for (field, is_blank) in [
            ("service_name", role.service_name.is_none()),
            ("service_credential_days", role.service_credential_days == 0),
        ] {
            if !is_blank {
                return refused(format!("{field} needs credential_type=service_credential"));
            }
        }
        return Ok(());
    }
    if role.service_name.is_none() {
        return refused("service_name is required with credential_type=service_credential".to_owned());
    }
    if !role.wait_for_propagation.is_zero() {
        return refused(
            "wait_for_propagation must be 0 with credential_type=service_credential: STS knows no API keys"
                .to_owned(),
        );
    }
    // Those are of access keys; IMS has none for API keys.
    for (field, is_blank) in [
        ("allowed_ips", role.allowed_ips.is_empty()),
        ("allowed_vpcs", role.allowed_vpcs.is_empty()),
    ] {
        if !is_blank {
            return refused(format!(
                "{field} must be blank with credential_type=service_credential; clear it with {field}=[]"
            ));
        }
    }
    for (field, ttl) in [("ttl", role.ttl), ("max_ttl", role.max_ttl)] {
        if ttl > role.longest_life() {
            return refused(format!(
                "{field} of {} exceeds the {} that an API key lives: see service_credential_days",
                human_duration(ttl),
                human_duration(role.longest_life())
            ));
        }
    }
    Ok(())
}

/// What RAM takes as the groups, tags and comments of a user. The characters of tags are those of Alibaba's page on tags.
fn check_user(role: &Role) -> Result<(), Error> {
    let refused = |text: String| Err(Error::bad_request(text));
    let (groups, tags) = (role.ram_groups.len(), role.tags.len());
    if groups > MOST_GROUPS {
        return refused(format!(
            "ram_groups: {groups} groups, but a RAM user can be in {MOST_GROUPS}"
        ));
    }
    if tags > MOST_TAGS {
        return refused(format!("tags: {tags} tags, but a RAM user can have {MOST_TAGS}"));
    }
    for (key, value) in &role.tags {
        let shown = Excerpt(key);
        let reserved = ["aliyun", "acs:"].iter().any(|start| key.starts_with(start));
        if !(1..=128).contains(&key.chars().count()) || reserved || is_url(key) {
            return refused(format!(
                "tags: {shown:?} cannot be a key: it must have 1 to 128 characters, must not begin with aliyun or acs:, and \
                 must not contain http:// or https://"
            ));
        }
        if value.chars().count() > 256 || is_url(value) {
            return refused(format!(
                "tags: the value of {shown:?} must have at most 256 characters, and must not contain http:// or https://"
            ));
        }
    }
    if role.description.chars().count() > LONGEST_DESCRIPTION || role.description.contains(char::is_control) {
        return refused(format!(
            "description must have at most {LONGEST_DESCRIPTION} characters, and no line breaks or other control characters"
        ));
    }
    Ok(())
}

fn is_url(text: &str) -> bool {
    text.contains("http://") || text.contains("https://")
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
    if let (true, Some(policy)) = (given.given("session_policy"), &role.session_policy) {
        warnings.extend(
            policy
                .warnings(1)
                .iter()
                .map(|found| format!("session_policy: {found}")),
        );
    }
    let everywhere = role.allowed_ips.iter().filter(|network| network.is_everywhere());
    if given.given("allowed_ips") {
        warnings.extend(everywhere.map(|network| {
            format!(
                "allowed_ips: {network} allows every public address, whatever the policy of the account says"
            )
        }));
    }
    if given.given("allowed_vpcs") && role.allowed_vpcs.iter().any(AllowedVpc::is_any) {
        warnings.push("allowed_vpcs: AllowAllVPC allows VPCs of every account".to_owned());
    }
    if role.assumes() {
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
