//! A provider behind a handle that is cheap to clone: what the views of RAM and STS hold.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Credentials, Provider, ProviderError, StoredProvider};

/// A provider that many share. Credentials are one too: a provider that always gives them.
#[derive(Debug, Clone)]
pub struct SharedProvider(Arc<dyn Provider>);

impl SharedProvider {
    /// Makes a provider one to share.
    #[must_use]
    pub fn new(provider: impl Provider + 'static) -> Self {
        Self(Arc::new(provider))
    }
}

impl From<Credentials> for SharedProvider {
    fn from(credentials: Credentials) -> Self {
        Self::new(StoredProvider(credentials))
    }
}

#[async_trait]
impl Provider for SharedProvider {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        self.0.load().await
    }

    fn look_every(&self) -> Option<Duration> {
        self.0.look_every()
    }

    async fn has_changed(&self) -> bool {
        self.0.has_changed().await
    }

    fn invalidate(&self, refused: &Credentials) {
        self.0.invalidate(refused);
    }
}
