//! RRSA: the identity token of a Kubernetes pod, exchanged for a session of a role.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::blames_settings;
use super::identity_token;
use super::provider_env::{ProviderEnv, SESSION_NAME};
use super::settings::{OidcToken, RoleToAssume};
use crate::alicloud::arn::{Arn, Identity};
use crate::alicloud::sts::{AssumeRoleWithOidc, OidcProviderArn, assume_role_with_oidc};
use crate::cloud::credentials::{Credentials, Provider, ProviderError};
use crate::cloud::file_state::FileState;
use crate::cloud::{Client, Error};

const NAME: &str = "oidc credentials";

const ROLE: &str = "ALIBABA_CLOUD_ROLE_ARN";
const PROVIDER: &str = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN";
const FILE: &str = "ALIBABA_CLOUD_OIDC_TOKEN_FILE";

/// The cloud takes tokens up to 20,000 characters; a little more shows that the file is another one.
const LONGEST_TOKEN: u64 = 32 * 1024;

/// How often the file is looked at while the session that came of it is good.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Exchanges an identity token for a session of a role. The file is read at every exchange, for the kubelet replaces it;
/// one that was replaced is exchanged within seconds.
///
/// Token and provider are those of the settings, with the role of the settings, or else of `ALIBABA_CLOUD_ROLE_ARN`.
/// Without, they are those of `ALIBABA_CLOUD_OIDC_TOKEN_FILE` and `ALIBABA_CLOUD_OIDC_PROVIDER_ARN`, with the role of
/// `ALIBABA_CLOUD_ROLE_ARN`, or else of the settings. That variable alone configures nothing, for other tools use it too.
pub struct OidcProvider {
    client: Client,
    env: ProviderEnv,
    token: Option<OidcToken>,
    role: Option<RoleToAssume>,
    exchanged: Mutex<Option<FileState>>,
}

/// All that an exchange needs but the token.
struct Exchange {
    provider: OidcProviderArn,
    file: PathBuf,
    /// How the file is named in errors.
    named: &'static str,
    role: Arn,
    session_name: String,
}

impl OidcProvider {
    pub(super) fn new(
        client: Client,
        env: ProviderEnv,
        token: Option<OidcToken>,
        role: Option<RoleToAssume>,
    ) -> Self {
        Self {
            client,
            env,
            token,
            role,
            exchanged: Mutex::new(None),
        }
    }

    /// Whether what the exchange gives is the role of the settings already.
    pub(super) fn gives_the_role(&self) -> bool {
        match (&self.role, self.environment_role()) {
            (Some(_), _) if self.token.is_some() => true,
            (Some(_), Ok(None)) => true,
            (Some(role), Ok(Some(exchanged))) => role.arn.is_same_role(&exchanged),
            _ => false,
        }
    }

    fn environment_role(&self) -> Result<Option<Arn>, ProviderError> {
        let Some(text) = self.env.var(ROLE) else {
            return Ok(None);
        };
        match Arn::parse(&text) {
            Ok(arn) if matches!(arn.identity(), Identity::Role(_)) => Ok(Some(arn)),
            Ok(_) => Err(ProviderError::new(
                NAME,
                format!("{ROLE} is not the arn of a role"),
            )),
            Err(rule) => Err(ProviderError::new(NAME, format!("{ROLE}: {rule}"))),
        }
    }

    fn exchange(&self) -> Result<Option<Exchange>, ProviderError> {
        let from = &self.env;
        let (provider, file, named) = match (&self.token, from.var(PROVIDER), from.var(FILE)) {
            (Some(token), ..) => (
                token.provider.clone(),
                token.file.path().to_owned(),
                "the token file",
            ),
            (None, None, None) => return Ok(None),
            (None, Some(provider), Some(file)) => {
                let provider = OidcProviderArn::parse(&provider)
                    .map_err(|rule| ProviderError::new(NAME, format!("{PROVIDER}: {rule}")))?;
                (provider, PathBuf::from(file), FILE)
            }
            _ => return Err(incomplete()),
        };
        let name = from.var("ALIBABA_CLOUD_ROLE_SESSION_NAME");
        // What is written goes before what is in the environment.
        let of_environment = match (&self.token, &self.role) {
            (Some(_), Some(_)) => None,
            _ => self.environment_role()?,
        };
        let (role, chosen) = match (of_environment, &self.role) {
            (Some(role), Some(wanted)) if wanted.arn.is_same_role(&role) => {
                (role, wanted.session_name.as_ref())
            }
            (Some(role), _) => (role, None),
            (None, Some(wanted)) => (wanted.arn.clone(), wanted.session_name.as_ref()),
            (None, None) if self.token.is_some() => {
                let text = format!(
                    "an identity token is exchanged for a role: give a role to assume, or set {ROLE}"
                );
                return Err(ProviderError::new(NAME, text));
            }
            (None, None) => return Err(incomplete()),
        };
        let session_name = chosen
            .map(ToString::to_string)
            .or(name)
            .unwrap_or_else(|| SESSION_NAME.to_owned());
        Ok(Some(Exchange {
            provider,
            file,
            named,
            role,
            session_name,
        }))
    }

