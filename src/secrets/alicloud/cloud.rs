//! The engine's way to the cloud: whose credentials, which hosts, how patient.

use super::Engine;
use super::config::Config;
use super::credentials::look;
use crate::alicloud::Client;
use crate::alicloud::credentials::{Credentials, SharedProvider};
use crate::alicloud::ram::Ram;
use crate::alicloud::sts::Sts;
use crate::framework::{Context, Error};

/// The cloud as one request of a mount reaches it. Every call asks anew whose credentials it uses.
pub(super) struct Cloud {
    pub(super) ram: Ram,
    pub(super) sts: Sts,
}

impl Engine {
    /// What was written to `config` decides; without anything there, what the server's surroundings offer. Storage is
    /// read at each use, so that a change is picked up.
    pub(super) async fn cloud(&self, context: &Context) -> Result<Cloud, Error> {
        let config = Config::load(&*context.storage).await?.unwrap_or_default();
        let client = self.client_for(&config);
        let provider = self.credentials.provider(&client, &config);
        // Before anything is begun: an answer that says what is wrong with the credentials, and where.
        look(&provider, &context.request.mount_point).await?;
        Ok(Cloud {
            ram: client.ram(provider.clone(), config.ram_endpoint()),
            sts: client.sts(provider, config.sts_endpoint()),
        })
    }

    /// What the mount's settings find now, and a view of STS with it.
    pub(super) async fn identity_of(
        &self,
        config: &Config,
        mount_point: &str,
    ) -> Result<(Credentials, Sts), Error> {
        let client = self.client_for(config);
        let provider = self.credentials.provider(&client, config);
        view(&client, provider, config, mount_point).await
    }

    /// The same for settings that are on trial.
    pub(super) async fn trial_of(
        &self,
        config: &Config,
        mount_point: &str,
    ) -> Result<(Credentials, Sts), Error> {
        let client = self.client_for(config);
        let provider = self.credentials.fresh_provider(&client, config);
        view(&client, provider, config, mount_point).await
    }

    fn client_for(&self, config: &Config) -> Client {
        match config.max_retries {
            Some(retries) => self.client.with_max_retries(u32::from(retries)),
            None => self.client.clone(),
        }
    }
}

async fn view(
    client: &Client,
    provider: SharedProvider,
    config: &Config,
    mount_point: &str,
) -> Result<(Credentials, Sts), Error> {
    let credentials = look(&provider, mount_point).await?;
    Ok((credentials, client.sts(provider, config.sts_endpoint())))
}
