//! The engine's client of IAM: with whose credentials, and where.

use crate::aws::iam::Iam;
use crate::framework::{Context, Error};
use crate::secrets::aws::config::root::RootConfig;
use crate::secrets::aws::engine::Engine;

/// IAM as one request of a mount reaches it.
pub(super) struct Root {
    pub(super) iam: Iam,
    pub(super) access_key: String,
}

impl Engine {
    /// IAM with what was written to `config/root`. Storage is read at each use, so that a change is picked up.
    pub(super) async fn root(&self, context: &Context) -> Result<Root, Error> {
        let config = RootConfig::required(context).await?;
        let credentials = config.credentials();
        let access_key = credentials.access_key_id.clone();
        let client = self.client.for_account_of(&access_key);
        Ok(Root {
            iam: Iam::new(&client, credentials, &config.region(), config.iam_endpoint()),
            access_key,
        })
    }
}
