//! Removing a user that the engine made, and what belongs to it: the end of a lease, and the undoing of one that
//! could not be finished.
//!
//! All keys are deleted first, then the user loses the policies and groups that are known, then the user and the policies of
//! our own making are deleted. Others may have given the user more: a policy, a group, a console password. RAM deletes no
//! user that has any of these, so what the user really has is looked up, and removed too, only when the deletion fails. What
//! is already gone counts as removed, so that a removal can be repeated to its end.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{join, join_all, join3, join4};
use serde::{Deserialize, Serialize};

use crate::alicloud::ims::Ims;
use crate::alicloud::ram::{PolicyRef, Ram};
use crate::alicloud::{Error, IgnoreNotFound, Kind, Result, Subject};
use crate::secrets::alicloud::role::policies::RemotePolicy;
use crate::secrets::lease::{LeaseUser, Removed};

/// How often a deletion is repeated after a conflict. Removed things may still be seen for a moment.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(250);

/// A user of the engine's making and what is known to belong to it, as WAL entries and the record of leases keep it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MadeUser {
    pub(super) user_name: String,
    /// Ids of its keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) access_keys: Vec<String>,
    /// Custom policies made for the user.
    pub(super) policies: Vec<String>,
    /// Policies attached to the user that stay in RAM.
    pub(super) attached: Vec<RemotePolicy>,
    /// Groups that the user is made a member of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<String>,
    /// Whether it has an API key in place of access keys, which RAM does not delete with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) service_credential: bool,
    /// RAM's id of the user, which no renaming changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account_id: Option<String>,
}

impl LeaseUser for MadeUser {
    const SERVICE: &'static str = "RAM";

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
        format!("user {:?} and its policies {:?}", self.user_name, self.policies)
    }
}

impl MadeUser {
    /// Removes everything; a failure does not stop the rest. When the user is gone in the end, so is all that hung on
    /// it, whatever failed on the way. All failures but the one that is returned go to the log.
    pub(super) async fn remove(&self, ram: &Ram, ims: &Ims) -> Result<Removed> {
        let user = self.user_name.as_str();
        let mut failures = Vec::new();
        if self.close_access(ram, ims, &mut failures).await {
            let policies: BTreeSet<PolicyRef> = self.known_policies().collect();
            failures.extend(take_off(ram, user, &policies, &self.groups).await);
        }

        let (user_found, policies_found) = join(self.delete_user(ram, ims), self.remove_policies(ram)).await;
        if let Err(error) = &user_found {
            failures.push(error.clone());
        }
        report(user, &failures);
        match (user_found, failures.into_iter().next()) {
            (Ok(user_found), _) => Ok(Removed {
                user_found,
                all_found: policies_found?.all_found && user_found,
            }),
            // The first thing that went wrong tells more than what it led to.
            (Err(last), first) => Err(first.unwrap_or(last)),
        }
    }

    /// Deletes the policies that were made for the user.
    pub(super) async fn remove_policies(&self, ram: &Ram) -> Result<Removed> {
        let answers = join_all(self.policies.iter().map(|policy| delete_policy(ram, policy))).await;
        let mut all_found = true;
        let mut failure = None;
        for (policy, answer) in self.policies.iter().zip(answers) {
            match answer {
                Ok(found) => all_found &= found,
                Err(error) => {
                    tracing::warn!(event = "policy_deletion_failed", policy, %error, "a policy of a user cannot be deleted");
                    failure.get_or_insert(error);
                }
            }
        }
        let removed = Removed {
            user_found: false,
            all_found,
        };
        failure.map_or(Ok(removed), Err)
    }

    fn known_policies(&self) -> impl Iterator<Item = PolicyRef> {
        let made = self.policies.iter().map(PolicyRef::custom);
        self.attached.iter().map(RemotePolicy::to_ref).chain(made)
    }

    /// Deletes all keys; the known ones also where the engine's key may not list them. Says whether the user may exist.
    async fn close_access(&self, ram: &Ram, ims: &Ims, failures: &mut Vec<Error>) -> bool {
        let user = self.user_name.as_str();
        let api_keys = async {
            if self.service_credential {
                self.clear_service_credentials(ram, ims).await
            } else {
                Ok(())
            }
        };
        let (mut keys, others, api_keys) = join3(
            delete_keys(ram, user, &self.access_keys),
            delete_other_keys(ram, user, &self.access_keys),
            api_keys,
        )
        .await;
        keys.extend(others);
        let is_gone = |answer: &Result<()>| {
            answer
                .as_ref()
                .is_err_and(|error| error.is_not_found() && error.subject() == Some(Subject::User))
        };
        // Only RAM is asked: IMS may see a new user late.
        let exists = !keys.iter().any(is_gone);
        failures.extend(keys.into_iter().chain([api_keys]).filter_map(failed));
        exists
    }

    /// Deletes the user, and whatever is in the way. Says whether there was one.
    async fn delete_user(&self, ram: &Ram, ims: &Ims) -> Result<bool> {
        let user = self.user_name.as_str();
        let mut tried = 0;
        loop {
            tried += 1;
            let error = match ram.delete_user(user).await {
                Err(error) if !error.is_not_found() => error,
                answer => return found(answer),
            };
            let is_conflict = error.kind() == Kind::Conflict;
            if is_conflict {
                tracing::info!(
                    user,
                    code = error.code(),
                    "removing what still belongs to the user"
                );
            }
            if tried == 1 {
                // For whatever reason the user stays, it must not keep what others have given it.
                report(user, &clear_all(ram, user).await);
            }
            if !is_conflict || tried == TRIES {
                return Err(error);
            }
            if tried > 1 || !is_cleared(&error) {
                self.clear_user(ram, ims, &error).await?;
            }
            tokio::time::sleep(PAUSE * tried).await;
        }
    }

