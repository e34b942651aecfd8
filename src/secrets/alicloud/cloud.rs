//! The engine's clients of the cloud: with whose credentials, at which hosts, with how many retries.

use crate::alicloud::Client;
use crate::alicloud::credentials::{Credentials, SharedProvider};
use crate::alicloud::ims::Ims;
use crate::alicloud::ram::Ram;
use crate::alicloud::sts::Sts;
use crate::framework::{Context, Error};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::credentials::look;
use crate::secrets::alicloud::engine::Engine;

/// Repetitions of a call on trial, unless the settings say otherwise.
const TRIAL_RETRIES: u8 = 2;

/// The cloud as one request of a mount reaches it. Every call asks anew whose credentials it uses.
pub(super) struct Cloud {
    pub(super) ram: Ram,
    pub(super) ims: Ims,
    pub(super) sts: Sts,
    access_key_id: String,
    /// Where the settings say which account it is.
    account: Option<String>,
}

impl Engine {
    /// What was written to `config` decides; without anything there, what the server's environment offers. Storage is
    /// read at each use, so that a change is picked up.
    pub(super) async fn cloud(&self, context: &Context) -> Result<Cloud, Error> {
        let config = Config::load(&*context.storage).await?.unwrap_or_default();
        self.cloud_of(context, &config).await
    }

    /// The cloud with these settings.
    pub(super) async fn cloud_of(&self, context: &Context, config: &Config) -> Result<Cloud, Error> {
        let client = self.client_for(config);
        let provider = self.credentials.provider(&client, config);
        // Before anything is begun: an answer that says what is wrong with the credentials, and where.
        let credentials = look(&provider, &context.request.mount_point).await?;
        Ok(Cloud::new(
            &client,
            provider,
            config,
            credentials.access_key_id,
            config.account_of_role(),
        ))
    }

    /// The cloud with the credentials that the mount had before, if it is told any.
    pub(super) fn previous_cloud_of(&self, config: &Config) -> Option<Cloud> {
        let credentials = config.previous_credentials()?;
        let access_key_id = credentials.access_key_id.clone();
        let client = self.client_for(config);
        Some(Cloud::new(
            &client,
            credentials.into(),
            config,
            access_key_id,
            None,
        ))
    }

    /// The account of the cloud's credentials, unless STS does not tell.
    pub(super) async fn account_of(&self, context: &Context, cloud: &Cloud) -> Option<String> {
        match &cloud.account {
            Some(account) => Some(account.clone()),
            None => self.accounts.of(context, &cloud.sts, &cloud.access_key_id).await,
        }
    }

    /// What the mount's settings find now, and a view of STS with it that gives up soon.
    pub(super) async fn identity_of(
        &self,
        config: &Config,
        mount_point: &str,
    ) -> Result<(Credentials, Sts), Error> {
        let client = self.client_for(config);
        let provider = self.credentials.provider(&client, config);
        view(&self.client.with_max_retries(1), provider, config, mount_point).await
    }

    /// The same for settings that are on trial: whoever writes them wants to know the reason, and not to outlast it.
    pub(super) async fn trial_of(
        &self,
        config: &Config,
        mount_point: &str,
    ) -> Result<(Credentials, Sts), Error> {
        let retries = config.max_retries.unwrap_or(TRIAL_RETRIES);
        let client = self.client.with_max_retries(u32::from(retries));
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

impl Cloud {
    fn new(
        client: &Client,
        provider: SharedProvider,
        config: &Config,
        access_key_id: String,
        account: Option<String>,
    ) -> Self {
        let client = client.for_account_of(&access_key_id);
        Self {
            ram: Ram::new(&client, provider.clone(), config.ram_endpoint()),
            ims: Ims::new(&client, provider.clone(), config.ims_endpoint()),
            sts: Sts::new(&client, provider, config.sts_endpoint()),
            access_key_id,
            account,
        }
    }

    /// The same for work that nobody waits for.
    pub(super) fn in_background(self) -> Self {
        Self {
            ram: self.ram.in_background(),
            sts: self.sts.in_background(),
            ..self
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
    Ok((credentials, Sts::new(client, provider, config.sts_endpoint())))
}
