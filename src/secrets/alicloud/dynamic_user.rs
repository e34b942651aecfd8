//! RAM users made for a lease: how they are made, and how one that was left half-made is undone.
//!
//! Three round trips, whatever the role holds: the user and its policies, then all attachments, then the key. Before
//! the first, a WAL entry names everything that is about to be made; it is deleted when the key is there. A failure
//! undoes what was made at once; what a crash leaves, or an undoing that fails, is undone by the host's tick.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{join, join_all};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cloud::Cloud;
use super::failure::failed_call;
use super::removal::Removal;
use super::role::{RemotePolicy, Role};
use super::{Engine, names, secret_credentials};
use crate::alicloud::ram::{AccessKey, PolicyRef, User};
use crate::alicloud::{self, Kind, Subject};
use crate::framework::{Context, Error, Excerpt, LeaseTerms, Response, WalEntry};

const WAL_KIND: &str = "user";

/// How often a new name is taken after a clash with somebody else's user or policy.
const NAME_TRIES: u32 = 3;

/// How long a user or policy that was just made may stay invisible to the next call.
const SETTLING_TIME: Duration = Duration::from_secs(10);
const SETTLING_PAUSE: Duration = Duration::from_millis(200);

/// Shown in the RAM console.
const POLICY_DESCRIPTION: &str = "Created by Vault.";

/// RAM's limit for a user's comments.
const MAX_COMMENT: usize = 128;

/// A user to be made.
struct Plan {
    user: String,
    comment: String,
    /// Name and document.
    inline: Vec<(String, String)>,
    remote: Vec<PolicyRef>,
}

/// What the WAL keeps of a plan.
#[derive(Serialize, Deserialize)]
struct Planned {
    user_name: String,
    policies: Vec<String>,
    attached: Vec<RemotePolicy>,
}

/// What an undoing has to look at: what was made, or may have been.
#[derive(Default)]
struct Made {
    user: bool,
    policies: Vec<String>,
    /// The user was there already and is somebody else's.
    clash: bool,
    /// An answer was lost. The call may still be on its way, and make what an undoing right now does not find.
    unsure: bool,
}

