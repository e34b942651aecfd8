//! RAM users made for a lease.
//!
//! Two round trips, whatever the role holds: the user and its policies; then all attachments, groups and tags, and the
//! access key at the same time. The key's network policy is a third, for roles that have one. So is an API key, which is made
//! through IMS: in the second, IMS is asked for its own name of the user.

mod api_key;
mod attachments;
mod plan;
mod restriction;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join, join_all, join3};

use crate::alicloud::ims::Ims;
use crate::alicloud::ram::{AccessKey, Ram, User};
use crate::alicloud::sts::Sts;
use crate::alicloud::{self, Kind, Subject};
use crate::cloud::budget;
use crate::framework::{Context, Error, Excerpt, Status};
use crate::secrets::alicloud::cloud::Cloud;
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::failure::failed_call;
pub(super) use crate::secrets::alicloud::ram_user::api_key::{ApiKey, ID as API_KEY_ID};
use crate::secrets::alicloud::ram_user::api_key::{NewApiKey, api_key};
use crate::secrets::alicloud::ram_user::attachments::{attach, is_unsettled};
pub(super) use crate::secrets::alicloud::ram_user::plan::Plan;
use crate::secrets::alicloud::ram_user::restriction::restriction;
use crate::secrets::alicloud::removal::MadeUser;
use crate::secrets::alicloud::renamed_user::is_tagged;
use crate::secrets::alicloud::role::policies::RemotePolicy;
use crate::secrets::alicloud::{propagation, renamed_user};
use crate::secrets::lease::{Issuer, LeaseEngine, Mount, OwnerTag, Progress, Removed, has_moved, settled};

/// What the wait for a new key leaves of a request's time for its network policy.
const FOR_RESTRICTION: Duration = Duration::from_secs(5);

/// What a user is made for.
pub(super) enum UserKey {
    Access(AccessKey),
    Api(ApiKey),
}

/// An access key that was made, or an API key that is still to be made.
enum NewKey<'a> {
    Access(AccessKey),
    Api(NewApiKey<'a>),
}

/// Makes and removes RAM users with the credentials of one mount.
pub(super) struct RamUsers {
    ram: Ram,
    ims: Ims,
    sts: Sts,
    owner_tag: Option<OwnerTag>,
    account: Option<String>,
}

impl RamUsers {
    /// For a request that somebody waits for.
    pub(super) async fn new(engine: &Engine, context: &Context, cloud: Cloud) -> Result<Self, Error> {
        let account = engine.account_of(context, &cloud).await;
        match &account {
            Some(account) => engine.mount.binding.bind(context, account).await?,
            // It would be looked for in the other account when its lease ends.
            None if has_moved(context).await? => {
                return Err(Error::coded(
                    Status::UNAVAILABLE,
                    "STS does not tell which account the credentials of this mount belong to, and the mount has had those \
                     of two accounts: nothing was made, try again when STS answers",
                ));
            }
            None => {}
        }
        Ok(Self {
            ram: cloud.ram,
            ims: cloud.ims,
            sts: cloud.sts,
            owner_tag: engine.mount.owner_tag.clone(),
            account,
        })
    }

    async fn in_background(engine: &Engine, context: &Context, cloud: Cloud) -> Self {
        Self {
            account: engine.account_of(context, &cloud).await,
            ram: cloud.ram.in_background(),
            ims: cloud.ims,
            sts: cloud.sts,
            owner_tag: engine.mount.owner_tag.clone(),
        }
    }

    fn ram(&self, context: &Context) -> Ram {
        self.ram.by(context.deadline())
    }
}

#[async_trait]
impl LeaseEngine for Engine {
    type Issuer = RamUsers;

    async fn issuer(&self, context: &Context) -> Result<RamUsers, Error> {
        let cloud = self.cloud(context).await?;
        Ok(RamUsers::in_background(self, context, cloud).await)
    }

    async fn previous_issuer(&self, context: &Context) -> Result<Option<RamUsers>, Error> {
        let config = Config::load(&*context.storage).await?.unwrap_or_default();
        Ok(match self.previous_cloud_of(&config) {
            Some(cloud) => Some(RamUsers::in_background(self, context, cloud).await),
            None => None,
        })
    }

    fn advice_for_account(&self, context: &Context, account: &str) -> String {
        format!(
            "write a key of account {account} to previous_access_key and previous_secret_key of {}config, which is then \
             used for revoking only, or configure credentials of account {account} again",
            Excerpt(&context.request.mount_point)
        )
    }

    fn mount(&self) -> &Mount {
        &self.mount
    }
}

#[async_trait]
impl Issuer for RamUsers {
    type User = MadeUser;
    type Plan = Plan;
    type Key = UserKey;

    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    fn planned(&self, plan: &Plan) -> MadeUser {
        MadeUser {
            account_id: self.account.clone(),
            user_id: None,
            user_name: plan.user.clone(),
            access_keys: vec![],
            policies: plan.inline.iter().map(|(name, _)| name.clone()).collect(),
            attached: plan.remote.iter().map(RemotePolicy::from).collect(),
            groups: plan.groups.clone(),
            service_credential: plan.api_key.is_some(),
        }
    }

