//! RAM 2015-05-01: users, keys, policies, groups and roles. One file per kind of thing.
//!
//! Every method gives the cloud's answer as it is: a deletion of what is not there is an error of kind
//! [`NotFound`](crate::cloud::Kind::NotFound), and the caller decides ([`IgnoreNotFound`](crate::cloud::IgnoreNotFound)).

mod group;
mod key;
mod policy;
mod role;
mod user;

use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use group::GroupName;
pub use key::{AccessKey, ListedKey};
pub use policy::{PolicyKind, PolicyRef};
pub use user::User;

use crate::alicloud::answer::Nothing;
use crate::alicloud::service::{Rpc, ask};
use crate::cloud::credentials::SharedProvider;
use crate::cloud::{Api, Client, Deadline, Endpoint, Idempotency, Parameters, Result};

/// RAM as seen with the credentials of one provider. Cheap to clone.
#[derive(Clone)]
pub struct Ram(Api);

impl Ram {
    /// RAM as seen with these credentials, or with what this provider gives at the time of each call.
    pub fn new(client: &Client, provider: impl Into<SharedProvider>, endpoint: Endpoint) -> Self {
        let service = Rpc {
            version: "2015-05-01",
        };
        Self(Api::new(client, service, endpoint, provider))
    }

    /// The same for work that nobody waits for: see [`Client::in_background`].
    pub fn in_background(&self) -> Self {
        Self(self.0.in_background())
    }

    /// The same for work that must be over by then: see [`Client::by`].
    pub fn by(&self, deadline: Deadline) -> Self {
        Self(self.0.by(deadline))
    }

    /// An operation that makes something new each time.
    async fn create<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        parameters: Parameters,
    ) -> Result<T> {
        ask(&self.0, operation, Idempotency::Creates, parameters).await
    }

    /// An operation that gives something and may be repeated: a second time it changes nothing, or is refused.
    async fn repeatable<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        parameters: Parameters,
    ) -> Result<T> {
        ask(&self.0, operation, Idempotency::Repeatable, parameters).await
    }

    /// An operation that gives nothing and may be repeated.
    async fn change(&self, operation: &'static str, parameters: Parameters) -> Result<()> {
        self.repeatable::<Nothing>(operation, parameters)
            .await
            .map(|Nothing {}| ())
    }

    /// An operation that gives a list.
    async fn list<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        parameters: Parameters,
    ) -> Result<Vec<T>> {
        let answer: Lists<T> = self.repeatable(operation, parameters).await?;
        Ok(answer.lists.list)
    }

    /// An operation that gives a list of which only the names matter.
    async fn names(&self, operation: &'static str, parameters: Parameters) -> Result<Vec<String>> {
        let answer: Lists<Named> = self.repeatable(operation, parameters).await?;
        Ok(answer.lists.names())
    }

    /// An operation that gives one thing.
    async fn one<T: DeserializeOwned>(&self, operation: &'static str, parameters: Parameters) -> Result<T> {
        let answer: One<T> = self.repeatable(operation, parameters).await?;
        Ok(answer.one)
    }
}

/// The one thing that an answer gives, under the name of its kind.
#[derive(Deserialize)]
struct One<T> {
    #[serde(rename = "User", alias = "Role", alias = "AccessKey")]
    one: T,
}

/// The list that an answer gives, wrapped twice: `"Users": { "User": […] }`.
#[derive(Deserialize)]
struct Lists<T> {
    #[serde(
        rename = "AccessKeys",
        alias = "Groups",
        alias = "Policies",
        alias = "PolicyVersions",
        default = "List::empty"
    )]
    lists: List<T>,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(
        rename = "AccessKey",
        alias = "Group",
        alias = "Policy",
        alias = "PolicyVersion",
        alias = "User",
        default = "Vec::new"
    )]
    list: Vec<T>,
}

/// A thing of which only the name matters.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "GroupName", alias = "UserName")]
    name: String,
}

impl<T> List<T> {
    fn empty() -> Self {
        Self { list: Vec::new() }
    }
}

impl List<Named> {
    fn names(self) -> Vec<String> {
        self.list.into_iter().map(|named| named.name).collect()
    }
}

fn of_user(user: &str) -> Parameters {
    Parameters::new().with("UserName", user)
}

#[cfg(test)]
mod tests;
