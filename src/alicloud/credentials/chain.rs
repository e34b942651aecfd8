//! The order in which a server looks for credentials.

use std::sync::Arc;

use async_trait::async_trait;

use super::environment::ProviderEnv;
use super::{
    AssumeRoleProvider, Cached, Credentials, EcsProvider, Environment, EnvironmentProvider, OidcProvider,
    Provider, ProviderError, Settings, SharedProvider, Source, StoredProvider, UriProvider,
};
use crate::alicloud::client::Client;
use crate::alicloud::endpoint::Endpoint;

/// The sources of one process. What depends on no settings, and has an answer to keep, is shared by all its chains.
pub struct Sources {
    environment: Arc<dyn Environment>,
    uri: SharedProvider,
    ecs: SharedProvider,
}

/// Providers in order; the first that is configured decides, also by failing.
#[derive(Debug)]
pub struct Chain {
    links: Vec<SharedProvider>,
    /// What to say when nothing is found, of a chain that must find something.
    otherwise: Option<ProviderError>,
}

impl Sources {
    /// The sources that this environment names.
    #[must_use]
    pub fn new(client: &Client, environment: Arc<dyn Environment>) -> Self {
        let surroundings = ProviderEnv {
            environment: Arc::clone(&environment),
            sts: None,
        };
        let clock = client.clock();
        let uri = UriProvider::new(surroundings.clone(), Arc::clone(clock));
        let ecs = EcsProvider::new(surroundings, Arc::clone(clock));
        Self {
            environment,
            uri: SharedProvider::new(Cached::new(uri, Arc::clone(clock))),
            ecs: SharedProvider::new(Cached::new(ecs, Arc::clone(clock))),
        }
    }

    /// The chain of a server: the key of the settings, environment, OIDC token, credentials URI, ECS metadata. Files in
    /// home directories are not read: a server's keys come from its operator.
    #[must_use]
    pub fn chain(&self, client: &Client, settings: &Settings) -> Chain {
        let surroundings = ProviderEnv {
            environment: Arc::clone(&self.environment),
            sts: settings.sts.clone(),
        };
        let clock = client.clock();
        let oidc = OidcProvider::new(
            client.clone(),
            surroundings.clone(),
            settings.oidc.clone(),
            settings.role.clone(),
        );
        let oidc_gives_the_role = oidc.gives_the_role();
        let environment = EnvironmentProvider::new(client.clone(), surroundings.clone());
        let stored = settings.pair.clone().map(StoredProvider);
        let order = [
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
            (Source::Ecs, Some(self.ecs.clone())),
        ];
        let links = order.into_iter().filter_map(|(source, provider)| {
            let provider = provider.filter(|_| settings.source.is_none_or(|chosen| chosen == source))?;
            let role = settings.role.as_ref();
            Some(
                match role.filter(|_| !(source == Source::Oidc && oidc_gives_the_role)) {
                    None => provider,
                    Some(role) => {
                        let assumed =
                            AssumeRoleProvider::of_role(client.clone(), provider, surroundings.clone(), role);
                        SharedProvider::new(Cached::new(assumed, Arc::clone(clock)))
                    }
                },
            )
        });
        Chain {
            links: links.collect(),
            otherwise: settings.source.map(not_configured),
        }
    }
}

/// Of a source that was chosen.
fn not_configured(source: Source) -> ProviderError {
    let missing = match source {
        Source::Environment => {
            "set ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY, or ALIBABA_CLOUD_ACCESS_KEY_ID and \
             ALIBABA_CLOUD_ACCESS_KEY_SECRET"
        }
        Source::Oidc => {
            "give an OIDC provider and a token file, or set ALIBABA_CLOUD_OIDC_PROVIDER_ARN and ALIBABA_CLOUD_OIDC_TOKEN_FILE"
        }
        Source::Uri => "set ALIBABA_CLOUD_CREDENTIALS_URI",
        Source::Ecs => {
            "the metadata service does not answer, is disabled, or knows of no RAM role of the instance"
        }
        Source::Stored | Source::AssumeRole => "there is no access key",
    };
    ProviderError::new(source.name(), format!("chosen, but not configured: {missing}"))
}

impl Chain {
    /// The chain of a process that has only one.
    ///
    /// `sts` is where roles are assumed; without, `ALIBABA_CLOUD_STS_ENDPOINT` or `ALIBABA_CLOUD_STS_REGION` tells, or
    /// the default region.
    #[must_use]
    pub fn new(client: &Client, environment: Arc<dyn Environment>, sts: Option<Endpoint>) -> Self {
        let settings = Settings {
            sts,
            ..Settings::default()
        };
        Sources::new(client, environment).chain(client, &settings)
    }

    /// A chain of one's own providers.
    #[must_use]
    pub fn of(links: Vec<SharedProvider>) -> Self {
        Self {
            links,
            otherwise: None,
        }
    }

    /// The credentials of the first provider that is configured, or `None` if none is.
    ///
    /// # Errors
    /// The first provider that is configured does not work, or the one that was chosen is not configured.
    pub async fn credentials(&self) -> Result<Option<Credentials>, ProviderError> {
        for provider in &self.links {
            if let Some(credentials) = provider.load().await? {
                return Ok(Some(credentials));
            }
        }
        match &self.otherwise {
            None => Ok(None),
            Some(error) => Err(error.clone()),
        }
    }
}

#[async_trait]
impl Provider for Chain {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        self.credentials().await
    }

    fn invalidate(&self, refused: &Credentials) {
        for provider in &self.links {
            provider.invalidate(refused);
        }
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sources")
    }
}

#[cfg(test)]
mod tests;
