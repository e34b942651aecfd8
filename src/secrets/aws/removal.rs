//! Removing a user that the engine made, and what belongs to it: the end of a lease, and the undoing of one that could not
//! be finished.
//!
//! What the user really has is looked up, for others may have given it more: a second key, a group, another policy. What
//! is already gone counts as removed, so that a removal can be repeated to its end. There is more that a user can have (a
//! console password, attached policies, MFA devices, …), which the ten permissions of the engine do not reach: then IAM
//! refuses to delete the user, says what is in the way, and somebody else must remove it.

use std::time::Duration;

use futures_util::future::{join_all, join3};
use serde::{Deserialize, Serialize};

use crate::aws::iam::Iam;
use crate::cloud::{Error, IgnoreNotFound as _, Kind, Result};
use crate::secrets::lease::{LeaseUser, Removed};

/// How often a deletion is repeated after a conflict. Removed things may still be seen for a moment.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(300);

/// A user of the engine's making, as WAL entries and the record of leases keep it. A WAL entry of Vault's own engine has
/// the name alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MadeUser {
    #[serde(rename = "UserName")]
    pub(super) user_name: String,
    /// The id of its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) access_key: Option<String>,
    /// IAM's id of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account_id: Option<String>,
}

impl LeaseUser for MadeUser {
    const SERVICE: &'static str = "IAM";

    fn name(&self) -> &str {
        &self.user_name
    }

    fn id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    fn account(&self) -> Option<&str> {
        self.account_id.as_deref()
    }

    fn describe(&self) -> String {
        format!("user {:?}", self.user_name)
    }
}

impl MadeUser {
    /// Removes everything; a failure does not stop the rest. When the user is gone in the end, so is all that it had,
    /// whatever failed on the way. All failures but the one that is returned go to the log.
    pub(super) async fn remove(&self, iam: &Iam) -> Result<Removed> {
        let user = self.user_name.as_str();
        let mut tried = 0;
        loop {
            tried += 1;
            let failures = self.strip(iam).await;
            for failure in &failures {
                tracing::warn!(event = "user_deletion_step_failed", user, error = %failure, "one step of deleting a user failed");
            }
            match iam.delete_user(user).await {
                // What is in the way was removed, and is still seen.
                Err(error) if error.kind() == Kind::Conflict && failures.is_empty() && tried < TRIES => {
                    tokio::time::sleep(PAUSE * tried).await;
                }
                // The first thing that went wrong tells more than what it led to.
                Err(error) if !error.is_not_found() => {
                    return Err(failures.into_iter().next().unwrap_or(error));
                }
                answer => {
                    let found = answer.is_ok();
                    return Ok(Removed {
                        user_found: found,
                        all_found: found,
                    });
                }
            }
        }
    }

    /// Takes everything off the user, its keys first.
    async fn strip(&self, iam: &Iam) -> Vec<Error> {
        let user = self.user_name.as_str();
        let (keys, groups, policies) = join3(
            async {
                let known = match &self.access_key {
                    Some(key) => iam.delete_access_key(user, key).await,
                    None => Ok(()),
                };
                let listed = iam.list_access_keys(user).await;
                let others = listed.as_deref().unwrap_or_default();
                let others = others.iter().filter(|key| self.access_key.as_ref() != Some(key));
                let deleted = join_all(others.map(|key| iam.delete_access_key(user, key))).await;
                outcomes(listed, deleted.into_iter().chain([known]))
            },
            async {
                let listed = iam.list_groups_for_user(user).await;
                let groups = listed.as_deref().unwrap_or_default();
                let left = join_all(groups.iter().map(|group| iam.remove_user_from_group(user, group))).await;
                outcomes(listed, left)
            },
            async {
                let listed = iam.list_user_policies(user).await;
                let policies = listed.as_deref().unwrap_or_default();
                let deleted =
                    join_all(policies.iter().map(|policy| iam.delete_user_policy(user, policy))).await;
                outcomes(listed, deleted)
            },
        )
        .await;
        [keys, groups, policies].concat()
    }
}

/// The failures of a look-up and of what followed it. What is gone is none.
fn outcomes<T>(listed: Result<T>, removed: impl IntoIterator<Item = Result<()>>) -> Vec<Error> {
    let listed = listed.ignore_not_found();
    let removed = removed.into_iter().map(|answer| answer.ignore_not_found());
    std::iter::once(listed)
        .chain(removed)
        .filter_map(Result::err)
        .collect()
}
