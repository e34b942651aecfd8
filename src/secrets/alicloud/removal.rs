//! Removing a user that the engine made, and what belongs to it: the end of a lease, and the undoing of one that
//! could not be finished.
//!
//! What is already gone counts as removed, so that a removal can be repeated to its end. The straight way needs only
//! the permissions that making needs. When RAM says that something else still hangs on the user (a second key, a
//! group, a console password, …, put there by others), it is looked up and removed too.

use std::time::Duration;

use futures_util::future::{join, join_all};

use crate::alicloud::ram::{PolicyRef, Ram};
use crate::alicloud::{Error, IgnoreGone, Kind, Result, Subject};

/// How often a deletion is repeated after a conflict. Removed things may still be seen for a moment.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(250);

/// What there is to remove, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Removal {
    /// The user; `None` when there is none of ours.
    pub(super) user: Option<String>,
    /// Keys of the user.
    pub(super) access_keys: Vec<String>,
    /// Policies attached to the user that stay in RAM.
    pub(super) attached: Vec<PolicyRef>,
    /// Custom policies made for the user.
    pub(super) made: Vec<String>,
}

/// A removal that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Removed {
    /// Whether the user and the made policies were all there.
    pub(super) all_found: bool,
}

impl Removal {
    /// Removes everything; a failure does not stop the rest. All failures but the first go to the log.
    pub(super) async fn run(&self, ram: &Ram) -> Result<Removed> {
        let mut failures = Vec::new();
        if let Some(user) = &self.user {
            // Keys first: access ends even if nothing else can be removed.
            let keys = self
                .access_keys
                .iter()
                .map(|key| ram.delete_access_key(user, key));
            let made: Vec<_> = self.made.iter().map(PolicyRef::custom).collect();
            let policies = self
                .attached
                .iter()
                .chain(&made)
                .map(|policy| ram.detach_policy_from_user(user, policy));
            let (keys, policies) = join(join_all(keys), join_all(policies)).await;
            failures.extend(keys.into_iter().chain(policies).filter_map(failed));
        }
        let (user, policies) = join(
            async {
                match &self.user {
                    Some(user) => delete_user(ram, user).await,
                    None => Ok(true),
                }
            },
            join_all(self.made.iter().map(|policy| delete_policy(ram, policy))),
        )
        .await;
        let mut all_found = true;
        for answer in policies.into_iter().chain([user]) {
            match answer {
                Ok(found) => all_found &= found,
                Err(error) => failures.push(error),
            }
        }
        let mut failures = failures.into_iter();
        let Some(first) = failures.next() else {
            return Ok(Removed { all_found });
        };
        for error in failures {
            tracing::warn!(user = self.user, %error, "a further part of the removal failed");
        }
        Err(first)
    }
}

/// Deletes the user, and whatever RAM says is in the way. Says whether there was one.
async fn delete_user(ram: &Ram, user: &str) -> Result<bool> {
    let mut tried = 0;
    loop {
        tried += 1;
        match ram.delete_user(user).await {
            Err(error) if error.kind() == Kind::Conflict && tried < TRIES => {
                tracing::info!(
                    user,
                    code = error.code(),
                    "removing what still belongs to the user"
                );
                clear_user(ram, user, &error).await?;
                tokio::time::sleep(PAUSE * tried).await;
            }
            answer => return found(answer),
        }
    }
}

async fn clear_user(ram: &Ram, user: &str, conflict: &Error) -> Result<()> {
    match conflict.subject() {
        Some(Subject::AccessKey) => {
            let keys = ram.list_access_keys(user).await?;
            all(join_all(keys.iter().map(|key| ram.delete_access_key(user, &key.id))).await)
        }
        Some(Subject::Group) => {
            let groups = ram.list_groups_for_user(user).await?;
            all(join_all(groups.iter().map(|group| ram.remove_user_from_group(user, group))).await)
        }
        Some(Subject::LoginProfile) => ram.delete_login_profile(user).await.ignore_gone(),
        Some(Subject::MfaDevice) => ram.unbind_mfa_device(user).await.ignore_gone(),
        Some(Subject::Policy) => {
            let policies = ram.list_policies_for_user(user).await?;
            all(join_all(
                policies
                    .iter()
                    .map(|policy| ram.detach_policy_from_user(user, policy)),
            )
            .await)
        }
        // Something that this version does not know: it may go away by itself.
        _ => Ok(()),
    }
}

/// Deletes a policy that was made for one user, and whatever RAM says is in the way. Says whether there was one.
async fn delete_policy(ram: &Ram, policy: &str) -> Result<bool> {
    let mut tried = 0;
    loop {
        tried += 1;
        match ram.delete_policy(policy).await {
            Err(error) if error.kind() == Kind::Conflict && tried < TRIES => {
                clear_policy(ram, policy, &error).await?;
                tokio::time::sleep(PAUSE * tried).await;
            }
            answer => return found(answer),
        }
    }
}

async fn clear_policy(ram: &Ram, policy: &str, conflict: &Error) -> Result<()> {
    match conflict.subject() {
        Some(Subject::Version) => {
            let versions = ram.list_policy_versions(policy).await?;
            let others = versions.iter().filter(|version| !version.is_default);
            all(join_all(others.map(|version| ram.delete_policy_version(policy, &version.id))).await)
        }
        Some(Subject::User) => {
            let policy = PolicyRef::custom(policy);
            let entities = ram.list_entities_for_policy(&policy).await?;
            all(join_all(
                entities
                    .users
                    .iter()
                    .map(|user| ram.detach_policy_from_user(user, &policy)),
            )
            .await)
        }
        _ => Ok(()),
    }
}

fn all(answers: Vec<Result<()>>) -> Result<()> {
    answers.into_iter().try_for_each(IgnoreGone::ignore_gone)
}

/// Whether what was to be deleted was there.
fn found(answer: Result<()>) -> Result<bool> {
    match answer {
        Err(error) if error.is_gone() => Ok(false),
        answer => answer.map(|()| true),
    }
}

fn failed(answer: Result<()>) -> Option<Error> {
    answer.ignore_gone().err()
}
