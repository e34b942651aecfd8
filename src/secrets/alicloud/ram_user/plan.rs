//! What is made for a lease: a user with policies, groups and tags.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::alicloud::ims::{KeyPolicy, MOST_DAYS, ServiceName};
use crate::alicloud::ram::PolicyRef;
use crate::framework::{Context, Error, LeaseTerms};
use crate::secrets::alicloud::names;
use crate::secrets::alicloud::role::Role;
use crate::secrets::alicloud::role::credential_type::DAY;
use crate::secrets::alicloud::role::policies::RemotePolicy;
use crate::secrets::alicloud::role::policy::MAX_BYTES;
use crate::secrets::identity::Identity;
use crate::secrets::lease::OwnerTag;
use crate::secrets::template::Template;

/// RAM's limit for a user's comments.
const LONGEST_COMMENT: usize = 128;

/// Shown in the RAM console.
const POLICY_DESCRIPTION: &str = "Created by Vault.";

/// A user to be made.
pub(in crate::secrets::alicloud) struct Plan {
    pub(super) user: String,
    pub(super) comment: String,
    /// Name and document.
    pub(super) inline: Vec<(String, String)>,
    /// Of the policies of those documents.
    pub(super) policy_description: String,
    pub(super) remote: Vec<PolicyRef>,
    pub(super) groups: Vec<String>,
    pub(super) tags: BTreeMap<String, String>,
    /// An API key in place of an access key.
    pub(super) api_key: Option<ApiKeyPlan>,
    pub(super) wait_for_propagation: Duration,
    /// Of the access key.
    pub(super) key_policy: Option<KeyPolicy>,
}

impl Plan {
    /// A user with a new name, by the template if there is one, and with what the role says, for a lease of these terms.
    pub(in crate::secrets::alicloud) fn new(
        context: &Context,
        owner_tag: Option<&OwnerTag>,
        role_name: &str,
        role: &Role,
        template: Option<&Template>,
        identity: Option<&Identity>,
        terms: LeaseTerms,
    ) -> Result<Self, Error> {
        let (user, base) = names::user(template, context, role_name)?;
        let inline = role.inline_policies().iter().zip(1..).map(|(policy, number)| {
            let document = policy.document.filled(identity, MAX_BYTES)?;
            Ok((names::policy(&base, number, &policy.id), document))
        });
        let request = &context.request;
        let (comment, policy_description) = match role.description.as_str() {
            "" => (
                OwnerTag::comment(owner_tag, request, role_name, LONGEST_COMMENT),
                POLICY_DESCRIPTION.to_owned(),
            ),
            description => (
                OwnerTag::comment_with(owner_tag, request, description, LONGEST_COMMENT),
                format!("{POLICY_DESCRIPTION} {description}"),
            ),
        };
        Ok(Self {
            inline: inline.collect::<Result<_, Error>>()?,
            policy_description,
            remote: role.remote_policies().iter().map(RemotePolicy::to_ref).collect(),
            groups: role.ram_groups.iter().map(ToString::to_string).collect(),
            tags: role.tags.clone(),
            comment,
            api_key: ApiKeyPlan::new(role, terms)?,
            wait_for_propagation: role.wait_for_propagation,
            key_policy: role.key_policy()?,
            user,
        })
    }

    /// The policies that are made.
    pub(super) fn made(&self) -> impl Iterator<Item = PolicyRef> {
        self.inline
            .iter()
            .map(|(name, _)| PolicyRef::custom(name.as_str()))
    }
}

/// The days of a key that is to live longer than this, and no longer than it must.
fn days_beyond(ttl: Duration) -> u16 {
    let days = ttl.as_secs() / DAY.as_secs() + 1;
    u16::try_from(days).map_or(MOST_DAYS, |days| days.min(MOST_DAYS))
}

/// An API key that is to be made.
pub(super) struct ApiKeyPlan {
    pub(super) service: ServiceName,
    pub(super) days: u16,
}

impl ApiKeyPlan {
    /// The key that a role wants for a lease of these terms, if it wants API keys.
    ///
    /// # Errors
    /// The role has no service, which no write of a role allows.
    fn new(role: &Role, terms: LeaseTerms) -> Result<Option<Self>, Error> {
        if !role.has_api_keys() {
            return Ok(None);
        }
        let service = role
            .service_name
            .clone()
            .ok_or_else(|| Error::bad_request("the role has no service_name: write one"))?;
        let days = match role.service_credential_days {
            0 => days_beyond(terms.max_ttl),
            days => days,
        };
        Ok(Some(Self { service, days }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_outlives_the_longest_lease_by_less_than_a_day() {
        for (ttl, days) in [
            (Duration::from_secs(1), 1),
            (DAY - Duration::from_secs(1), 1),
            (DAY, 2),
            (32 * DAY, 33),
            (36_599 * DAY, 36_600),
            (36_600 * DAY, 36_600),
            (Duration::MAX, 36_600),
        ] {
            assert_eq!(days_beyond(ttl), days, "{ttl:?}");
        }
    }
}