    fn exchanged(&self) -> std::sync::MutexGuard<'_, Option<FileState>> {
        self.exchanged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn incomplete() -> ProviderError {
    ProviderError::new(
        NAME,
        format!("set all of {ROLE}, {PROVIDER} and {FILE}, or neither of the last two"),
    )
}

#[async_trait]
impl Provider for OidcProvider {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        let Some(exchange) = self.exchange()? else {
            return Ok(None);
        };
        let endpoint = self.env.sts(NAME)?;
        let (token, state) = token(exchange.file, exchange.named).await?;
        let request = AssumeRoleWithOidc {
            provider_arn: exchange.provider,
            role_arn: exchange.role.to_string(),
            token,
            session_name: exchange.session_name,
        };
        match assume_role_with_oidc(&self.client, &endpoint, &request).await {
            Ok(session) => {
                *self.exchanged() = Some(state);
                Ok(Some(session.credentials))
            }
            Err(error) => {
                let check = check(&error);
                let advice = format!("cannot assume {} with the pod's token{check}", request.role_arn);
                Err(ProviderError::of_call(NAME, &advice, error))
            }
        }
    }

    fn look_every(&self) -> Option<Duration> {
        Some(LOOK_EVERY)
    }

    async fn has_changed(&self) -> bool {
        let Ok(Some(exchange)) = self.exchange() else {
            return true;
        };
        let found = tokio::task::spawn_blocking(move || std::fs::metadata(exchange.file)).await;
        let now = found.ok().and_then(Result::ok).as_ref().map(FileState::of);
        now.is_none() || now != *self.exchanged()
    }
}

/// What is to be checked after a refusal. Other failures say nothing of the settings.
fn check(error: &Error) -> &'static str {
    let code = error.code().unwrap_or_default();
    match error.kind() {
        _ if code == "AuthenticationFail.OIDCToken.Expired" => {
            ", check that its file is rewritten before the token expires"
        }
        _ if code.starts_with("AuthenticationFail.OIDCToken") => ", check the token's issuer and audience",
        kind if blames_settings(kind) => ", check both ARNs and the role's trust policy",
        _ => "",
    }
}

/// Reads a token, off the runtime's threads. Whoever wrote the settings may not read the server's files, and so is told
/// one thing whatever the cause; the log has it.
async fn token(file: PathBuf, named: &'static str) -> Result<(SecretString, FileState), ProviderError> {
    let shown = file.display().to_string();
    let read = tokio::task::spawn_blocking(move || read(&file)).await;
    let cause = match read {
        Ok(Ok(read)) => return Ok(read),
        Ok(Err(cause)) => cause,
        Err(_) => "reading it was interrupted".to_owned(),
    };
    tracing::warn!(
        event = "identity_token_unusable",
        file = shown,
        cause,
        "cannot use the identity token file"
    );
    Err(ProviderError::new(
        NAME,
        format!(
            "{named} {shown} cannot be used: it must hold an identity token (JWT) for this purpose; the server's log has \
             the cause"
        ),
    ))
}

/// The token, or why there is none. A pipe would hang and a device would not end: neither is opened.
fn read(file: &Path) -> Result<(SecretString, FileState), String> {
    // The state is taken first: a file that is replaced meanwhile counts as changed at the next look.
    let found = std::fs::metadata(file).map_err(|error| error.to_string())?;
    if !found.is_file() || found.len() > LONGEST_TOKEN {
        return Err("it is not a small regular file".to_owned());
    }
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| error.to_string())?);
    identity_token::check(text.trim()).map_err(|unfit| unfit.to_string())?;
    Ok((SecretString::from(text.trim()), FileState::of(&found)))
}

#[cfg(test)]
mod tests;
