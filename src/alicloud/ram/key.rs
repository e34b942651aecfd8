//! Access keys of RAM users. A user has at most two, active or not.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use time::OffsetDateTime;

use super::{Lists, One, Ram, of_user};
use crate::alicloud::answer::read;
use crate::alicloud::wire::date;
use crate::cloud::clock;
use crate::cloud::{Call, Error, Idempotency, IgnoreNotFound as _, Parameters, Result, create_only};

/// A new access key. `Debug` hides the secret.
#[derive(Debug, Clone, Deserialize)]
pub struct AccessKey {
    /// The key id, `LTAI…`.
    #[serde(rename = "AccessKeyId")]
    pub id: String,
    /// The secret, which the cloud shows only once.
    #[serde(rename = "AccessKeySecret")]
    pub secret: SecretString,
}

/// An access key without its secret, as RAM lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// The key id.
    pub id: String,
    /// When it was made, by the cloud's clock.
    pub created: Option<OffsetDateTime>,
    /// How long ago that was, in whole seconds: by the cloud's clock, where the answer tells its time.
    pub age: Option<Duration>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "AccessKeyId")]
    id: String,
    #[serde(rename = "CreateDate", default, deserialize_with = "date")]
    created: Option<OffsetDateTime>,
}

fn of_key(user: &str, key_id: &str) -> Parameters {
    // Not `AccessKeyId`: that one is the signer's own key in V1.
    of_user(user).with("UserAccessKeyId", key_id)
}

impl Ram {
    /// Makes an access key for a user. The user is always named: without, the cloud makes a key for the caller.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::cloud::Kind::LimitExceeded) if the user has two;
    /// [`Unexpected`](crate::cloud::Kind::Unexpected) for an answer without id or secret, and every other kind. When
    /// [the outcome is unknown](crate::cloud::Error::outcome_unknown) the user may have a key that nobody knows: list
    /// the keys and delete it.
    pub async fn create_access_key(&self, user: &str) -> Result<AccessKey> {
        let One { one: key } = self
            .create::<One<AccessKey>>("CreateAccessKey", of_user(user))
            .await?;
        if key.id.is_empty() || key.secret.expose_secret().is_empty() {
            return Err(Error::unexpected(
                "CreateAccessKey",
                "the answer has no access key",
            ));
        }
        Ok(key)
    }

    /// Makes the access key of a user that has none and that nobody else makes keys for. When an answer was lost, so
    /// that there may be a key whose secret nobody knows, the user's keys are deleted and another one is made; and once
    /// more all others, for the lost call may have been carried out late. That needs `ram:ListAccessKeys` and
    /// `ram:DeleteAccessKey`.
    ///
    /// # Errors
    /// As [`Self::create_access_key`].
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

    /// Switches a key off. It can be switched on again.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such key or user, and every other kind.
    pub async fn deactivate_access_key(&self, user: &str, key_id: &str) -> Result<()> {
        self.change("UpdateAccessKey", of_key(user, key_id).with("Status", "Inactive"))
            .await
    }

    /// Deletes a key, also an active one.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such key or user, and every other kind.
    pub async fn delete_access_key(&self, user: &str, key_id: &str) -> Result<()> {
        self.change("DeleteAccessKey", of_key(user, key_id)).await
    }

    /// The ids of all keys of a user, active or not.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such user, and every other kind.
    pub async fn list_access_keys(&self, user: &str) -> Result<Vec<String>> {
        let keys = self.access_keys(user).await?;
        Ok(keys.into_iter().map(|key| key.id).collect())
    }

    /// All keys of a user, active or not.
    ///
    /// # Errors
    /// As [`Self::list_access_keys`].
    pub async fn access_keys(&self, user: &str) -> Result<Vec<ListedKey>> {
        const OPERATION: &str = "ListAccessKeys";
        let call = Call {
            operation: OPERATION,
            idempotency: Idempotency::Repeatable,
            parameters: of_user(user),
        };
        let answer = self.0.call(&call).await?;
        let listed: Lists<Listed> = read(OPERATION, &answer)?;
        let now = clock::date_of(&answer.headers).unwrap_or_else(|| self.0.clock().now());
        let keys = listed.lists.list.into_iter();
        Ok(keys
            .map(|Listed { id, created }| ListedKey {
                id,
                created,
                age: created.map(|created| {
                    let seconds = (now - created).whole_seconds();
                    Duration::from_secs(seconds.try_into().unwrap_or(0))
                }),
            })
            .collect())
    }
}
