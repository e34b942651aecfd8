//! RRSA: the identity token of a Kubernetes pod, exchanged for a session of a role.

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::environment::{SESSION_NAME, Surroundings};
use super::{Credentials, Provider, ProviderError};
use crate::alicloud::client::Client;
use crate::alicloud::sts::AssumeRoleWithOidc;

const NAME: &str = "oidc credentials";

/// The cloud takes tokens up to 20,000 characters; a little more shows that the file is another one.
const LONGEST_TOKEN: u64 = 32 * 1024;

/// Exchanges the token in `ALIBABA_CLOUD_OIDC_TOKEN_FILE` for a session of `ALIBABA_CLOUD_ROLE_ARN` through
/// `ALIBABA_CLOUD_OIDC_PROVIDER_ARN`. The file is read at every exchange, for the kubelet replaces it.
///
/// `ALIBABA_CLOUD_ROLE_ARN` alone does not configure it; other tools use that name too.
pub struct OidcProvider {
    client: Client,
    surroundings: Surroundings,
}

impl OidcProvider {
    pub(super) fn new(client: Client, surroundings: Surroundings) -> Self {
        Self { client, surroundings }
    }
}

#[async_trait]
impl Provider for OidcProvider {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        let from = &self.surroundings;
        let all = (
            from.var("ALIBABA_CLOUD_ROLE_ARN"),
            from.var("ALIBABA_CLOUD_OIDC_PROVIDER_ARN"),
            from.var("ALIBABA_CLOUD_OIDC_TOKEN_FILE"),
        );
        let (role_arn, provider_arn, file) = match all {
            (_, None, None) => return Ok(None),
            (Some(role), Some(provider), Some(file)) => (role, provider, PathBuf::from(file)),
            _ => {
                let text = "set all of ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN and \
                            ALIBABA_CLOUD_OIDC_TOKEN_FILE, or neither of the last two";
                return Err(ProviderError::new(NAME, text));
            }
        };
        let endpoint = from.sts(NAME)?;
        let request = AssumeRoleWithOidc {
            provider_arn,
            role_arn,
            token: token(file).await?,
            session_name: from
                .var("ALIBABA_CLOUD_ROLE_SESSION_NAME")
                .unwrap_or_else(|| SESSION_NAME.to_owned()),
            duration_seconds: None,
            policy: None,
        };
        match self.client.assume_role_with_oidc(&endpoint, &request).await {
            Ok(session) => Ok(Some(session.credentials)),
            Err(error) => {
                let advice = format!(
                    "cannot assume {} with the pod's token, check both ARNs",
                    request.role_arn
                );
                Err(ProviderError::of_call(NAME, &advice, error))
            }
        }
    }
}

/// Reads a token, off the runtime's threads.
async fn token(file: PathBuf) -> Result<SecretString, ProviderError> {
    let shown = file.display().to_string();
    let wrong = |text: &dyn fmt::Display| {
        ProviderError::new(
            NAME,
            format!("ALIBABA_CLOUD_OIDC_TOKEN_FILE {shown} cannot be used: {text}"),
        )
    };
    let read = move || {
        let about = std::fs::metadata(&file)?;
        // A pipe would hang, a device would not end.
        if !about.is_file() || about.len() > LONGEST_TOKEN {
            return Ok(None);
        }
        std::fs::read_to_string(&file).map(|text| Some(Zeroizing::new(text)))
    };
    let text = tokio::task::spawn_blocking(read)
        .await
        .map_err(|_| wrong(&"reading it was cut short"))?;
    match text.map_err(|error| wrong(&error.kind()))? {
        Some(text) if !text.trim().is_empty() => Ok(SecretString::from(text.trim())),
        Some(_) => Err(wrong(&"it is empty")),
        None => Err(wrong(&"it is no small regular file")),
    }
}

impl fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OidcProvider")
    }
}
