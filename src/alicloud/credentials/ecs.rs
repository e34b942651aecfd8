//! The RAM role of an ECS instance, by its metadata service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::timeout;

use super::Source;
use super::metadata::{Ask, Metadata, QUESTION, SHORT_TOKEN_TIMEOUT, Service};
use super::provider_env::ProviderEnv;
use crate::alicloud::wire::WireCredentials;
use crate::cloud::clock::Clock;
use crate::cloud::credentials::{Credentials, Provider, ProviderError};
use crate::cloud::{Answer, Failure};

const NAME: &str = "ecs metadata credentials";

const ROLES: &str = "ram/security-credentials/";

/// A service that is not known to be there: off an instance nobody waits for a second.
const SHORT: Timeouts = Timeouts {
    token: SHORT_TOKEN_TIMEOUT,
    total: Duration::from_millis(900),
};

/// One that is known, or chosen: a second for each question, and for one more if the token is refused.
const LONG: Timeouts = Timeouts {
    token: QUESTION,
    total: Duration::from_secs(4),
};

/// How often the role and its credentials are asked for while those that are known are good.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Asks the metadata service, token mode first, unless `ALIBABA_CLOUD_ECS_METADATA_DISABLED` is `true`.
///
/// The role is that of `ALIBABA_CLOUD_ECS_METADATA` or `ALICLOUD_ROLE_NAME`, or else the one the instance has. Without
/// either name a service that does not answer, or has no role, means "not on an instance": `Ok(None)`. It is an error
/// where the instance was chosen as the source, and once the service has given credentials.
pub struct EcsProvider {
    env: ProviderEnv,
    clock: Arc<dyn Clock>,
    service: Box<dyn Metadata>,
    /// Whether somebody said that the credentials are here.
    is_chosen: bool,
    has_worked: AtomicBool,
}

/// How long to wait for an answer.
#[derive(Clone, Copy)]
struct Timeouts {
    token: Duration,
    total: Duration,
}

/// Why there are no credentials.
enum Missing {
    /// No service, or no role: nothing is configured, unless somebody said so.
    Absent(String),
    /// Something that must be put right.
    Broken(String),
}

impl Missing {
    fn late() -> Self {
        Self::Absent("the metadata service did not answer in time".to_owned())
    }

    fn unanswered(failure: Failure) -> Self {
        match failure {
            Failure::Interrupted => Self::late(),
            Failure::Connect(cause) | Failure::Unusable(cause) => {
                Self::Absent(format!("the metadata service: {cause}"))
            }
            Failure::TooLong => Self::Broken("the answer of the metadata service is too long".to_owned()),
        }
    }
}

/// The answer for a role: credentials, if the code says so.
#[derive(Deserialize)]
struct RoleAnswer {
    #[serde(rename = "Code", default)]
    code: String,
    #[serde(flatten)]
    credentials: WireCredentials,
}

impl EcsProvider {
    /// The source, which was chosen or is one of several to look for.
    pub(super) fn new(env: ProviderEnv, clock: Arc<dyn Clock>, is_chosen: bool) -> Self {
        Self::with_service(env, clock, is_chosen, Box::<Service>::default())
    }

    pub(super) fn with_service(
        env: ProviderEnv,
        clock: Arc<dyn Clock>,
        is_chosen: bool,
        service: Box<dyn Metadata>,
    ) -> Self {
        Self {
            env,
            clock,
            service,
            is_chosen,
            has_worked: AtomicBool::new(false),
        }
    }

