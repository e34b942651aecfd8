//! Small readers of answer fields, and the credentials that STS and the metadata service write alike.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;

use crate::alicloud::credentials::Source;
use crate::cloud::clock;
use crate::cloud::credentials::Credentials;

/// A secret that may be missing, null or empty: all three are `None`. Used as `default, deserialize_with`.
pub(super) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(filled(from)?.map(SecretString::from))
}

/// A text that may be missing, null or empty: all three are `None`. Used as `default, deserialize_with`.
pub(super) fn filled<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|text| !text.is_empty()))
}

/// A time that may be missing or null; one that cannot be read is `None`, too. Used as `default, deserialize_with`.
pub(super) fn date<'de, D: Deserializer<'de>>(from: D) -> Result<Option<OffsetDateTime>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.and_then(|text| clock::parse(&text)))
}

/// Temporary credentials as an answer writes them.
#[derive(Default, Deserialize)]
pub(super) struct WireCredentials {
    #[serde(rename = "AccessKeyId", default, deserialize_with = "filled")]
    id: Option<String>,
    #[serde(rename = "AccessKeySecret", default, deserialize_with = "secret")]
    secret: Option<SecretString>,
    #[serde(rename = "SecurityToken", default, deserialize_with = "secret")]
    token: Option<SecretString>,
    #[serde(rename = "Expiration", default, deserialize_with = "filled")]
    expiration: Option<String>,
}

impl WireCredentials {
    /// Accepts only what can be used: id, secret, token, and time left. Otherwise says what is wrong.
    pub(super) fn usable(
        self,
        source: Source,
        now: OffsetDateTime,
    ) -> Result<(Credentials, OffsetDateTime), &'static str> {
        let Self {
            id: Some(id),
            secret: Some(secret),
            token: Some(token),
            expiration,
        } = self
        else {
            return Err("the answer has no complete credentials");
        };
        let expiration = expiration
            .as_deref()
            .and_then(clock::parse)
            .ok_or("the answer has credentials without an expiration")?;
        if expiration <= now {
            return Err("the answer has credentials that have expired; is the clock of this machine right?");
        }
        let credentials = Credentials {
            access_key_id: id,
            access_key_secret: secret,
            security_token: Some(token),
            expiration: Some(expiration),
            source: source.name(),
        };
        Ok((credentials, expiration))
    }
}
