//! Which account a user is in, and credentials of that account. A user that is looked for in another account is not
//! found, and would count as removed while its keys work.
//!
//! The account is kept with each lease, lease record and WAL entry; for those that do not say it, see `binding`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::framework::{Context, Error, Job, Status};
use crate::secrets::lease::binding::binding;
use crate::secrets::lease::engine::{LeaseEngine, UserOf};
use crate::secrets::lease::issuer::{Issuer as _, LeaseUser as _};
use crate::secrets::lease::record::{self, LeaseRecord};

/// How many lease records are of this account. Leases of the Go plugin have none before their first renewal here.
///
/// # Errors
/// Storage cannot be read.
pub async fn leases_of<E: LeaseEngine>(context: &Context, account: &str) -> Result<usize, Error> {
    let storage = &*context.storage;
    let bound = binding(context).await?.map(|binding| binding.account_id);
    let mut count = 0;
    for user in record::users(storage).await? {
        let record = LeaseRecord::<UserOf<E>>::load(storage, &user).await;
        // One that cannot be read may be of this account.
        let own = record.map(|record| record.map(|record| record.user.account().map(str::to_owned)));
        count += usize::from(match own {
            Ok(Some(own)) => own.or_else(|| bound.clone()).is_some_and(|own| own == account),
            Ok(None) => false,
            Err(_) => true,
        });
    }
    Ok(count)
}

/// An issuer for one user.
pub struct ForUser<I> {
    pub issuer: I,
    /// The account that the user is in, where the cloud could not tell whether the credentials belong to it. Then a user
    /// that is not found may still be there.
    pub unverified: Option<String>,
}

/// An issuer whose credentials belong to the account of the user.
///
/// # Errors
/// The mount has no credentials of that account.
pub async fn issuer_for<E: LeaseEngine>(
    engine: &E,
    context: &Context,
    user: &UserOf<E>,
) -> Result<ForUser<E::Issuer>, Error> {
    let issuer = engine.issuer(context).await?;
    let certain = |issuer| ForUser {
        issuer,
        unverified: None,
    };
    if let Some(own) = issuer.account() {
        engine.mount().binding.bind(context, own).await?;
    }
    let account = match user.account() {
        Some(account) => account.to_owned(),
        None => match binding(context).await? {
            Some(binding) => binding.account_id,
            // STS never told an account here: nobody can tell one from another.
            None => return Ok(certain(issuer)),
        },
    };
    let own = issuer.account().map(str::to_owned);
    if own.as_deref() == Some(account.as_str()) {
        return Ok(certain(issuer));
    }
    if let Some(previous) = engine.previous_issuer(context).await?
        && previous.account() == Some(account.as_str())
    {
        return Ok(certain(previous));
    }
    match own {
        None => Ok(ForUser {
            issuer,
            unverified: Some(account),
        }),
        Some(own) => Err(Error::coded(
            Status::CONFLICT,
            format!(
                "user {:?} is in account {account}, but the credentials of this mount belong to account {own}: {}",
                user.name(),
                engine.advice_for_account(context, &account)
            ),
        )),
    }
}

/// Binds the leases that do not say their account soon after this version first sees the mount.
pub struct BindAccount<E>(Arc<E>);

impl<E: LeaseEngine> BindAccount<E> {
    /// How often it is tried until it is done.
    pub const EVERY: Duration = Duration::from_secs(600);

    /// For one mount.
    #[must_use]
    pub fn new(engine: &Arc<E>) -> Self {
        Self(Arc::clone(engine))
    }
}

#[async_trait]
impl<E: LeaseEngine> Job for BindAccount<E> {
    async fn due(&self, context: &Context) -> Result<Vec<String>, Error> {
        let done = binding(context).await?.is_some();
        Ok(if done { vec![] } else { vec!["account".to_owned()] })
    }

    async fn work(&self, context: &Context, _: &str) -> Result<(), Error> {
        // A mount without credentials, or whose STS does not answer, waits for its first use.
        let Ok(issuer) = self.0.issuer(context).await else {
            return Ok(());
        };
        match issuer.account() {
            Some(account) => self.0.mount().binding.bind(context, account).await,
            None => Ok(()),
        }
    }
}
