//! Keys that the program was given, for instance out of its storage.

use async_trait::async_trait;

use super::{Credentials, Provider, ProviderError};

/// Always the same credentials.
#[derive(Debug, Clone)]
pub struct StoredProvider(pub Credentials);

#[async_trait]
impl Provider for StoredProvider {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        Ok(Some(self.0.clone()))
    }
}
