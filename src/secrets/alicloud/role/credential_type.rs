//! What a role gives out.

use std::time::Duration;

use serde_json::Value;

use crate::alicloud::ims::MOST_DAYS;
use crate::framework::{Error, words};

words! {
    /// What a role gives out.
    pub(in crate::secrets::alicloud) enum CredentialType {
        /// An access key of a RAM user.
        AccessKey = "access_key",
        /// STS credentials of a RAM role.
        AssumedRole = "assumed_role",
        /// An API key of a RAM user for one service.
        ServiceCredential = "service_credential",
    }
}

pub(in crate::secrets::alicloud) const DAY: Duration = Duration::from_secs(24 * 3600);

/// Reads `service_credential_days`.
///
/// # Errors
/// RAM has no keys of so many days.
pub(super) fn days(given: &Value) -> Result<u16, Error> {
    let days = given.as_i64().and_then(|days| u16::try_from(days).ok());
    days.filter(|days| *days <= MOST_DAYS).ok_or_else(|| {
        Error::bad_request(format!(
            "service_credential_days: expected 1 to {MOST_DAYS}, or 0 for the default"
        ))
    })
}
