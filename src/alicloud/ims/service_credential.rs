//! API keys of RAM users for single services, which RAM calls service credentials. A user has at most two for a service.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use time::OffsetDateTime;

use super::Ims;
use crate::alicloud::service::ask;
use crate::alicloud::wire::{date, filled};
use crate::cloud::{Error, Idempotency, IgnoreNotFound as _, Parameters, Result, checked_text, create_only};

/// The most days that an API key can live.
pub const MOST_DAYS: u16 = 36_600;

checked_text! {
    /// The name of a service that takes API keys of RAM users. Alibaba's documents do not say which characters it has;
    /// IMS itself knows which services there are.
    pub struct ServiceName, |text| {
        let fits = (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        fits.then_some(()).ok_or(ParseServiceError)
    } => ParseServiceError;
}

/// No name for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a service has 1 to 128 letters, digits and any of . _ -")]
pub struct ParseServiceError;

/// A new API key. `Debug` hides the secret.
#[derive(Debug, Clone, Deserialize)]
pub struct NewServiceCredential {
    /// `SC…`.
    #[serde(rename = "ServiceCredentialId")]
    pub id: String,
    /// The API key itself, which the cloud shows only once.
    #[serde(rename = "ServiceCredentialSecret")]
    pub secret: SecretString,
    /// When it ends by itself, by the cloud's clock, if the answer says so.
    #[serde(rename = "ExpirationTime", default, deserialize_with = "date")]
    pub expiration: Option<OffsetDateTime>,
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "ServiceCredential")]
    credential: NewServiceCredential,
}

/// An API key without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ServiceCredential {
    /// `SC…`.
    #[serde(rename = "ServiceCredentialId")]
    pub id: String,
    #[serde(rename = "Status", default)]
    status: String,
}

impl ServiceCredential {
    /// Whether it is switched off, without which it cannot be deleted.
    #[must_use]
    pub fn is_inactive(&self) -> bool {
        self.status == "Inactive"
    }
}

#[derive(Deserialize)]
struct Page {
    // Not wrapped twice, as RAM's own lists are.
    #[serde(rename = "ServiceCredentials", default)]
    credentials: Vec<ServiceCredential>,
    #[serde(rename = "IsTruncated", default)]
    is_truncated: bool,
    #[serde(rename = "NextToken", default, deserialize_with = "filled")]
    next_token: Option<String>,
}

/// Credentials of a page, the most that the cloud gives.
const PAGE: &str = "100";
/// More than any user has; an answer that goes on for ever is none.
const PAGES: usize = 20;

impl Ims {
    /// Makes the API key of a user that has none and that nobody else makes keys for, which ends by itself after so many
    /// days, 1 to [`MOST_DAYS`]. `name` is shown in the console: 1 to 128 letters, digits and any of `. _ -`. When an answer
    /// was lost, so that there may be a key whose secret nobody knows, the user's API keys are deleted and another one is
    /// made; and once more all others, for the lost call may have been carried out late.
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::cloud::Kind::LimitExceeded) if the user has two for the service;
    /// [`Unexpected`](crate::cloud::Kind::Unexpected) for an answer without id or secret, and every other kind. When
    /// [the outcome is unknown](crate::cloud::Error::outcome_unknown) the user may have a key that nobody knows.
    pub async fn create_only_service_credential(
        &self,
        principal: &str,
        service: &ServiceName,
        name: &str,
        days: u16,
    ) -> Result<NewServiceCredential> {
        let create = |api| async move {
            Self(api)
                .create_service_credential(principal, service, name, days)
                .await
        };
        let delete_others = |api, kept: Option<&NewServiceCredential>| {
            let kept = kept.map(|credential| credential.id.clone());
            async move {
                Self(api)
                    .delete_service_credentials_but(principal, kept.as_deref())
                    .await
            }
        };
        create_only(&self.0, create, delete_others).await
    }

    async fn create_service_credential(
        &self,
        principal: &str,
        service: &ServiceName,
        name: &str,
        days: u16,
    ) -> Result<NewServiceCredential> {
        const OPERATION: &str = "CreateServiceCredential";
        let parameters = Parameters::new()
            .with("UserPrincipalName", principal)
            .with("ServiceName", service.as_str())
            .with("ServiceCredentialName", name)
            .with("CredentialAgeDays", days.to_string());
        let Created { credential } = ask(&self.0, OPERATION, Idempotency::Creates, parameters).await?;
        if credential.id.is_empty() || credential.secret.expose_secret().is_empty() {
            return Err(Error::unexpected(OPERATION, "the answer has no API key"));
        }
        Ok(credential)
    }

    /// Deactivates and deletes all API keys of a user but this one. What is gone meanwhile counts as deleted.
    ///
    /// # Errors
    /// As [`Self::list_service_credentials`], and what one deletion was refused with; then others may be left, too.
    pub async fn delete_service_credentials_but(&self, principal: &str, kept: Option<&str>) -> Result<()> {
        for credential in self.list_service_credentials(principal).await? {
            if kept != Some(credential.id.as_str()) {
                if !credential.is_inactive() {
                    self.deactivate_service_credential(principal, &credential.id)
                        .await
                        .ignore_not_found()?;
                }
                self.delete_service_credential(principal, &credential.id)
                    .await
                    .ignore_not_found()?;
            }
        }
        Ok(())
    }

    /// The API keys of a user, whose [principal name](Ims::principal_name) this is.
    ///
    /// # Errors
    /// [`Unexpected`](crate::cloud::Kind::Unexpected) for pages without an end, and every other kind.
    pub async fn list_service_credentials(&self, principal: &str) -> Result<Vec<ServiceCredential>> {
        const OPERATION: &str = "ListServiceCredentials";
        let mut credentials = Vec::new();
        let mut token = None;
        for _ in 0..PAGES {
            let parameters = Parameters::new()
                .with("UserPrincipalName", principal)
                .with("MaxResults", PAGE)
                .with_some("NextToken", token.as_deref());
            let page: Page = self.repeatable(OPERATION, parameters).await?;
            credentials.extend(page.credentials);
            match page.next_token.filter(|_| page.is_truncated) {
                Some(next) => token = Some(next),
                None => return Ok(credentials),
            }
        }
        Err(Error::unexpected(OPERATION, "the list of API keys has no end"))
    }

    /// Switches an API key off.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such key or user, and every other kind.
    pub async fn deactivate_service_credential(&self, principal: &str, id: &str) -> Result<()> {
        let parameters = of_credential(principal, id).with("Status", "Inactive");
        self.change("UpdateServiceCredential", parameters).await
    }

    /// Deletes an API key that is switched off.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such key or user, and every other kind.
    pub async fn delete_service_credential(&self, principal: &str, id: &str) -> Result<()> {
        self.change("DeleteServiceCredential", of_credential(principal, id))
            .await
    }
}

/// The user is always named: without, the caller's own keys are meant.
fn of_credential(principal: &str, id: &str) -> Parameters {
    Parameters::new()
        .with("UserPrincipalName", principal)
        .with("ServiceCredentialId", id)
}
