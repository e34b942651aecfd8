//! IAM 2010-05-08, the ten operations that make and remove a user with a policy and a key. No other is ever called, so
//! that a key which may call these, and nothing else, suffices.
//!
//! Every method gives IAM's answer as it is: a deletion of what is not there is an error of kind
//! [`NotFound`](crate::cloud::Kind::NotFound), and the caller decides ([`IgnoreNotFound`](crate::cloud::IgnoreNotFound)).

mod group;
mod key;
mod policy;
mod user;

pub use key::AccessKey;
pub use user::User;

use crate::aws::Region;
use crate::aws::answer::read;
use crate::aws::service::Query;
use crate::aws::sign::Scope;
use crate::cloud::credentials::SharedProvider;
use crate::cloud::xml::Element;
use crate::cloud::{Api, Call, Client, Deadline, Endpoint, Error, Idempotency, Parameters, Result};

/// More pages than any list of one user has.
const PAGES: usize = 20;

/// IAM as seen with the credentials of one provider. Cheap to clone.
#[derive(Clone)]
pub struct Iam(Api);

impl Iam {
    /// IAM of the region's partition as seen with these credentials. Another `endpoint` than the partition's own changes
    /// the host that is called, and not what is signed.
    #[must_use]
    pub fn new(
        client: &Client,
        provider: impl Into<SharedProvider>,
        region: &Region,
        endpoint: Option<Endpoint>,
    ) -> Self {
        let service = Query {
            version: "2010-05-08",
            scope: Scope {
                region: region.iam_signing_region(),
                service: "iam",
            },
        };
        let endpoint = endpoint.unwrap_or_else(|| region.iam_endpoint());
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

    /// An operation that may be repeated: a second time it changes nothing, or is refused.
    async fn repeatable(&self, operation: &'static str, parameters: Parameters) -> Result<Element> {
        self.call(operation, Idempotency::Repeatable, parameters).await
    }

    /// An operation that gives nothing and may be repeated.
    async fn change(&self, operation: &'static str, parameters: Parameters) -> Result<()> {
        self.repeatable(operation, parameters).await.map(drop)
    }

    async fn call(
        &self,
        operation: &'static str,
        idempotency: Idempotency,
        parameters: Parameters,
    ) -> Result<Element> {
        let call = Call {
            operation,
            idempotency,
            parameters,
        };
        read(operation, &self.0.call(&call).await?)
    }

    /// All pages of a list of something that a user has: `list` is the element with the members, and `entry` reads one.
    async fn list_of_user(
        &self,
        operation: &'static str,
        user: &str,
        list: &str,
        entry: impl Fn(&Element) -> Option<&str>,
    ) -> Result<Vec<String>> {
        let mut entries = Vec::new();
        let mut marker: Option<String> = None;
        for _ in 0..PAGES {
            let parameters = of_user(user).with_some("Marker", marker.as_deref());
            let page = self.repeatable(operation, parameters).await?;
            let members = page
                .child(list)
                .ok_or_else(|| Error::unexpected(operation, "the answer has no list"))?;
            entries.extend(members.children("member").filter_map(&entry).map(str::to_owned));
            marker = page.text_of("Marker").map(str::to_owned);
            if page.text_of("IsTruncated") != Some("true") || marker.is_none() {
                return Ok(entries);
            }
        }
        Err(Error::unexpected(operation, "the list has no end"))
    }
}

fn of_user(user: &str) -> Parameters {
    Parameters::new().with("UserName", user)
}
