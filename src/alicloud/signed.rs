//! A call with the credentials that a provider gives, and with others if the cloud refuses these.

use serde::de::DeserializeOwned;

use super::client::{Call, Client};
use super::credentials::{Credentials, Provider, ProviderError, SharedProvider};
use super::endpoint::Endpoint;
use super::error::{Error, Kind, Result};
use super::retry::Idempotency;

/// How many different credentials a call is tried with: those it began with may be two replacements old when the
/// refusal comes, where calls are many and the cloud is slow.
const MOST: u32 = 3;

impl Client {
    /// Makes a call. Credentials that were replaced at their source, or withdrawn before their time, cost a round trip
    /// and no failure: when the cloud refuses them, the provider is asked anew, and the call is made again if that
    /// gives others.
    pub(super) async fn signed_call<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        provider: &SharedProvider,
        call: Call,
    ) -> Result<T> {
        let mut credentials = current(provider, call.operation).await?;
        // All of it takes no longer than one call may.
        let client = if self.has_lines() {
            self.as_one_call()
        } else {
            self.in_lines_of(&credentials.access_key_id).as_one_call()
        };
        let mut tries = 1;
        let mut outcome_unknown = false;
        loop {
            let error = match client.call(endpoint, Some(&credentials), call.clone()).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // What an earlier try may have done stays a possibility.
            outcome_unknown |= error.outcome_unknown();
            let error = error.with_outcome_unknown(outcome_unknown);
            let may_repeat = !outcome_unknown || call.idempotency == Idempotency::Repeatable;
            if error.kind() != Kind::Credentials || !may_repeat {
                return Err(error);
            }
            // Also after the last try: the next call must not begin with what was refused.
            provider.invalidate(&credentials);
            if tries == MOST {
                return Err(error);
            }
            match provider.load().await {
                Ok(Some(others)) if !others.is_same(&credentials) => credentials = others,
                _ => return Err(error),
            }
            tracing::info!(source = %credentials.source, "the cloud refused credentials that their source has replaced");
            tries += 1;
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
