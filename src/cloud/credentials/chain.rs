//! Sources of credentials in order.

use async_trait::async_trait;

use super::{Credentials, Provider, ProviderError, SharedProvider};

/// Providers in order; the first that is configured decides, also by failing: other credentials than those that were
/// meant would be worse than none.
pub struct Chain {
    providers: Vec<SharedProvider>,
    /// What to say when nothing is found, of a chain that must find something.
    otherwise: Option<ProviderError>,
}

impl Chain {
    /// A chain of providers. With an error it must find something: where no provider is configured, that is the outcome.
    #[must_use]
    pub fn new(providers: Vec<SharedProvider>, otherwise: Option<ProviderError>) -> Self {
        Self { providers, otherwise }
    }
}

#[async_trait]
impl Provider for Chain {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        for provider in &self.providers {
            if let Some(credentials) = provider.load().await? {
                return Ok(Some(credentials));
            }
        }
        match &self.otherwise {
            None => Ok(None),
            Some(error) => Err(error.clone()),
        }
    }

    fn invalidate(&self, refused: &Credentials) {
        for provider in &self.providers {
            provider.invalidate(refused);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(Option<&'static str>);

    #[async_trait]
    impl Provider for Fixed {
        async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
            match self.0 {
                Some("broken") => Err(ProviderError::new("test", "broken")),
                other => Ok(other.map(|id| Credentials::new(id, "s"))),
            }
        }
    }

    async fn found(ids: &[Option<&'static str>], otherwise: Option<ProviderError>) -> String {
        let providers = ids.iter().map(|id| SharedProvider::new(Fixed(*id))).collect();
        match Chain::new(providers, otherwise).load().await {
            Ok(found) => found.map_or("nothing".to_owned(), |found| found.access_key_id),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn the_first_configured_provider_decides_also_by_failing() {
        assert_eq!(found(&[None, Some("b"), Some("c")], None).await, "b");
        assert_eq!(
            found(&[None, Some("broken"), Some("c")], None).await,
            "test: broken"
        );
        assert_eq!(found(&[None, None], None).await, "nothing");
        let chosen = ProviderError::new("test", "chosen, but not configured");
        assert_eq!(
            found(&[None], Some(chosen)).await,
            "test: chosen, but not configured"
        );
    }
}
