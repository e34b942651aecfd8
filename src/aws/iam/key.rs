//! Access keys. A user has at most two, active or not.

use secrecy::SecretString;

use super::{Iam, of_user};
use crate::cloud::{Error, Idempotency, IgnoreNotFound as _, Result, create_only};

/// A new access key. `Debug` hides the secret.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The key id, `AKIA…`.
    pub id: String,
    /// The secret, which IAM shows only once.
    pub secret: SecretString,
}

impl Iam {
    async fn create_access_key(&self, user: &str) -> Result<AccessKey> {
        const OPERATION: &str = "CreateAccessKey";
        let made = self.call(OPERATION, Idempotency::Creates, of_user(user)).await?;
        let key = made.child("AccessKey");
        let text = |name| key.and_then(|key| key.text_of(name));
        match (text("AccessKeyId"), text("SecretAccessKey")) {
            (Some(id), Some(secret)) => Ok(AccessKey {
                id: id.to_owned(),
                secret: secret.into(),
            }),
            _ => Err(Error::unexpected(OPERATION, "the answer has no access key")),
        }
    }

    /// Makes the access key of a user that has none and that nobody else makes keys for. When an answer was lost, so that
    /// there may be a key whose secret nobody knows, the user's keys are deleted and another one is made.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn create_only_access_key(&self, user: &str) -> Result<AccessKey> {
        let create = |api| async move { Self(api).create_access_key(user).await };
        let delete_others = |api, kept: Option<&AccessKey>| {
            let kept = kept.map(|key| key.id.clone());
            async move { Self(api).delete_access_keys_but(user, kept.as_deref()).await }
        };
        create_only(&self.0, create, delete_others).await
    }

    async fn delete_access_keys_but(&self, user: &str, kept: Option<&str>) -> Result<()> {
        for key in self.list_access_keys(user).await? {
            if kept != Some(key.as_str()) {
                self.delete_access_key(user, &key).await.ignore_not_found()?;
            }
        }
        Ok(())
    }

    /// Deletes a key, also an active one.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such key or user, and every other kind.
    pub async fn delete_access_key(&self, user: &str, key_id: &str) -> Result<()> {
        let parameters = of_user(user).with("AccessKeyId", key_id);
        self.change("DeleteAccessKey", parameters).await
    }

    /// The ids of all keys of a user, active or not.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn list_access_keys(&self, user: &str) -> Result<Vec<String>> {
        self.list_of_user("ListAccessKeys", user, "AccessKeyMetadata", |key| {
            key.text_of("AccessKeyId")
        })
        .await
    }
}
