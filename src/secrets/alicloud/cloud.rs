//! The engine's way to the cloud: whose credentials, which hosts.

use super::Engine;
use super::config::Config;
use super::failure::failed_call;
use crate::alicloud::credentials::Credentials;
use crate::alicloud::ram::Ram;
use crate::alicloud::sts::Sts;
use crate::framework::{Context, Error, Excerpt, Kind};

/// The cloud as one request of a mount reaches it.
pub(super) struct Cloud {
    pub(super) ram: Ram,
    pub(super) sts: Sts,
}

impl Engine {
    /// What was written to `config` decides; without a key pair there, what the server's surroundings offer. That is
    /// asked at each use, so that a change is picked up.
    pub(super) async fn cloud(&self, context: &Context) -> Result<Cloud, Error> {
        let config = Config::load(&*context.storage).await?.unwrap_or_default();
        let (ram, sts) = (config.ram_endpoint(), config.sts_endpoint());
        let credentials = if config.has_key_pair() {
            Credentials::new(config.access_key.clone(), config.secret_key.clone())
        } else {
            self.ambient_credentials(&context.request.mount_point).await?
        };
        Ok(Cloud {
            ram: self.client.ram(credentials.clone(), ram),
            sts: self.client.sts(credentials, sts),
        })
    }

    async fn ambient_credentials(&self, mount_point: &str) -> Result<Credentials, Error> {
        let mount_point = Excerpt(mount_point);
        match self.ambient.credentials().await {
            Ok(Some(credentials)) => Ok(credentials),
            Ok(None) => Err(Error::answer(format!(
                "no credentials are configured: write access_key and secret_key to {mount_point}config, or offer \
                 credentials in the server's environment or instance metadata"
            ))),
            Err(error) => {
                // A source that had to ask the cloud fails as any call does; the others are the operator's to mend.
                let kind = error
                    .call()
                    .map_or(Kind::Answer, |call| failed_call(call.clone()).kind());
                Err(Error::new(
                    kind,
                    format!(
                        "no credentials are configured at {mount_point}config, and the server's surroundings offer \
                         none: {error}"
                    ),
                ))
            }
        }
    }
}
