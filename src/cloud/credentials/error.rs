//! Why a configured source of credentials gave none.

use crate::cloud::error::Error;

/// A source of credentials that is configured and does not work. The text names the source and what to do, and has no
/// secret in it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{provider}: {text}")]
pub struct ProviderError {
    provider: &'static str,
    text: String,
    call: Option<Error>,
}

impl ProviderError {
    pub(crate) fn new(provider: &'static str, text: impl Into<String>) -> Self {
        Self {
            provider,
            text: text.into(),
            call: None,
        }
    }

    /// For a source that had to call the cloud; the text of the call's error follows the advice.
    pub(crate) fn of_call(provider: &'static str, advice: &str, call: Error) -> Self {
        Self {
            provider,
            text: format!("{advice}: {call}"),
            call: Some(call),
        }
    }

    /// The call to the cloud that failed, if it was one. Its text is part of this error's.
    #[must_use]
    pub fn call(&self) -> Option<&Error> {
        self.call.as_ref()
    }
}
