//! A provider behind a handle that is cheap to clone: what an API is called with.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Credentials, Provider, ProviderError, StoredProvider};
use crate::cloud::deadline::Deadline;
use crate::cloud::error::{Error, Kind};

/// A provider that many share. Credentials are one too: a provider that always gives them.
#[derive(Clone)]
pub struct SharedProvider(Arc<dyn Provider>);

impl SharedProvider {
    /// Makes a provider one to share.
    #[must_use]
    pub fn new(provider: impl Provider + 'static) -> Self {
        Self(Arc::new(provider))
    }

    /// As [`Provider::load`], but not beyond a deadline.
    ///
    /// # Errors
    /// As [`Provider::load`], and an error of kind [`Kind::Timeout`] when the deadline has passed.
    pub async fn load_by(&self, deadline: Deadline) -> Result<Option<Credentials>, ProviderError> {
        deadline.run(self.load()).await.unwrap_or_else(|_| {
            let late = Error::new(Kind::Timeout, "credentials", "the source did not answer in time");
            Err(ProviderError::of_call(
                "credentials",
                "cannot obtain credentials",
                late,
            ))
        })
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
