//! The credentials of the account that the mount had before: they are forgotten when the last lease of that account is
//! gone, and with it the static roles and unfinished rotations of keys there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::framework::{Context, Error, Job};
use crate::secrets::alicloud::config::{Config, STORAGE_KEY};
use crate::secrets::alicloud::engine::Engine;
use crate::secrets::alicloud::rotation::has_unfinished_rotation;
use crate::secrets::alicloud::static_roles;
use crate::secrets::lease::{self, binding};

/// How often it is looked whether they are still needed.
pub(in crate::secrets::alicloud) const EVERY: Duration = Duration::from_secs(600);

/// Forgets credentials that are no longer needed.
pub(in crate::secrets::alicloud) struct Forget(Arc<Engine>);

impl Forget {
    pub(in crate::secrets::alicloud) fn new(engine: &Arc<Engine>) -> Self {
        Self(Arc::clone(engine))
    }

    /// Whether nothing is left of an account. Leases of the Go plugin have no record before their first renewal here;
    /// they are older than the binding, and none lives longer than the mount allows.
    async fn is_left_by_all(&self, context: &Context, account: &str) -> Result<bool, Error> {
        if lease::leases_of::<Engine>(context, account).await? > 0
            || has_unfinished_rotation(context, account).await?
            || static_roles::are_in(context, account).await?
        {
            return Ok(false);
        }
        let longest = context.system.max_lease_ttl().await?;
        Ok(match binding(context).await? {
            Some(bound) if bound.account_id == account => {
                lease::now(context) > bound.since.saturating_add(longest.as_secs())
            }
            _ => true,
        })
    }
}

#[async_trait]
impl Job for Forget {
    async fn due(&self, context: &Context) -> Result<Vec<String>, Error> {
        let config = Config::load(&*context.storage).await?.unwrap_or_default();
        let has_some = config.previous_credentials().is_some();
        Ok(if has_some {
            vec![STORAGE_KEY.to_owned()]
        } else {
            vec![]
        })
    }

    async fn work(&self, context: &Context, _: &str) -> Result<(), Error> {
        let storage = &*context.storage;
        let seen = Config::load(storage).await?.unwrap_or_default();
        let Some(cloud) = self.0.previous_cloud_of(&seen) else {
            return Ok(());
        };
        let Some(account) = self.0.account_of(context, &cloud).await else {
            return Ok(());
        };
        if !self.is_left_by_all(context, &account).await? {
            return Ok(());
        }
        // A mount may have thousands of roles: whoever writes the configuration does not wait for the look at them.
        let _one_writer = context.unless_cancelled(self.0.locks.lock(STORAGE_KEY)).await?;
        let mut config = Config::load(storage).await?.unwrap_or_default();
        if config.keys() != seen.keys() {
            return Ok(());
        }
        config.forget_previous();
        config.store(storage).await?;
        tracing::info!(
            account,
            "removed previous_access_key and previous_secret_key from config: nothing of their account is left"
        );
        Ok(())
    }
}
