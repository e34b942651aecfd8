//! RAM 2015-05-01: users, keys, policies and groups. One file per kind of thing.
//!
//! Every method gives the cloud's answer as it is: a deletion of what is not there is an error of kind
//! [`Gone`](super::Kind::NotFound), and the caller decides ([`IgnoreNotFound`](super::IgnoreNotFound)).

mod group;
mod key;
mod policy;
mod role;
mod user;

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

pub use key::{AccessKey, AccessKeyInfo, KeyStatus};
pub use policy::{Policy, PolicyEntities, PolicyKind, PolicyRef, PolicyVersion};
pub use role::Role;
pub use user::User;

use super::answer::Nothing;
use super::client::{Call, Client};
use super::credentials::SharedProvider;
use super::endpoint::Endpoint;
use super::error::Result;
use super::parameters::Parameters;
use super::retry::Idempotency;

/// RAM as seen with the credentials of one provider. Cheap to clone.
#[derive(Clone)]
pub struct Ram {
    client: Client,
    provider: SharedProvider,
    endpoint: Endpoint,
}

impl Ram {
    pub(super) fn new(client: Client, provider: SharedProvider, endpoint: Endpoint) -> Self {
        Self {
            client,
            provider,
            endpoint,
        }
    }

    /// The same for work that nobody waits for. Where there are more calls than the cloud takes, its calls wait while
    /// others go first, but never for ever.
    #[must_use]
    pub fn in_background(&self) -> Self {
        Self {
            client: self.client.in_background(),
            ..self.clone()
        }
    }

    /// The same for work that must be over in time: all calls together, with their tries, pauses and waiting, end by
    /// then. One call alone may take as long, too.
    #[must_use]
    pub fn within(&self, time: Duration) -> Self {
        Self {
            client: self.client.within(time),
            ..self.clone()
        }
    }

    /// An operation that makes something new each time.
    async fn create<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        parameters: Parameters,
    ) -> Result<T> {
        self.call(operation, Idempotency::Creates, parameters).await
    }

    /// An operation that gives something and may be repeated: a second time it changes nothing, or is refused.
    async fn repeatable<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        parameters: Parameters,
    ) -> Result<T> {
        self.call(operation, Idempotency::Repeatable, parameters).await
    }

    /// An operation that gives nothing and may be repeated.
    async fn change(&self, operation: &'static str, parameters: Parameters) -> Result<()> {
        self.repeatable::<Nothing>(operation, parameters)
            .await
            .map(|Nothing {}| ())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        idempotency: Idempotency,
        parameters: Parameters,
    ) -> Result<T> {
        let call = Call {
            operation,
            version: "2015-05-01",
            idempotency,
            parameters,
        };
        self.client
            .signed_call(&self.endpoint, &self.provider, call)
            .await
    }
}

impl fmt::Debug for Ram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ram")
            .field("provider", &self.provider)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

fn of_user(user: &str) -> Parameters {
    Parameters::new().with("UserName", user)
}

#[cfg(test)]
mod tests;
