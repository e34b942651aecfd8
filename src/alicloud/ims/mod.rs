//! IMS 2019-08-15, the newer identity API: what RAM's own cannot do.

mod key_policy;
mod service_credential;

use std::collections::BTreeMap;

pub use key_policy::{AllowedVpc, KeyPolicy, Network};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use service_credential::{MOST_DAYS, NewServiceCredential, ServiceName};

use crate::alicloud::answer::Nothing;
use crate::alicloud::service::{Rpc, ask};
use crate::cloud::credentials::SharedProvider;
use crate::cloud::{Api, Client, Deadline, Endpoint, Idempotency, Parameters, Result};

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

    /// What IMS calls a user, of which `id` is RAM's id: `<name>@<alias or id of the account>.onaliyun.com`.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn principal_name(&self, id: &str) -> Result<String> {
        let of_id = Parameters::new().with("UserId", id);
        let answer: UserAnswer = self.repeatable("GetUser", of_id).await?;
        Ok(answer.user.principal_name)
    }

    /// Tags a RAM user, of which `id` is RAM's id: at most 20 tags, with keys of 1 to 128 and values of up to 256
    /// characters.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn tag_user(&self, id: &str, tags: &BTreeMap<String, String>) -> Result<()> {
        let mut parameters = Parameters::new()
            .with("ResourceType", "user")
            .with("ResourceId.1", id);
        for (number, (key, value)) in (1..).zip(tags) {
            parameters.set(format!("Tag.{number}.Key"), key.as_str());
            parameters.set(format!("Tag.{number}.Value"), value.as_str());
        }
        self.change("TagResources", parameters).await
    }

    /// An operation that gives nothing. None of those here makes anything: each may be repeated.
    async fn change(&self, operation: &'static str, parameters: Parameters) -> Result<()> {
        let Nothing {} = self.repeatable(operation, parameters).await?;
        Ok(())
    }

    /// An operation that gives something and may be repeated.
    async fn repeatable<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        parameters: Parameters,
    ) -> Result<T> {
        ask(&self.0, operation, Idempotency::Repeatable, parameters).await
    }
}

#[derive(Deserialize)]
struct UserAnswer {
    #[serde(rename = "User")]
    user: User,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "UserPrincipalName")]
    principal_name: String,
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

    #[tokio::test]
    async fn api_keys_are_listed_page_by_page_and_named_with_their_user() {
        let script = Script::new([
            Step::Answer(
                200,
                r#"{"RequestId":"R","User":{"UserId":"7","UserPrincipalName":"u@alias.onaliyun.com"}}"#,
            ),
            Step::Answer(
                200,
                r#"{"RequestId":"R","IsTruncated":true,"NextToken":"t","ServiceCredentials":[
                    {"ServiceCredentialId":"SC1","Status":"Active","ServiceName":"x"}]}"#,
            ),
            Step::Answer(
                200,
                r#"{"RequestId":"R","IsTruncated":false,"ServiceCredentials":[
                    {"ServiceCredentialId":"SC2","Status":"Inactive"}]}"#,
            ),
            Step::Answer(200, r#"{"RequestId":"R"}"#),
            Step::Answer(200, r#"{"RequestId":"R"}"#),
        ]);
        let ims = Ims::new(
            &script.client(),
            Credentials::new("id", "secret"),
            endpoint::ims(),
        );
        let user = ims.principal_name("7").await.unwrap();
        let keys = ims.list_service_credentials(&user).await.unwrap();
        let states: Vec<_> = keys
            .iter()
            .map(|key| (key.id.as_str(), key.is_inactive()))
            .collect();
        assert_eq!(states, [("SC1", false), ("SC2", true)]);
        ims.deactivate_service_credential(&user, "SC1").await.unwrap();
        ims.delete_service_credential(&user, "SC1").await.unwrap();
        let sent = script.sent();
        let value = |call: usize, name| sent[call].value(name);
        assert_eq!(
            (value(0, "Action"), value(0, "UserId")),
            (Some("GetUser"), Some("7"))
        );
        assert_eq!(value(2, "NextToken"), Some("t"));
        for call in 1..5 {
            assert_eq!(
                value(call, "UserPrincipalName"),
                Some("u@alias.onaliyun.com"),
                "{call}"
            );
        }
        assert_eq!(
            (value(3, "ServiceCredentialId"), value(3, "Status")),
            (Some("SC1"), Some("Inactive"))
        );
        assert_eq!(value(4, "Action"), Some("DeleteServiceCredential"));
    }

    #[tokio::test]
    async fn an_api_key_is_made_with_its_days_and_its_secret_is_hidden() {
        let script = Script::new([Step::Answer(
            200,
            r#"{"RequestId":"R","ServiceCredential":{"ServiceCredentialId":"SC1","Status":"Active",
                "ServiceCredentialSecret":"very-secret","ExpirationTime":"2026-01-02T03:04:05Z"}}"#,
        )]);
        let ims = Ims::new(
            &script.client(),
            Credentials::new("id", "secret"),
            endpoint::ims(),
        );
        let service = "s.aliyuncs.com".parse().unwrap();
        let made = ims.create_only_service_credential("u@a.onaliyun.com", &service, "n", 7);
        let made = made.await.unwrap();
        assert_eq!(made.id, "SC1");
        assert_eq!(made.expiration.unwrap().unix_timestamp(), 1_767_323_045);
        assert!(!format!("{made:?}").contains("very-secret"));
        let sent = script.sent().remove(0);
        for (name, value) in [
            ("Action", "CreateServiceCredential"),
            ("UserPrincipalName", "u@a.onaliyun.com"),
            ("ServiceName", "s.aliyuncs.com"),
            ("ServiceCredentialName", "n"),
            ("CredentialAgeDays", "7"),
        ] {
            assert_eq!(sent.value(name), Some(value), "{name}");
        }
    }

    #[tokio::test]
    async fn an_api_key_needs_id_and_secret() {
        for body in [
            r#"{"RequestId":"R"}"#,
            r#"{"RequestId":"R","ServiceCredential":{"ServiceCredentialId":"SC1"}}"#,
            r#"{"RequestId":"R","ServiceCredential":{"ServiceCredentialId":"SC1","ServiceCredentialSecret":""}}"#,
            r#"{"RequestId":"R","ServiceCredential":{"ServiceCredentialId":"","ServiceCredentialSecret":"s"}}"#,
        ] {
            let script = Script::new([Step::Answer(200, body)]);
            let ims = Ims::new(
                &script.client(),
                Credentials::new("id", "secret"),
                endpoint::ims(),
            );
            let service = "s".parse().unwrap();
            let error = ims.create_only_service_credential("u", &service, "n", 1).await;
            assert_eq!(
                error.unwrap_err().kind(),
                crate::cloud::Kind::Unexpected,
                "{body}"
            );
        }
    }

    #[tokio::test]
    async fn a_list_without_an_end_is_given_up() {
        let script = Script::by_action(
            |_| Step::Answer(200, r#"{"RequestId":"R","IsTruncated":true,"NextToken":"t"}"#),
            [],
        );
        let ims = Ims::new(
            &script.client(),
            Credentials::new("id", "secret"),
            endpoint::ims(),
        );
        let error = ims.list_service_credentials("u").await.unwrap_err();
        assert_eq!(error.kind(), crate::cloud::Kind::Unexpected);
    }
}
