//! Where the instance is that a program runs on, by its metadata service.

use std::sync::Arc;

use secrecy::SecretString;

use super::metadata::{Ask, Metadata, QUESTION, SHORT_TOKEN_TIMEOUT, Service};
use super::provider_env::ProviderEnv;
use crate::alicloud::region::Region;
use crate::cloud::Answer;
use crate::cloud::credentials::Environment;

/// The region of the ECS instance, or `None` if the service does not answer, or must not be asked
/// (`ALIBABA_CLOUD_ECS_METADATA_DISABLED`).
pub async fn instance_region(environment: Arc<dyn Environment>) -> Option<Region> {
    let env = ProviderEnv {
        environment,
        sts: None,
    };
    ask(&env, &Service::default()).await
}

async fn ask(env: &ProviderEnv, service: &dyn Metadata) -> Option<Region> {
    if env.flag("ALIBABA_CLOUD_ECS_METADATA_DISABLED") {
        return None;
    }
    let issued = service.ask(Ask::Token, SHORT_TOKEN_TIMEOUT).await.ok();
    let token = issued.as_ref().and_then(text).map(SecretString::from);
    if token.is_none() && env.flag("ALIBABA_CLOUD_IMDSV1_DISABLED") {
        return None;
    }
    let path = "region-id";
    let token = token.as_ref();
    let answer = service.ask(Ask::Document { path, token }, QUESTION).await.ok()?;
    Region::parse(text(&answer)?).ok()
}

fn text(answer: &Answer) -> Option<&str> {
    let text = std::str::from_utf8(&answer.body).ok()?.trim();
    (answer.status == 200 && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use zeroize::Zeroizing;

    use super::*;
    use crate::cloud::Failure;

    /// Status and body for the token, and for the region.
    #[derive(Debug)]
    struct Fake([(u16, &'static str); 2]);

    #[async_trait]
    impl Metadata for Fake {
        async fn ask(&self, ask: Ask<'_>, _: Duration) -> Result<Answer, Failure> {
            let (status, body) = match ask {
                Ask::Token => self.0[0],
                Ask::Document { path, .. } => {
                    assert_eq!(path, "region-id");
                    self.0[1]
                }
            };
            Ok(Answer {
                status,
                headers: http::HeaderMap::new(),
                body: Zeroizing::new(body.as_bytes().to_vec()),
            })
        }
    }

    #[tokio::test]
    async fn the_region_is_the_services_unless_it_must_not_be_asked() {
        let good = [(200, "token"), (200, "cn-hangzhou\n")];
        let old = [(404, "no"), (200, "cn-hangzhou")];
        for (set, answers, region) in [
            ("", good, Some("cn-hangzhou")),
            ("", old, Some("cn-hangzhou")),
            ("ALIBABA_CLOUD_IMDSV1_DISABLED", good, Some("cn-hangzhou")),
            ("ALIBABA_CLOUD_IMDSV1_DISABLED", old, None),
            ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", good, None),
            ("", [(200, "token"), (404, "cn-hangzhou")], None),
            ("", [(200, "token"), (200, "<html>")], None),
        ] {
            let environment = move |name: &str| (name == set).then(|| "true".to_owned());
            let env = ProviderEnv {
                environment: Arc::new(environment),
                sts: None,
            };
            let found = ask(&env, &Fake(answers)).await;
            assert_eq!(found.as_ref().map(Region::as_str), region, "{set} {answers:?}");
        }
    }
}
