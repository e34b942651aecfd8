//! A call with the credentials that a provider gives, and once more with others if the cloud refuses these.

use serde::de::DeserializeOwned;

use super::client::{Call, Client};
use super::credentials::{Credentials, Provider, ProviderError, SharedProvider};
use super::endpoint::Endpoint;
use super::error::{Error, Kind, Result};
use super::retry::Idempotency;

impl Client {
    /// Makes a call. Credentials that were replaced at their source, or withdrawn before their time, cost a round trip
    /// and no failure: when the cloud refuses them, the provider is asked anew, and the call is made once more if that
    /// gives others.
    pub(super) async fn signed_call<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        provider: &SharedProvider,
        call: Call,
    ) -> Result<T> {
        let credentials = current(provider, call.operation).await?;
        let refused = match self.call(endpoint, Some(&credentials), call.clone()).await {
            Err(error) if error.kind() == Kind::Credentials => error,
            answer => return answer,
        };
        if call.idempotency == Idempotency::Creates && refused.outcome_unknown() {
            return Err(refused);
        }
        provider.forget(&credentials);
        match provider.load().await {
            Ok(Some(others)) if !others.is_same(&credentials) => {
                tracing::info!(source = %others.source, "the cloud refused credentials that their source has replaced");
                let again = self.call(endpoint, Some(&others), call).await;
                // What an earlier try may have done stays a possibility.
                again.map_err(|error| {
                    let unknown = error.outcome_unknown() || refused.outcome_unknown();
                    error.with_outcome_unknown(unknown)
                })
            }
            _ => Err(refused),
        }
    }
}

/// What the provider gives now. Without credentials nothing was sent.
async fn current(provider: &SharedProvider, operation: &'static str) -> Result<Credentials> {
    match provider.load().await {
        Ok(Some(credentials)) => Ok(credentials),
        Ok(None) => Err(Error::new(
            Kind::Credentials,
            operation,
            "no credentials are configured",
        )),
        Err(error) => Err(without(operation, &error)),
    }
}

/// A source that did not answer is a passing failure of this call too. Its refusals are about the source's own call, and
/// must not look like an answer to this one: "the role is not there" is not "the user is not there".
fn without(operation: &'static str, error: &ProviderError) -> Error {
    let call = error.call();
    let kind = match call.map(Error::kind) {
        Some(kind @ (Kind::Connect | Kind::Throttled | Kind::Clock)) => kind,
        Some(Kind::Interrupted | Kind::Timeout | Kind::Unavailable | Kind::Unexpected) => Kind::Unavailable,
        _ => Kind::Credentials,
    };
    Error::new(kind, operation, error.to_string()).with_retry_after(call.and_then(Error::retry_after))
}

#[cfg(test)]
mod tests;
