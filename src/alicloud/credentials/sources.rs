//! The order in which a server looks for credentials.

use std::sync::Arc;

use super::Source;
use super::assume_role::AssumeRoleProvider;
use super::ecs::EcsProvider;
use super::environment::EnvironmentProvider;
use super::oidc::OidcProvider;
use super::provider_env::ProviderEnv;
use super::settings::Settings;
use super::unread::{INSTEAD, unread_variables};
use super::uri::UriProvider;
use crate::cloud::Client;
use crate::cloud::credentials::{Cached, Chain, Environment, ProviderError, SharedProvider, StoredProvider};

/// The sources of one process. What depends on no settings, and has an answer to keep, is shared by all its chains.
pub struct Sources {
    environment: Arc<dyn Environment>,
    uri: SharedProvider,
    ecs: SharedProvider,
    /// The same for settings that chose it: they know that it is there.
    chosen_ecs: SharedProvider,
}

impl Sources {
    /// The sources that this environment names.
    #[must_use]
    pub fn new(client: &Client, environment: Arc<dyn Environment>) -> Self {
        let env = ProviderEnv {
            environment: Arc::clone(&environment),
            sts: None,
        };
        let clock = client.clock();
        let uri = UriProvider::new(env.clone(), Arc::clone(clock));
        let ecs = |is_chosen| {
            let ecs = EcsProvider::new(env.clone(), Arc::clone(clock), is_chosen);
            SharedProvider::new(Cached::new(ecs, Arc::clone(clock)))
        };
        Self {
            environment,
            uri: SharedProvider::new(Cached::new(uri, Arc::clone(clock))),
            ecs: ecs(false),
            chosen_ecs: ecs(true),
        }
    }

    /// A sentence about variables with the names of other tools, which are not read, if there are any.
    #[must_use]
    pub fn unread_variables(&self) -> Option<String> {
        unread_variables(&*self.environment)
    }

    /// The chain of a server: the key of the settings, the OIDC token of the settings, environment, the OIDC token of the
    /// environment, credentials URI, ECS metadata. What was configured goes before what is in the environment. Files in
    /// home directories are not read: a server's keys come from its operator.
    #[must_use]
    pub fn chain(&self, client: &Client, settings: &Settings) -> Chain {
        let env = ProviderEnv {
            environment: Arc::clone(&self.environment),
            sts: settings.sts.clone(),
        };
        let clock = client.clock();
        let oidc = OidcProvider::new(
            client.clone(),
            env.clone(),
            settings.oidc.clone(),
            settings.role.clone(),
        );
        let oidc_gives_the_role = oidc.gives_the_role();
        let environment = EnvironmentProvider::new(client.clone(), env.clone());
        let ecs = match settings.source {
            Some(Source::Ecs) => &self.chosen_ecs,
            _ => &self.ecs,
        };
        let stored = settings.pair.clone().map(StoredProvider);
        let mut order = [
            (Source::Stored, stored.map(SharedProvider::new)),
            (
                Source::Environment,
                Some(SharedProvider::new(Cached::new(environment, Arc::clone(clock)))),
            ),
            (
                Source::Oidc,
                Some(SharedProvider::new(Cached::new(oidc, Arc::clone(clock)))),
            ),
            (Source::Uri, Some(self.uri.clone())),
            (Source::Ecs, Some(ecs.clone())),
        ];
        if settings.oidc.is_some() {
            order.swap(1, 2);
        }
        let providers = order.into_iter().filter_map(|(source, provider)| {
            let provider = provider.filter(|_| settings.source.is_none_or(|chosen| chosen == source))?;
            let role = settings.role.as_ref();
            Some(
                match role.filter(|_| !(source == Source::Oidc && oidc_gives_the_role)) {
                    None => provider,
                    Some(role) => {
                        let assumed =
                            AssumeRoleProvider::of_role(client.clone(), provider, env.clone(), role);
                        SharedProvider::new(Cached::new(assumed, Arc::clone(clock)))
                    }
                },
            )
        });
        let otherwise = match settings.source {
            Some(source) => Some(not_configured(source)),
            // Whoever gave a key does not look for others, and a chain is made for each request.
            None if settings.pair.is_some() => None,
            None => self.unread_variables().map(|unread| {
                ProviderError::new("credentials", format!("no credentials are configured; {unread}"))
            }),
        };
        Chain::new(providers.collect(), otherwise)
    }
}

/// Of a source that was chosen.
fn not_configured(source: Source) -> ProviderError {
    let missing = match source {
        Source::Environment => INSTEAD,
        Source::Oidc => {
            "give an OIDC provider and a token file, or set ALIBABA_CLOUD_OIDC_PROVIDER_ARN and ALIBABA_CLOUD_OIDC_TOKEN_FILE"
        }
        Source::Uri => "set ALIBABA_CLOUD_CREDENTIALS_URI",
        Source::Ecs => "ALIBABA_CLOUD_ECS_METADATA_DISABLED forbids asking the metadata service",
        Source::Stored | Source::AssumeRole => "there is no access key",
    };
    ProviderError::new(source.name(), format!("chosen, but not configured: {missing}"))
}

#[cfg(test)]
mod tests;
