//! IAM users made for a lease, in three steps: the user, its policy, its key.

use std::sync::Arc;

use async_trait::async_trait;

use crate::aws::account_of;
use crate::aws::iam::{AccessKey, Iam, User};
use crate::cloud::{Error as CallError, Kind, Result as CallResult, budget};
use crate::framework::{Context, Error, Excerpt};
use crate::secrets::aws::accounts::Accounts;
use crate::secrets::aws::cloud::Root;
use crate::secrets::aws::engine::Engine;
use crate::secrets::aws::failure::failed_call;
use crate::secrets::aws::removal::MadeUser;
use crate::secrets::lease::names::{USER, unique};
use crate::secrets::lease::{Issuer, LeaseEngine, Mount, OwnerTag, Progress, Removed, settled};

/// Makes and removes IAM users with the credentials of one mount.
pub(super) struct IamUsers {
    iam: Iam,
    access_key: String,
    account: Option<String>,
    accounts: Arc<Accounts>,
    mount: Arc<Mount>,
}

/// A user to be made.
pub(super) struct Plan {
    user: String,
    policy_name: String,
    document: String,
}

impl Plan {
    /// A user with a new name, and with this policy.
    pub(super) fn new(
        context: &Context,
        owner_tag: Option<&OwnerTag>,
        role_name: &str,
        document: &str,
    ) -> Result<Self, Error> {
        Ok(Self {
            user: unique(context, role_name, USER)?,
            policy_name: policy_name(owner_tag),
            document: document.to_owned(),
        })
    }
}

/// What the policy of a user is called. It tells whose user it is: a tag would take an eleventh permission.
pub(super) fn policy_name(owner_tag: Option<&OwnerTag>) -> String {
    match owner_tag {
        Some(owner_tag) => format!("vault-{}", owner_tag.mount()),
        None => "vault".to_owned(),
    }
}

impl IamUsers {
    /// For a request that somebody waits for.
    ///
    /// # Errors
    /// Storage cannot be read.
    pub(super) async fn new(engine: &Engine, context: &Context, root: Root) -> Result<Self, Error> {
        Ok(Self {
            account: engine.accounts.of(context, &root.access_key).await?,
            iam: root.iam,
            access_key: root.access_key,
            accounts: Arc::clone(&engine.accounts),
            mount: Arc::clone(&engine.mount),
        })
    }

    fn iam(&self, context: &Context) -> Iam {
        self.iam.by(context.deadline())
    }

    /// Notes the account of the mount's credentials. That it cannot be stored fails nobody's request.
    async fn learn(&self, context: &Context, account: Option<&str>) {
        if let Some(account) = account
            && let Err(error) = self.store(context, account).await
        {
            tracing::warn!(event = "account_not_stored", %error, "the account of the mount's credentials cannot be stored; will retry");
        }
    }

    async fn store(&self, context: &Context, account: &str) -> Result<(), Error> {
        // Before the mount can get credentials of another account: leases that do not say theirs are of this one.
        self.mount.binding.bind(context, account).await?;
        self.accounts.learn(context, &self.access_key, account).await
    }

    /// A refusal for the caller. The words in which IAM refuses a permission name who asked for it.
    async fn refused(&self, context: &Context, error: CallError) -> Error {
        if error.kind() == Kind::Denied && error.message().starts_with("User: arn:") {
            self.learn(context, account_of(error.message())).await;
        }
        failed_call(&error)
    }
}

#[async_trait]
impl LeaseEngine for Engine {
    type Issuer = IamUsers;

    async fn issuer(&self, context: &Context) -> Result<IamUsers, Error> {
        let root = self.root(context).await?;
        let iam = root.iam.in_background();
        IamUsers::new(self, context, Root { iam, ..root }).await
    }

    fn advice_for_account(&self, context: &Context, account: &str) -> String {
        format!(
            "write a key of account {account} to {}config/root again until the leases of that account are revoked",
            Excerpt(&context.request.mount_point)
        )
    }

    fn mount(&self) -> &Mount {
        &self.mount
    }
}

/// The defaults stand for what the ten permissions do not reach: to find a renamed user takes `iam:ListUsers`, to see whose
/// a user is `iam:GetUser`. A policy of IAM is a part of its user.
#[async_trait]
impl Issuer for IamUsers {
    type User = MadeUser;
    type Plan = Plan;
    type Key = AccessKey;

    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    fn planned(&self, plan: &Plan) -> MadeUser {
        MadeUser {
            user_name: plan.user.clone(),
            account_id: self.account.clone(),
            ..MadeUser::default()
        }
    }

    async fn make(
        &self,
        context: &Context,
        plan: &Plan,
        progress: &mut Progress<MadeUser>,
    ) -> Result<AccessKey, Error> {
        let making = &context.within(budget::MAKE);
        let iam = &self.iam(making);
        match made(iam.create_user(&plan.user).await, progress) {
            Ok(user) => {
                self.learn(making, user.account.as_deref()).await;
                progress.user.user_id = user.id;
                progress.user.account_id = user.account.or(progress.user.account_id.take());
            }
            Err(error) => return Err(self.refused(making, error).await),
        }
        context.check_cancelled()?;
        let put = settled(making, CallError::is_not_found, || {
            iam.put_user_policy(&plan.user, &plan.policy_name, &plan.document)
        });
        if let Err(error) = put.await {
            return Err(self.refused(making, error).await);
        }
        context.check_cancelled()?;
        let key = settled(making, CallError::is_not_found, || {
            iam.create_only_access_key(&plan.user)
        });
        match key.await {
            Ok(key) => {
                progress.user.access_key = Some(key.id.clone());
                Ok(key)
            }
            Err(error) => {
                progress.unsure |= error.outcome_unknown();
                Err(self.refused(making, error).await)
            }
        }
    }

    async fn remove(&self, context: &Context, user: &MadeUser) -> Result<Removed, Error> {
        match user.remove(&self.iam(context)).await {
            Ok(removed) => {
                if removed.user_found {
                    // Names are made once, so nobody else has a user of this one.
                    self.learn(context, user.account_id.as_deref()).await;
                }
                Ok(removed)
            }
            Err(error) => Err(self.refused(context, error).await),
        }
    }
}

/// What became of the user. One that is there already was made by this very call if an earlier try of it got no answer.
fn made(answer: CallResult<User>, progress: &mut Progress<MadeUser>) -> CallResult<User> {
    match answer {
        Ok(user) => {
            progress.may_exist = true;
            Ok(user)
        }
        Err(error) if error.kind() == Kind::Exists && error.outcome_unknown() => {
            progress.may_exist = true;
            Ok(User::default())
        }
        Err(error) => {
            progress.may_exist = error.outcome_unknown();
            progress.unsure = error.outcome_unknown();
            progress.name_taken = error.kind() == Kind::Exists;
            Err(error)
        }
    }
}
