//! IMS 2019-08-15, the newer identity API: what RAM's own cannot do.

use std::collections::BTreeMap;

use crate::alicloud::answer::{Nothing, read};
use crate::alicloud::service::Rpc;
use crate::cloud::credentials::SharedProvider;
use crate::cloud::{Api, Call, Client, Deadline, Endpoint, Idempotency, Parameters, Result};

/// IMS as seen with the credentials of one provider. Cheap to clone. Its actions have RAM's prefix in policies.
#[derive(Clone)]
pub struct Ims(Api);

impl Ims {
    /// IMS as seen with what this provider gives at the time of each call.
    pub fn new(client: &Client, provider: impl Into<SharedProvider>, endpoint: Endpoint) -> Self {
        let service = Rpc {
            version: "2019-08-15",
        };
        Self(Api::new(client, service, endpoint, provider))
    }

    /// The same for work that must be over by then: see [`Client::by`].
    pub fn by(&self, deadline: Deadline) -> Self {
        Self(self.0.by(deadline))
    }

    /// Tags a RAM user, of which `id` is RAM's id: at most 20 tags, with keys of 1 to 128 and values of up to 256
    /// characters.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn tag_user(&self, id: &str, tags: &BTreeMap<String, String>) -> Result<()> {
        const OPERATION: &str = "TagResources";
        let mut parameters = Parameters::new()
            .with("ResourceType", "user")
            .with("ResourceId.1", id);
        for (number, (key, value)) in (1..).zip(tags) {
            parameters.set(format!("Tag.{number}.Key"), key.as_str());
            parameters.set(format!("Tag.{number}.Value"), value.as_str());
        }
        let call = Call {
            operation: OPERATION,
            idempotency: Idempotency::Repeatable,
            parameters,
        };
        let Nothing {} = read(OPERATION, &self.0.call(&call).await?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alicloud::endpoint;
    use crate::cloud::credentials::Credentials;
    use crate::cloud::testing::{Script, Step};

    #[tokio::test]
    async fn tags_are_numbered() {
        let script = Script::new([Step::Answer(200, r#"{"RequestId":"R"}"#)]);
        let ims = Ims::new(
            &script.client(),
            Credentials::new("id", "secret"),
            endpoint::ims(),
        );
        let tags = [("a", "1"), ("b", "x y")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        ims.tag_user("7", &BTreeMap::from(tags)).await.unwrap();
        let sent = script.sent().remove(0);
        assert_eq!(sent.endpoint, "ims.aliyuncs.com");
        for (name, value) in [
            ("Action", "TagResources"),
            ("Version", "2019-08-15"),
            ("ResourceType", "user"),
            ("ResourceId.1", "7"),
            ("Tag.1.Key", "a"),
            ("Tag.1.Value", "1"),
            ("Tag.2.Key", "b"),
            ("Tag.2.Value", "x y"),
        ] {
            assert_eq!(sent.value(name), Some(value), "{name}");
        }
    }
}
