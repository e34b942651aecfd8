//! RAM users made for a lease: how they are made, and how one that was left half-made is undone.
//!
//! Three round trips, whatever the role holds: the user and its policies, then all attachments, then the key. Before
//! the first, a WAL entry names everything that is about to be made; when the key is there, the record of the lease takes
//! its place. A failure undoes what was made at once; what a crash leaves, or an undoing that fails, is undone by the
//! host's tick.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{join, join_all};

use super::cloud::Cloud;
use super::engine::Engine;
use super::failure::failed_call;
use super::lease_record::{self, LeaseRecord};
use super::owner_tag::{self, OwnerTag};
use super::removal::{MadeUser, remove_policies};
use super::role::{RemotePolicy, Role};
use super::{names, propagation, secret_credentials};
use crate::alicloud::ram::{AccessKey, PolicyRef, Ram, User};
use crate::alicloud::{self, Kind, Subject};
use crate::framework::{Context, Error, Excerpt, LeaseTerms, Response, TtlCap, WalEntry};

/// The kind of the WAL entries of users, made or to be removed.
pub(super) const WAL_KIND: &str = "user";

/// How often a new name is taken after a clash with somebody else's user or policy.
const NAME_TRIES: u32 = 3;

/// What a caller waits longer at the most until a failed issue is undone.
const UNDOING_TIME: Duration = Duration::from_secs(20);

/// How long a user or policy that was just made may stay invisible to the next call.
const SETTLING_TIME: Duration = Duration::from_secs(10);
const SETTLING_PAUSE: Duration = Duration::from_millis(200);

/// Shown in the RAM console.
const POLICY_DESCRIPTION: &str = "Created by Vault.";

/// A user to be made.
struct Plan {
    user: String,
    comment: String,
    /// Name and document.
    inline: Vec<(String, String)>,
    remote: Vec<PolicyRef>,
}

/// What an undoing has to look at: what was made, or may have been.
#[derive(Default)]
struct Made {
    user: bool,
    policies: Vec<String>,
    /// The ids of its keys.
    access_keys: Vec<String>,
    /// The user was there already and is somebody else's.
    clash: bool,
    /// An answer was lost. The call may still be on its way, and make what an undoing right now does not find.
    unsure: bool,
}