    async fn make(
        &self,
        context: &Context,
        plan: &Plan,
        progress: &mut Progress<MadeUser>,
    ) -> Result<UserKey, Error> {
        let making = &context.within(budget::MAKE);
        let ram = &self.ram(making);
        make_user(ram, making, plan, progress).await?;
        context.check_cancelled()?;
        let user_id = progress.user.user_id.as_deref();
        let ims = &self.ims.by(making.deadline());
        let (attached, restriction, key) = join3(
            attach(ram, ims, making, plan, user_id),
            restriction(ims, making, plan, user_id),
            begin_key(ram, ims, making, plan, user_id),
        )
        .await;
        if let Ok(NewKey::Access(key)) = &key {
            progress.user.access_keys.push(key.id.clone());
        }
        attached?;
        let restriction = restriction?;
        let key = key?;
        context.check_cancelled()?;
        let key = match key {
            NewKey::Access(key) => key,
            // An undo has to look for it, so it is made only when everything else is in place.
            NewKey::Api(key) => return key.make(ims, making).await.map(UserKey::Api),
        };
        let mut patience = plan.wait_for_propagation;
        if restriction.is_some() {
            patience = patience.min(context.deadline().remaining().saturating_sub(FOR_RESTRICTION));
        }
        propagation::wait(&self.sts, context, patience, &key).await?;
        if let Some(restriction) = restriction {
            // Afterwards this server may be unable to use the key.
            let ims = self.ims.by(context.deadline());
            restriction.set(&ims, context, &key).await?;
        }
        Ok(UserKey::Access(key))
    }

    async fn remove(&self, context: &Context, user: &MadeUser) -> Result<Removed, Error> {
        user.remove(&self.ram(context), &self.ims.by(context.deadline()))
            .await
            .map_err(failed_call)
    }

    async fn find_renamed(&self, context: &Context, user: &MadeUser) -> Result<Option<MadeUser>, Error> {
        renamed_user::find(context, &self.ram(context), self.owner_tag.as_ref(), user).await
    }

    async fn remove_all_but_user(&self, context: &Context, user: &MadeUser) -> Result<Removed, Error> {
        user.remove_policies(&self.ram(context))
            .await
            .map_err(failed_call)
    }

    async fn is_foreign(&self, context: &Context, user: &MadeUser) -> bool {
        let Some(owner_tag) = &self.owner_tag else {
            return false;
        };
        let found = self.ram(context).get_user(&user.user_name).await;
        matches!(found, Ok(found) if !is_tagged(owner_tag, &found))
    }
}

/// The first round trip.
async fn make_user(
    ram: &Ram,
    context: &Context,
    plan: &Plan,
    progress: &mut Progress<MadeUser>,
) -> Result<(), Error> {
    let (user, policies) = join(
        ram.create_user(&plan.user, Some(&plan.comment)),
        join_all(
            plan.inline
                .iter()
                .map(|(name, document)| ram.create_policy(name, document, &plan.policy_description)),
        ),
    )
    .await;
    let user = own_or_refused(ram, context, plan, user, progress).await;
    progress.may_exist = !matches!(&user, Err(error) if !error.outcome_unknown());
    progress.name_taken = matches!(&user, Err(error) if error.kind() == Kind::Exists);
    progress.unsure |= lost(&user) || policies.iter().any(lost);
    // The name holds a random part: a policy that has it is ours, made by an earlier try of the same call.
    let may_exist = |answer: &alicloud::Result<_>| answer.is_ok() || exists(answer) || lost(answer);
    progress.user.policies = plan
        .inline
        .iter()
        .zip(&policies)
        .filter(|(_, answer)| may_exist(answer))
        .map(|((name, _), _)| name.clone())
        .collect();
    let user = user.map_err(failed_call)?;
    progress.user.user_id = Some(user.id).filter(|id| !id.is_empty());
    for answer in policies {
        if !exists(&answer) {
            answer.map_err(failed_call)?;
        }
    }
    Ok(())
}

/// Makes the access key, or prepares the API key. When this fails, the user may have an access key that nobody knows.
async fn begin_key<'a>(
    ram: &Ram,
    ims: &Ims,
    context: &Context,
    plan: &'a Plan,
    user_id: Option<&str>,
) -> Result<NewKey<'a>, Error> {
    if let Some(key) = api_key(ims, context, plan, user_id).await? {
        return Ok(NewKey::Api(key));
    }
    settled(context, is_unsettled(&[Subject::User]), || {
        ram.create_only_access_key(&plan.user)
    })
    .await
    .map(NewKey::Access)
    .map_err(failed_call)
}

/// Looks at a user that was there already: an earlier try of the same call may have been carried out although it was
/// refused. What carries this request's own comment is ours.
async fn own_or_refused(
    ram: &Ram,
    context: &Context,
    plan: &Plan,
    answer: alicloud::Result<User>,
    progress: &mut Progress<MadeUser>,
) -> alicloud::Result<User> {
    match answer {
        Err(refused) if refused.kind() == Kind::Exists => {
            let found = settled(context, is_unsettled(&[Subject::User]), || {
                ram.get_user(&plan.user)
            });
            match found.await {
                Ok(user) if user.comments.as_deref() == Some(plan.comment.as_str()) => Ok(user),
                Ok(_) => Err(refused),
                Err(_) => {
                    progress.unsure = true;
                    Err(refused)
                }
            }
        }
        answer => answer,
    }
}

fn lost<T>(answer: &alicloud::Result<T>) -> bool {
    matches!(answer, Err(error) if error.outcome_unknown())
}

fn exists<T>(answer: &alicloud::Result<T>) -> bool {
    matches!(answer, Err(error) if error.kind() == Kind::Exists)
}