/// Makes a user with the role's policies and a key, and the lease.
pub(super) async fn issue(
    cloud: &Cloud,
    context: &Context,
    role_name: &str,
    role: &Role,
) -> Result<Response, Error> {
    let (terms, cuts) = LeaseTerms::within(&*context.system, role.ttl, role.max_ttl).await?;
    let mut tried = 0;
    loop {
        tried += 1;
        let plan = Plan::new(context, role_name, role)?;
        context.check_cancelled()?;
        let entry = WalEntry::put(&*context.storage, WAL_KIND, &plan.to_wal()).await?;
        let mut so_far = Made::default();
        let made = make(cloud, context, &plan, &mut so_far).await;
        let clash = so_far.clash;
        match finish(cloud, context, &plan, so_far, entry, made).await {
            Ok(key) => {
                let mut response =
                    secret_credentials::user_response(role_name, role, &plan.user, &key, plan.made(), terms);
                response
                    .warnings
                    .extend(cuts.iter().map(crate::framework::Cut::warning));
                return Ok(response);
            }
            Err(_) if clash && tried < NAME_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

impl Plan {
    fn new(context: &Context, role_name: &str, role: &Role) -> Result<Self, Error> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let request = &context.request;
        let user = names::user(&request.display_name, role_name, now)?;
        let inline = role.inline_policies().iter();
        let inline = inline
            .zip(1..)
            .map(|(policy, place)| (names::policy(&user, place, &policy.id), policy.document.text()))
            .collect();
        let comment = format!(
            "Made by Vault for {}creds/{role_name}, request {}",
            request.mount_point, request.id
        );
        Ok(Self {
            inline,
            remote: role.remote_policies().iter().map(RemotePolicy::to_ref).collect(),
            comment: comment.chars().filter(char::is_ascii).take(MAX_COMMENT).collect(),
            user,
        })
    }

    fn to_wal(&self) -> Planned {
        Planned {
            user_name: self.user.clone(),
            policies: self.inline.iter().map(|(name, _)| name.clone()).collect(),
            attached: self.remote.iter().map(RemotePolicy::from).collect(),
        }
    }

    /// The policies that are made, as the lease keeps them.
    fn made(&self) -> Vec<PolicyRef> {
        self.inline
            .iter()
            .map(|(name, _)| PolicyRef::custom(name.as_str()))
            .collect()
    }
}

impl Planned {
    fn into_removal(self) -> Removal {
        Removal {
            user: Some(self.user_name),
            access_keys: vec![],
            attached: self.attached.iter().map(RemotePolicy::to_ref).collect(),
            made: self.policies,
        }
    }
}

/// Looks at a user that was there already: an earlier try of the same call may have been carried out although it was
/// refused. What carries this request's own comment is ours.
async fn owned(
    cloud: &Cloud,
    plan: &Plan,
    answer: alicloud::Result<User>,
    so_far: &mut Made,
) -> alicloud::Result<User> {
    match answer {
        Err(refused) if refused.kind() == Kind::Exists => match cloud.ram.get_user(&plan.user).await {
            Ok(user) if user.comments.as_deref() == Some(plan.comment.as_str()) => Ok(user),
            Ok(_) => Err(refused),
            Err(_) => {
                so_far.unsure = true;
                Err(refused)
            }
        },
        answer => answer,
    }
}

/// The three round trips. Each waits for all of its calls, even when one failed: what is undone afterwards must not
/// race with what is still under way.
async fn make(cloud: &Cloud, context: &Context, plan: &Plan, so_far: &mut Made) -> Result<AccessKey, Error> {
    let ram = &cloud.ram;
    let (user, policies) = join(
        ram.create_user(&plan.user, Some(&plan.comment)),
        join_all(
            plan.inline
                .iter()
                .map(|(name, document)| ram.create_policy(name, document, POLICY_DESCRIPTION)),
        ),
    )
    .await;
    let user = owned(cloud, plan, user, so_far).await;
    so_far.user = !matches!(&user, Err(error) if !error.outcome_unknown());
    so_far.clash = matches!(&user, Err(error) if error.kind() == Kind::Exists);
    so_far.unsure |= lost(&user) || policies.iter().any(lost);
    for ((name, _), answer) in plan.inline.iter().zip(&policies) {
        // The name holds the user's random part: a policy that has it is ours, made by an earlier try of the same call.
        if answer.is_ok() || exists(answer) || lost(answer) {
            so_far.policies.push(name.clone());
        }
    }
    user.map_err(failed_call)?;
    for answer in policies {
        if !exists(&answer) {
            answer.map_err(failed_call)?;
        }
    }

    context.check_cancelled()?;
    let made = plan.made();
    let attach_made = made.iter().map(|policy| {
        settled(is_unsettled(&[Subject::User, Subject::Policy]), move || {
            ram.attach_policy_to_user(&plan.user, policy)
        })
    });
    let attach_remote = plan.remote.iter().map(|policy| {
        settled(is_unsettled(&[Subject::User]), move || {
            ram.attach_policy_to_user(&plan.user, policy)
        })
    });
    let (attached_made, attached_remote) = join(join_all(attach_made), join_all(attach_remote)).await;
    for (policy, answer) in made
        .iter()
        .zip(attached_made)
        .chain(plan.remote.iter().zip(attached_remote))
    {
        match answer {
            Err(error) if error.kind() != Kind::Exists => {
                let error = failed_call(error);
                return Err(Error::new(
                    error.kind(),
                    format!("policy {:?}: {}", Excerpt(&policy.name), error.message()),
                ));
            }
            _ => {}
        }
    }

    context.check_cancelled()?;
    let key = settled(is_unsettled(&[Subject::User]), || {
        ram.create_access_key(&plan.user)
    })
    .await
    .map_err(failed_call)?;
    // Whoever asked may have gone away in the meantime: then nobody would hold the lease.
    context.check_cancelled()?;
    Ok(key)
}

/// Deletes the WAL entry of what is finished, and undoes what is not.
async fn finish(
    cloud: &Cloud,
    context: &Context,
    plan: &Plan,
    so_far: Made,
    mut entry: WalEntry,
    made: Result<AccessKey, Error>,
) -> Result<AccessKey, Error> {
    let failure = match made {
        // With the entry left in place, the user would be removed under the lease.
        Ok(key) => match entry.clone().delete(&*context.storage).await {
            Ok(()) => match context.check_cancelled() {
                Ok(()) => return Ok(key),
                Err(cancelled) => {
                    entry = WalEntry::put(&*context.storage, WAL_KIND, &plan.to_wal()).await?;
                    cancelled
                }
            },
            Err(error) => error,
        },
        Err(error) => error,
    };
    let mut removal = plan.to_wal().into_removal();
    removal.made = so_far.policies;
    if !so_far.user {
        removal.user = None;
    }
    match removal.run(&cloud.ram).await {
        // What was made but not found, or may yet be made, is for the tick, which comes when every delay is over.
        Ok(removed) if so_far.unsure || !removed.all_found => Err(failure),
        Ok(_) => {
            if let Err(error) = entry.delete(&*context.storage).await {
                // Harmless: the next tick finds nothing left to undo.
                tracing::warn!(%error, "the WAL entry of an undone user cannot be deleted");
            }
            Err(failure)
        }
        Err(error) => {
            tracing::error!(user = plan.user, %error, "a half-made user cannot be removed yet; this is repeated");
            Err(Error::new(
                failure.kind(),
                format!(
                    "{}; removing the half-made user {:?} failed as well and will be repeated: {error}",
                    failure.message(),
                    plan.user
                ),
            ))
        }
    }
}

/// Undoes what a WAL entry names.
pub(super) async fn roll_back(
    engine: Arc<Engine>,
    context: Context,
    kind: String,
    data: Value,
) -> Result<(), Error> {
    if kind != WAL_KIND {
        return Err(Error::internal(format!(
            "WAL entries of kind {kind:?} are unknown to this version"
        )));
    }
    let planned: Planned = serde_json::from_value(data)
        .map_err(|error| Error::internal("a WAL entry cannot be read").with_source(error))?;
    let cloud = engine.cloud(&context).await?;
    planned
        .into_removal()
        .run(&cloud.ram)
        .await
        .map_err(failed_call)?;
    Ok(())
}

fn lost<T>(answer: &alicloud::Result<T>) -> bool {
    matches!(answer, Err(error) if error.outcome_unknown())
}

fn exists<T>(answer: &alicloud::Result<T>) -> bool {
    matches!(answer, Err(error) if error.kind() == Kind::Exists)
}

fn is_unsettled(subjects: &'static [Subject]) -> impl Fn(&alicloud::Error) -> bool {
    move |error| error.is_gone() && error.subject().is_some_and(|subject| subjects.contains(&subject))
}

/// Repeats a call on things that were just made while RAM does not see them yet.
async fn settled<T, F, R>(unsettled: impl Fn(&alicloud::Error) -> bool, call: F) -> alicloud::Result<T>
where
    F: Fn() -> R,
    R: Future<Output = alicloud::Result<T>>,
{
    let started = tokio::time::Instant::now();
    let mut tried = 0;
    loop {
        tried += 1;
        match call().await {
            Err(error) if unsettled(&error) && started.elapsed() < SETTLING_TIME => {
                tokio::time::sleep(SETTLING_PAUSE * tried).await;
            }
            answer => return answer,
        }
    }
}