    async fn clear_user(&self, ram: &Ram, ims: &Ims, conflict: &Error) -> Result<()> {
        let user = self.user_name.as_str();
        match conflict.subject() {
            Some(Subject::AccessKey) => {
                let keys = ram.list_access_keys(user).await?;
                all(delete_keys(ram, user, &keys).await)
            }
            Some(Subject::Group) => {
                let groups = ram.list_groups_for_user(user).await?;
                all(join_all(groups.iter().map(|group| ram.remove_user_from_group(user, group))).await)
            }
            Some(Subject::LoginProfile) => ram.delete_login_profile(user).await.ignore_not_found(),
            Some(Subject::MfaDevice) => ram.unbind_mfa_device(user).await.ignore_not_found(),
            Some(Subject::Policy) => {
                let policies = ram.list_policies_for_user(user).await?;
                all(join_all(
                    policies
                        .iter()
                        .map(|policy| ram.detach_policy_from_user(user, policy)),
                )
                .await)
            }
            // RAM refuses to delete a user with API keys, and its documents do not say by which code. Something else may go
            // away by itself.
            _ => match self.clear_service_credentials(ram, ims).await {
                Err(error) if !self.service_credential => {
                    tracing::warn!(event = "service_credentials_not_removed", user, %error, "the API keys of a user cannot be removed");
                    Ok(())
                }
                answer => answer,
            },
        }
    }

    /// Deactivates and deletes the API keys of the user.
    async fn clear_service_credentials(&self, ram: &Ram, ims: &Ims) -> Result<()> {
        let id = match &self.user_id {
            Some(id) => id.clone(),
            None => ram.get_user(&self.user_name).await?.id,
        };
        let principal = ims.principal_name(&id).await?;
        ims.delete_service_credentials_but(&principal, None).await
    }
}

/// Removes all that RAM shows of a user, whoever added it, keys and password first. Returns the failures: what is still in
/// the way, RAM names again.
async fn clear_all(ram: &Ram, user: &str) -> Vec<Error> {
    let (keys, password, policies, groups) = join4(
        delete_other_keys(ram, user, &[]),
        ram.delete_login_profile(user),
        ram.list_policies_for_user(user),
        ram.list_groups_for_user(user),
    )
    .await;
    let policies = seen(user, policies).into_iter().collect();
    let taken_off = take_off(ram, user, &policies, &seen(user, groups)).await;
    // Mostly there is none, and no permission either.
    let password = failed(password).filter(|error| error.kind() != Kind::Denied);
    let keys = keys.into_iter().filter_map(failed);
    keys.chain(password).chain(taken_off).collect()
}

/// Detaches policies from a user and removes it from groups. Returns the failures.
async fn take_off(ram: &Ram, user: &str, policies: &BTreeSet<PolicyRef>, groups: &[String]) -> Vec<Error> {
    let (detached, left) = join(
        join_all(
            policies
                .iter()
                .map(|policy| ram.detach_policy_from_user(user, policy)),
        ),
        join_all(groups.iter().map(|group| ram.remove_user_from_group(user, group))),
    )
    .await;
    detached.into_iter().chain(left).filter_map(failed).collect()
}

/// Whether what is in the way is something that [`clear_all`] removes.
fn is_cleared(conflict: &Error) -> bool {
    matches!(
        conflict.subject(),
        Some(Subject::AccessKey | Subject::Group | Subject::LoginProfile | Subject::Policy)
    )
}

/// Deletes the keys that RAM shows, except the known ones.
async fn delete_other_keys(ram: &Ram, user: &str, known: &[String]) -> Vec<Result<()>> {
    match ram.list_access_keys(user).await {
        Err(error) if error.is_not_found() => vec![Err(error)],
        keys => {
            let mut keys = seen(user, keys);
            keys.retain(|key| !known.contains(key));
            delete_keys(ram, user, &keys).await
        }
    }
}

async fn delete_keys(ram: &Ram, user: &str, keys: &[String]) -> Vec<Result<()>> {
    join_all(keys.iter().map(|key| ram.delete_access_key(user, key))).await
}

/// What a look-up has shown; one that failed shows nothing.
fn seen<T>(user: &str, answer: Result<Vec<T>>) -> Vec<T> {
    answer
        .inspect_err(|error| tracing::info!(user, %error, "cannot list the resources of a user"))
        .unwrap_or_default()
}

fn report(user: &str, failures: &[Error]) {
    for failure in failures {
        tracing::warn!(event = "user_deletion_step_failed", user, error = %failure, "one step of deleting a user failed");
    }
}

/// Deletes a policy, and whatever RAM says is in the way. Says whether there was one.
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
            let users = ram.list_users_with_policy(&policy).await?;
            all(join_all(
                users
                    .iter()
                    .map(|user| ram.detach_policy_from_user(user, &policy)),
            )
            .await)
        }
        _ => Ok(()),
    }
}

fn all(answers: Vec<Result<()>>) -> Result<()> {
    answers.into_iter().try_for_each(IgnoreNotFound::ignore_not_found)
}

/// Whether what was to be deleted was there.
fn found(answer: Result<()>) -> Result<bool> {
    match answer {
        Err(error) if error.is_not_found() => Ok(false),
        answer => answer.map(|()| true),
    }
}

fn failed(answer: Result<()>) -> Option<Error> {
    answer.ignore_not_found().err()
}
