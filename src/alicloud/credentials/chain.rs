//! The order in which a server looks for credentials.

use std::sync::Arc;

use async_trait::async_trait;

use super::environment::Surroundings;
use super::{
    Cached, Credentials, EcsProvider, Environment, EnvironmentProvider, OidcProvider, Provider, ProviderError,
};
use crate::alicloud::client::Client;
use crate::alicloud::endpoint::Endpoint;

/// Providers in order; the first that is configured decides, also by failing. Each has a cache of its own.
#[derive(Debug)]
pub struct Chain(Vec<Box<dyn Provider>>);

impl Chain {
    /// The chain of a server: environment, OIDC token, ECS metadata. Files in home directories are not
    /// read: a server's keys come from its operator.
    ///
    /// `sts` is where roles are assumed; without, `ALIBABA_CLOUD_STS_ENDPOINT` or `ALIBABA_CLOUD_STS_REGION` tells, or
    /// the default region.
    #[must_use]
    pub fn new(client: &Client, environment: Arc<dyn Environment>, sts: Option<Endpoint>) -> Self {
        let surroundings = Surroundings { environment, sts };
        let clock = client.clock();
        let environment = EnvironmentProvider::new(client.clone(), surroundings.clone());
        let oidc = OidcProvider::new(client.clone(), surroundings.clone());
        let ecs = EcsProvider::new(surroundings, Arc::clone(clock));
        Self(vec![
            Box::new(Cached::new(environment, Arc::clone(clock))),
            Box::new(Cached::new(oidc, Arc::clone(clock))),
            Box::new(Cached::new(ecs, Arc::clone(clock))),
        ])
    }

    /// A chain of one's own providers.
    #[must_use]
    pub fn of(providers: Vec<Box<dyn Provider>>) -> Self {
        Self(providers)
    }

    /// The credentials of the first provider that is configured, or `None` if none is.
    ///
    /// # Errors
    /// The first provider that is configured does not work.
    pub async fn credentials(&self) -> Result<Option<Credentials>, ProviderError> {
        for provider in &self.0 {
            if let Some(credentials) = provider.load().await? {
                return Ok(Some(credentials));
            }
        }
        Ok(None)
    }
}

#[async_trait]
impl Provider for Chain {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        self.credentials().await
    }
}

#[cfg(test)]
mod tests;
