//! API keys of RAM users for single services, which RAM calls service credentials. A user has at most two for a service.

use serde::Deserialize;

use super::Ims;
use crate::alicloud::wire::filled;
use crate::cloud::{Error, Parameters, Result};

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
            let page: Page = self.call(OPERATION, parameters).await?;
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