    async fn fetch(&self, role: Option<&str>, timeouts: Timeouts) -> Result<Credentials, Missing> {
        let old_mode_allowed = !self.env.flag("ALIBABA_CLOUD_IMDSV1_DISABLED");
        let mut token = match self.service.ask(Ask::Token, timeouts.token).await {
            Ok(answer) if answer.status == 200 => text(&answer).map(SecretString::from),
            Err(failure @ (Failure::Connect(_) | Failure::Unusable(_))) => {
                return Err(Missing::unanswered(failure));
            }
            Err(Failure::Interrupted) if !old_mode_allowed => return Err(Missing::late()),
            _ => None,
        };
        if token.is_none() && !old_mode_allowed {
            return Err(Missing::Absent(
                "the metadata service gives no token, and ALIBABA_CLOUD_IMDSV1_DISABLED is set".to_owned(),
            ));
        }
        let role = match role {
            Some(role) => role.to_owned(),
            None => {
                let answer = self.document(ROLES, &mut token, old_mode_allowed).await;
                let answer = answer.map_err(Missing::unanswered)?;
                match (answer.status, text(&answer)) {
                    (200, Some(role)) => role,
                    (200 | 404, _) => {
                        return Err(Missing::Absent(
                            "the metadata service knows of no RAM role of this instance: attach one"
                                .to_owned(),
                        ));
                    }
                    (status, _) => {
                        return Err(Missing::Absent(format!(
                            "the metadata service answered with http status {status} when asked for the RAM role"
                        )));
                    }
                }
            }
        };
        if !is_role_name(&role) {
            return Err(Missing::Broken(
                "the metadata service returned an invalid RAM role name".to_owned(),
            ));
        }
        let answer = self
            .document(&format!("{ROLES}{role}"), &mut token, old_mode_allowed)
            .await
            .map_err(Missing::unanswered)?;
        if answer.status != 200 {
            let text = format!(
                "no credentials for RAM role {role}, http status {}; check its name",
                answer.status
            );
            return Err(Missing::Broken(text));
        }
        match serde_json::from_slice::<RoleAnswer>(&answer.body) {
            Ok(found) if found.code == "Success" => found
                .credentials
                .usable(Source::Ecs, self.clock.now())
                .map(|(credentials, _)| credentials)
                .map_err(|text| Missing::Broken(text.to_owned())),
            _ => Err(Missing::Broken(format!(
                "the metadata service reported a failure for RAM role {role}"
            ))),
        }
    }

    /// Asks for a document, and in the old mode once more if the token is refused, as the official clients do.
    async fn document(
        &self,
        path: &str,
        token: &mut Option<SecretString>,
        old_mode_allowed: bool,
    ) -> Result<Answer, Failure> {
        let answer = self
            .service
            .ask(
                Ask::Document {
                    path,
                    token: token.as_ref(),
                },
                QUESTION,
            )
            .await?;
        if token.is_some() && old_mode_allowed && matches!(answer.status, 401 | 403) {
            *token = None;
            return self
                .service
                .ask(Ask::Document { path, token: None }, QUESTION)
                .await;
        }
        Ok(answer)
    }
}

/// The first line of an answer.
fn text(answer: &Answer) -> Option<String> {
    let text = std::str::from_utf8(&answer.body).ok()?;
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .map(str::to_owned)
}

fn is_role_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[async_trait]
impl Provider for EcsProvider {
    async fn load(&self) -> Result<Option<Credentials>, ProviderError> {
        if self.env.flag("ALIBABA_CLOUD_ECS_METADATA_DISABLED") {
            return Ok(None);
        }
        let role = ["ALIBABA_CLOUD_ECS_METADATA", "ALICLOUD_ROLE_NAME"]
            .iter()
            .find_map(|name| self.env.var(name));
        let wanted = self.is_chosen || role.is_some() || self.has_worked.load(Ordering::Relaxed);
        let timeouts = if wanted { LONG } else { SHORT };
        let found = timeout(timeouts.total, self.fetch(role.as_deref(), timeouts)).await;
        match found.unwrap_or_else(|_| Err(Missing::late())) {
            Ok(credentials) => {
                self.has_worked.store(true, Ordering::Relaxed);
                Ok(Some(credentials))
            }
            Err(Missing::Absent(_)) if !wanted => Ok(None),
            Err(Missing::Absent(text) | Missing::Broken(text)) => Err(ProviderError::new(NAME, text)),
        }
    }

    fn look_every(&self) -> Option<Duration> {
        Some(LOOK_EVERY)
    }
}

#[cfg(test)]
mod tests;