/// Makes a user with the role's policies and a key, and the lease.
pub(super) async fn issue(
    cloud: &Cloud,
    context: &Context,
    owner_tag: Option<&OwnerTag>,
    role_name: &str,
    role: &Role,
) -> Result<Response, Error> {
    let (terms, cuts) = LeaseTerms::within(&*context.system, role.ttl, role.max_ttl).await?;
    let mut tried = 0;
    loop {
        tried += 1;
        let plan = Plan::new(context, owner_tag, role_name, role)?;
        context.check_cancelled()?;
        let entry = WalEntry::put(context, WAL_KIND, &plan.user()).await?;
        let mut so_far = Made::default();
        let mut made = make(cloud, context, &plan, &mut so_far).await;
        if let Ok(key) = &made
            && let Err(error) = propagation::wait(cloud, context, role, key).await
        {
            made = Err(error);
        }
        let clash = so_far.clash;
        let finished = match made {
            Ok(key) => record(context, &plan, &key, &entry, terms).await.map(|()| key),
            Err(error) => Err(error),
        };
        let issued = match finished {
            Ok(key) => Ok(key),
            Err(failure) => Err(undo(cloud, context, &plan, so_far, &entry, failure).await),
        };
        match issued {
            Ok(key) => {
                let mut response =
                    secret_credentials::user_response(role_name, role, &plan.user, &key, plan.made(), terms);
                response.warnings.extend(cuts.iter().map(TtlCap::warning));
                return Ok(response);
            }
            Err(_) if clash && tried < NAME_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}

impl Plan {
    fn new(
        context: &Context,
        owner_tag: Option<&OwnerTag>,
        role_name: &str,
        role: &Role,
    ) -> Result<Self, Error> {
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
        Ok(Self {
            inline,
            remote: role.remote_policies().iter().map(RemotePolicy::to_ref).collect(),
            comment: owner_tag::comment(owner_tag, request, role_name),
            user,
        })
    }

    /// What is about to be made.
    fn user(&self) -> MadeUser {
        MadeUser {
            user_name: self.user.clone(),
            access_keys: vec![],
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

/// Looks at a user that was there already: an earlier try of the same call may have been carried out although it was
/// refused. What carries this request's own comment is ours.
async fn owned(
    cloud: &Cloud,
    context: &Context,
    plan: &Plan,
    answer: alicloud::Result<User>,
    so_far: &mut Made,
) -> alicloud::Result<User> {
    match answer {
        Err(refused) if refused.kind() == Kind::Exists => {
            let found = settled(context, is_unsettled(&[Subject::User]), || {
                cloud.ram.get_user(&plan.user)
            });
            match found.await {
                Ok(user) if user.comments.as_deref() == Some(plan.comment.as_str()) => Ok(user),
                Ok(_) => Err(refused),
                Err(_) => {
                    so_far.unsure = true;
                    Err(refused)
                }
            }
        }
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
    let user = owned(cloud, context, plan, user, so_far).await;
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
        settled(
            context,
            is_unsettled(&[Subject::User, Subject::Policy]),
            move || ram.attach_policy_to_user(&plan.user, policy),
        )
    });
    let attach_remote = plan.remote.iter().map(|policy| {
        settled(context, is_unsettled(&[Subject::User]), move || {
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
    let key = settled(context, is_unsettled(&[Subject::User]), || {
        ram.create_only_access_key(&plan.user)
    })
    .await
    .map_err(failed_call)?;
    so_far.access_keys.push(key.id.clone());
    context.check_cancelled()?;
    Ok(key)
}

/// Puts the record of the lease in the place of the WAL entry. With both there the user would be removed under the
/// lease, and with neither it would be forgotten if the host loses the lease.
async fn record(
    context: &Context,
    plan: &Plan,
    key: &AccessKey,
    entry: &WalEntry,
    terms: LeaseTerms,
) -> Result<(), Error> {
    let mut made = plan.user();
    made.access_keys.push(key.id.clone());
    let issued = LeaseRecord::now(made, terms);
    context
        .storage
        .apply(vec![issued.put()?, entry.deletion()])
        .await?;
    // Whoever asked may have gone away in the meantime: then nobody would hold the lease.
    context.check_cancelled()
}

/// Removes what was made so far, and gives the failure for the caller.
async fn undo(
    cloud: &Cloud,
    context: &Context,
    plan: &Plan,
    so_far: Made,
    entry: &WalEntry,
    failure: Error,
) -> Error {
    let context = &context.for_undo(UNDOING_TIME);
    let made = MadeUser {
        access_keys: so_far.access_keys,
        policies: so_far.policies,
        ..plan.user()
    };
    let ram = cloud.ram.within(UNDOING_TIME);
    let all_found = if so_far.user {
        made.remove(&ram).await.map(|removed| removed.all_found)
    } else {
        remove_policies(&ram, &made.policies).await
    };
    let finished = matches!(all_found, Ok(true)) && !so_far.unsure;
    let noted = if finished {
        context
            .storage
            .apply(vec![lease_record::deletion(&plan.user), entry.deletion()])
            .await
            .map_err(Error::from)
    } else {
        // What was made but not found, or may yet be made, is for the tick, which comes when every delay is over. The
        // entry may have been deleted already.
        entry.put_again(context, WAL_KIND, &made).await
    };
    if let Err(error) = noted {
        // Nothing is lost by it: the entry or the record is still there, and the tick finds nothing left to undo.
        tracing::warn!(user = plan.user, %error, "the WAL entry of an undone user cannot be written");
    }
    match all_found {
        Ok(_) => failure,
        Err(error) => {
            tracing::error!(user = plan.user, %error, "a half-made user cannot be removed yet; this is repeated");
            Error::new(
                failure.kind(),
                format!(
                    "{}; removing the half-made user {:?} failed as well and will be repeated: {error}",
                    failure.message(),
                    plan.user
                ),
            )
        }
    }
}

/// Undoes what a WAL entry names.
pub(super) async fn roll_back(engine: Arc<Engine>, context: Context, made: MadeUser) -> Result<(), Error> {
    let cloud = engine.cloud(&context).await?;
    let ram = cloud.ram.in_background();
    let removed = if is_foreign(&engine, &ram, &made.user_name).await {
        remove_policies(&ram, &made.policies).await.map(drop)
    } else {
        made.remove(&ram).await.map(drop)
    };
    removed.map_err(|error| {
        let error = failed_call(error);
        Error::new(
            error.kind(),
            format!(
                "user {:?} and its policies {:?} cannot be removed; grant the mount's key what is missing, or delete \
                 them in RAM: {}",
                made.user_name,
                made.policies,
                error.message()
            ),
        )
    })?;
    // There is one when the request was cut off between the record and the deletion of this entry.
    context
        .storage
        .apply(vec![lease_record::deletion(&made.user_name)])
        .await?;
    Ok(())
}

/// Whether a user is somebody else's, whose name was there before the entry's request could make its own. Where the
/// engine's key may not look, the name decides, which is never made twice.
async fn is_foreign(engine: &Engine, ram: &Ram, user: &str) -> bool {
    let Some(owner_tag) = &engine.owner_tag else {
        return false;
    };
    matches!(ram.get_user(user).await, Ok(found) if !owner_tag.is_on(&found))
}

fn lost<T>(answer: &alicloud::Result<T>) -> bool {
    matches!(answer, Err(error) if error.outcome_unknown())
}

fn exists<T>(answer: &alicloud::Result<T>) -> bool {
    matches!(answer, Err(error) if error.kind() == Kind::Exists)
}

fn is_unsettled(subjects: &'static [Subject]) -> impl Fn(&alicloud::Error) -> bool {
    move |error| error.is_not_found() && error.subject().is_some_and(|subject| subjects.contains(&subject))
}

/// Repeats a call on things that were just made while RAM does not see them yet, and somebody still waits for it.
async fn settled<T, F, R>(
    context: &Context,
    unsettled: impl Fn(&alicloud::Error) -> bool,
    call: F,
) -> alicloud::Result<T>
where
    F: Fn() -> R,
    R: Future<Output = alicloud::Result<T>>,
{
    let started = tokio::time::Instant::now();
    let mut tried = 0;
    loop {
        tried += 1;
        match call().await {
            Err(error)
                if unsettled(&error)
                    && started.elapsed() < SETTLING_TIME
                    && context.check_cancelled().is_ok() =>
            {
                tokio::time::sleep(SETTLING_PAUSE * tried).await;
            }
            answer => return answer,
        }
    }
}
