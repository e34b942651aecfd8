//! The stored form of the configuration: upstream's two members in its order, then ours where they are set, then what we
//! do not know. The Go plugin skips what it does not know.

use std::fmt::Display;

use secrecy::ExposeSecret;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Config, parse_role_arn, parse_source, source_word};
use crate::alicloud::credentials::TokenFile;
use crate::alicloud::sts::{ExternalId, OidcProviderArn, RoleSessionName};
use crate::alicloud::{Endpoint, Region};

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("access_key", &self.access_key)?;
        map.serialize_entry("secret_key", self.secret_key.expose_secret())?;
        text(&mut map, "region", self.region.as_ref())?;
        text(&mut map, "ram_endpoint", self.ram_endpoint.as_ref())?;
        text(&mut map, "sts_endpoint", self.sts_endpoint.as_ref())?;
        number(&mut map, "max_custom_policies", self.max_custom_policies)?;
        number(&mut map, "max_system_policies", self.max_system_policies)?;
        text(
            &mut map,
            "credential_source",
            self.credential_source.map(source_word),
        )?;
        text(&mut map, "oidc_provider_arn", self.oidc_provider_arn.as_ref())?;
        text(&mut map, "oidc_token_file", self.oidc_token_file.as_ref())?;
        text(&mut map, "role_arn", self.role_arn.as_ref())?;
        text(&mut map, "role_session_name", self.role_session_name.as_ref())?;
        text(&mut map, "external_id", self.external_id.as_ref())?;
        number(&mut map, "max_retries", self.max_retries)?;
        for (key, value) in &self.unknown {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

fn text<M: SerializeMap>(map: &mut M, key: &str, value: Option<impl Display>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, &value.to_string()))
}

fn number<M: SerializeMap>(map: &mut M, key: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, &value))
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Members(Map::deserialize(deserializer)?);
        members.config().map_err(serde::de::Error::custom)
    }
}

/// The members of an entry that are still to be read. Errors name the member, and not its value.
struct Members(Map<String, Value>);

impl Members {
    fn config(mut self) -> Result<Config, String> {
        Ok(Config {
            access_key: self.text("access_key")?.unwrap_or_default(),
            secret_key: self.text("secret_key")?.unwrap_or_default().into(),
            region: self.parsed("region", Region::parse)?,
            ram_endpoint: self.parsed("ram_endpoint", Endpoint::parse)?,
            sts_endpoint: self.parsed("sts_endpoint", Endpoint::parse)?,
            max_custom_policies: self.number("max_custom_policies")?,
            max_system_policies: self.number("max_system_policies")?,
            credential_source: self.parsed("credential_source", parse_source)?,
            oidc_provider_arn: self.parsed("oidc_provider_arn", OidcProviderArn::parse)?,
            oidc_token_file: self.parsed("oidc_token_file", TokenFile::parse)?,
            role_arn: self.parsed("role_arn", parse_role_arn)?,
            role_session_name: self.parsed("role_session_name", RoleSessionName::parse)?,
            external_id: self.parsed("external_id", ExternalId::parse)?,
            max_retries: self.number("max_retries")?,
            unknown: self.0,
        })
    }

    fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{key} is not a string")),
        }
    }

    fn parsed<T, E: Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, String> {
        self.text(key)?
            .map(|text| parse(&text).map_err(|rule| format!("{key}: {rule}")))
            .transpose()
    }

    fn number<T: TryFrom<u64>>(&mut self, key: &str) -> Result<Option<T>, String> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(number) => number
                .as_u64()
                .and_then(|number| T::try_from(number).ok())
                .map(Some)
                .ok_or_else(|| format!("{key} is not a small number")),
        }
    }
}
