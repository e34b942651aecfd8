//! An API as seen with the credentials of one provider: a call is made with what the provider gives, and with others if
//! the cloud refuses these.

use std::sync::Arc;

use crate::cloud::client::Client;
use crate::cloud::clock::Clock;
use crate::cloud::credentials::{Credentials, Provider, ProviderError, SharedProvider};
use crate::cloud::deadline::Deadline;
use crate::cloud::endpoint::Endpoint;
use crate::cloud::error::{Error, Kind, Result};
use crate::cloud::retry::{Idempotency, Tries};
use crate::cloud::service::{Call, Service};
use crate::cloud::transport::Answer;

/// How many different credentials a call is tried with: those it began with may be two replacements old when the
/// refusal comes, where calls are many and the cloud is slow.
const MAX_CREDENTIALS: u32 = 3;

/// One API at one endpoint, called with the credentials of one provider. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
    service: Arc<dyn Service>,
    endpoint: Endpoint,
    provider: SharedProvider,
}

impl Api {
    /// Credentials, or a provider that is asked at each call.
    pub(crate) fn new(
        client: &Client,
        service: impl Service + 'static,
        endpoint: Endpoint,
        provider: impl Into<SharedProvider>,
    ) -> Self {
        Self {
            client: client.clone(),
            service: Arc::new(service),
            endpoint,
            provider: provider.into(),
        }
    }

    /// The same with other credentials of the same account: its calls share the rate limit, where the client is
    /// [for an account](Client::for_account_of).
    pub(crate) fn with_credentials(&self, credentials: Credentials) -> Self {
        Self {
            provider: credentials.into(),
            ..self.clone()
        }
    }

    /// See [`Client::in_background`].
    pub(crate) fn in_background(&self) -> Self {
        self.with_client(self.client.in_background())
    }

    /// See [`Client::by`].
    pub(crate) fn by(&self, deadline: Deadline) -> Self {
        self.with_client(self.client.by(deadline))
    }

    /// For an operation of several calls, which together take no longer than one may.
    pub(crate) fn as_one_call(&self) -> Self {
        self.by(self.client.call_deadline())
    }

    fn with_client(&self, client: Client) -> Self {
        Self {
            client,
            ..self.clone()
        }
    }

    /// The tries of something that begins now.
    pub(crate) fn tries(&self) -> Tries {
        self.client.tries()
    }

    /// The time of day that calls are signed with.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        self.client.clock()
    }

    /// Makes a call. Credentials that were replaced at their source, or withdrawn before their time, cost a round trip
    /// and no failure: when the cloud refuses them, the provider is asked anew, and the call is made again if that
    /// gives others. Looking for credentials counts as part of the call.
    ///
    /// # Errors
    /// Every kind. Without credentials nothing was sent.
    pub(crate) async fn call(&self, call: &Call) -> Result<Answer> {
        let client = self.client.by(self.client.call_deadline());
        let mut credentials = match self.load(client.call_deadline()).await {
            Ok(Some(credentials)) => credentials,
            Ok(None) => {
                return Err(Error::new(
                    Kind::Credentials,
                    call.operation,
                    "no credentials are configured",
                ));
            }
            Err(error) => return Err(not_found(call.operation, &error)),
        };
        let client = client.for_account_unless_set(&credentials.access_key_id);
        let mut tries = 1;
        let mut outcome_unknown = false;
        loop {
            let outcome = client
                .call(&*self.service, &self.endpoint, Some(&credentials), call)
                .await;
            let error = match outcome {
                Ok(answer) => return Ok(answer),
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
            self.provider.invalidate(&credentials);
            if tries == MAX_CREDENTIALS {
                return Err(error);
            }
            match self.load(client.call_deadline()).await {
                Ok(Some(others)) if !others.is_same(&credentials) => credentials = others,
                _ => return Err(error),
            }
            tracing::info!(event = "credentials_replaced", source = %credentials.source, "the cloud refused credentials that their source has replaced");
            tries += 1;
        }
    }

    async fn load(&self, deadline: Deadline) -> Result<Option<Credentials>, ProviderError> {
        let loaded = self.provider.load_by(deadline).await;
        if let Ok(Some(credentials)) = &loaded {
            let observed = self.client.observed();
            observed.credentials(credentials.source, self.clock().now(), credentials.expiration);
        }
        loaded
    }
}

/// A source that did not answer is a transient failure of this call too. Its refusals are about the source's own call, and
/// must not look like an answer to this one: "the role is not there" is not "the user is not there".
fn not_found(operation: &'static str, error: &ProviderError) -> Error {
    let call = error.call();
    let kind = match call.map(Error::kind) {
        Some(kind @ (Kind::Connect | Kind::Throttled | Kind::Clock)) => kind,
        Some(Kind::Interrupted | Kind::Timeout | Kind::Unavailable | Kind::Unexpected) => Kind::Unavailable,
        _ => Kind::Credentials,
    };
    let text = error.to_string();
    let error = Error::new(kind, operation, text).with_retry_after(call.and_then(Error::retry_after));
    match call.is_some_and(Error::is_lasting) {
        true => error.lasting(),
        false => error,
    }
}
