//! RAM 2015-05-01: users, keys, policies and groups. One file per kind of thing.
//!
//! Every method gives the cloud's answer as it is: a deletion of what is not there is an error of kind
//! [`NotFound`](crate::cloud::Kind::NotFound), and the caller decides ([`IgnoreNotFound`](crate::cloud::IgnoreNotFound)).

mod group;
mod key;
mod policy;
mod role;
mod user;

use serde::de::DeserializeOwned;

pub use key::AccessKey;
pub use policy::{PolicyKind, PolicyRef};
pub use role::Role;
pub use user::User;

use crate::alicloud::answer::{Nothing, read};
use crate::alicloud::service::Rpc;
use crate::cloud::credentials::SharedProvider;
use crate::cloud::{Api, Call, Client, Deadline, Endpoint, Idempotency, Parameters, Result};

/// RAM as seen with the credentials of one provider. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ram(Api);

impl Ram {
    /// RAM as seen with these credentials, or with what this provider gives at the time of each call.
    #[must_use]
    pub fn new(client: &Client, provider: impl Into<SharedProvider>, endpoint: Endpoint) -> Self {
        let service = Rpc {
            version: "2015-05-01",
        };
        Self(Api::new(client, service, endpoint, provider))
    }

    /// The same for work that nobody waits for: see [`Client::in_background`].
    #[must_use]
    pub fn in_background(&self) -> Self {
        Self(self.0.in_background())
    }

    /// The same for work that must be over by then: see [`Client::by`].
    #[must_use]
    pub fn by(&self, deadline: Deadline) -> Self {
        Self(self.0.by(deadline))
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
            idempotency,
            parameters,
        };
        read(operation, &self.0.call(&call).await?)
    }
}

fn of_user(user: &str) -> Parameters {
    Parameters::new().with("UserName", user)
}

#[cfg(test)]
mod tests;
