//! Whose credentials a mount uses: what its `config` says, over what the process's surroundings offer.

use std::sync::{Arc, Mutex, PoisonError};

use crate::alicloud::Client;
use crate::alicloud::Kind::{Clock, Throttled, Unavailable};
use crate::alicloud::credentials::{
    Chain, Credentials, Provider, ProviderError, Settings, SharedProvider, Sources,
};
use crate::framework::{Error, Excerpt};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::failure::{advice, failed_call};

/// The credentials of one mount, kept as long as its settings stay the same. The settings are compared at each use, so
/// that a write on another node counts too. A key pair that is used as it is has nothing to keep: it is read from storage
/// at each use, and leaves memory with it.
pub(super) struct MountCredentials {
    sources: Arc<Sources>,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    settings: Settings,
    max_retries: Option<u8>,
    provider: SharedProvider,
}

impl MountCredentials {
    pub(super) fn new(sources: Arc<Sources>) -> Self {
        Self {
            sources,
            kept: Mutex::new(None),
        }
    }

    /// The provider for these settings, with what it has kept. `client` is the one that `config` asks for.
    pub(super) fn provider(&self, client: &Client, config: &Config) -> SharedProvider {
        let (settings, max_retries) = (config.credential_settings(), config.max_retries);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if settings.pair.is_some() && settings.role.is_none() {
            *kept = None;
            return SharedProvider::new(self.chain(client, &settings));
        }
        match &*kept {
            Some(kept) if kept.settings == settings && kept.max_retries == max_retries => {
                kept.provider.clone()
            }
            _ => {
                let provider = SharedProvider::new(self.chain(client, &settings));
                *kept = Some(Kept {
                    settings,
                    max_retries,
                    provider: provider.clone(),
                });
                provider
            }
        }
    }

    /// A provider for settings on trial, which remembers nothing from before and is remembered by nobody.
    pub(super) fn fresh_provider(&self, client: &Client, config: &Config) -> SharedProvider {
        SharedProvider::new(self.chain(client, &config.credential_settings()))
    }

    /// See [`Sources::unread_variables`].
    pub(super) fn unread_variables(&self) -> Option<String> {
        self.sources.unread_variables()
    }

    fn chain(&self, client: &Client, settings: &Settings) -> Chain {
        self.sources.chain(client, settings)
    }
}

/// What a provider gives now, or why that is nothing.
pub(super) async fn look(provider: &SharedProvider, mount_point: &str) -> Result<Credentials, Error> {
    let mount_point = Excerpt(mount_point);
    match provider.load().await {
        Ok(Some(credentials)) => Ok(credentials),
        Ok(None) => Err(Error::bad_request(format!(
            "no credentials are configured: write access_key and secret_key to {mount_point}config, or offer credentials \
             in the server's environment, by an OIDC token, a credentials URI or instance metadata"
        ))),
        Err(error) => Err(unusable(mount_point, &error)),
    }
}

/// A source that had to ask the cloud fails as any call does; the others are the operator's to mend.
fn unusable(mount_point: Excerpt<'_>, error: &ProviderError) -> Error {
    let text = format!("cannot obtain credentials for {mount_point}: {error}");
    match error.call() {
        None => Error::bad_request(text),
        Some(call) => {
            // What else there is to do for a source, its own text says.
            let advice = matches!(call.kind(), Clock | Throttled | Unavailable).then(|| advice(call));
            let advice = advice.flatten().map(|advice| format!("; {advice}"));
            Error::new(
                failed_call(call.clone()).kind(),
                text + &advice.unwrap_or_default(),
            )
        }
    }
}
