//! What all providers know of their environment.

use std::fmt;
use std::sync::Arc;

use crate::alicloud::endpoint;
use crate::alicloud::region::Region;
use crate::cloud::Endpoint;
use crate::cloud::credentials::{Environment, ProviderError};

/// Shown in audit trails when nobody chose a session name.
pub(super) const SESSION_NAME: &str = "vault-plugin-alicloud";

/// What all providers are given: the environment, and where STS is.
#[derive(Clone)]
pub(super) struct ProviderEnv {
    pub(super) environment: Arc<dyn Environment>,
    /// An endpoint that the program was told to use, which goes before the environment's.
    pub(super) sts: Option<Endpoint>,
}

impl ProviderEnv {
    /// A variable's value without surrounding white space; a blank one counts as absent.
    pub(super) fn var(&self, name: &str) -> Option<String> {
        let value = self.environment.var(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Whether a variable says `true`, in any letter case.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.var(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Where to exchange keys and tokens.
    pub(super) fn sts(&self, provider: &'static str) -> Result<Endpoint, ProviderError> {
        if let Some(endpoint) = &self.sts {
            return Ok(endpoint.clone());
        }
        let wrong =
            |name: &str, rule: &dyn fmt::Display| ProviderError::new(provider, format!("{name}: {rule}"));
        if let Some(host) = self.var("ALIBABA_CLOUD_STS_ENDPOINT") {
            return Endpoint::parse(&host).map_err(|rule| wrong("ALIBABA_CLOUD_STS_ENDPOINT", &rule));
        }
        let region = match self.var("ALIBABA_CLOUD_STS_REGION") {
            Some(label) => Region::parse(&label).map_err(|rule| wrong("ALIBABA_CLOUD_STS_REGION", &rule))?,
            None => Region::default(),
        };
        if self.flag("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED") {
            let unknown = "this region has no private host for STS";
            return endpoint::sts_vpc(&region)
                .ok_or_else(|| wrong("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", &unknown));
        }
        Ok(endpoint::sts(&region))
    }
}
