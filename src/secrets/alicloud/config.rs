//! The stored configuration of a mount.

use secrecy::{ExposeSecret, SecretString};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::role::{DEFAULT_CUSTOM_POLICIES, DEFAULT_SYSTEM_POLICIES};
use crate::alicloud::{Endpoint, Region};
use crate::framework::{Error, Storage};

/// Upstream's key.
pub(super) const STORAGE_KEY: &str = "config";

/// What the engine works with. Both halves of the key pair are blank when credentials come from the environment.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) access_key: String,
    pub(super) secret_key: SecretString,
    pub(super) region: Option<Region>,
    pub(super) ram_endpoint: Option<Endpoint>,
    pub(super) sts_endpoint: Option<Endpoint>,
    /// The account's quota of custom policies for each user, where it was raised.
    pub(super) max_custom_policies: Option<u16>,
    /// The account's quota of system policies for each user, where it was raised.
    pub(super) max_system_policies: Option<u16>,
    /// Members that this version does not know, kept as they are.
    unknown: Map<String, Value>,
}

impl Config {
    pub(super) async fn load(storage: &dyn Storage) -> Result<Option<Self>, Error> {
        storage.get_json(STORAGE_KEY).await
    }

    pub(super) async fn store(&self, storage: &dyn Storage) -> Result<(), Error> {
        storage.put_json(STORAGE_KEY, self).await
    }

    pub(super) fn has_key_pair(&self) -> bool {
        !self.access_key.is_empty() && !self.secret_key.expose_secret().is_empty()
    }

    pub(super) fn ram_endpoint(&self) -> Endpoint {
        self.ram_endpoint.clone().unwrap_or_else(Endpoint::ram)
    }

    pub(super) fn sts_endpoint(&self) -> Endpoint {
        self.sts_endpoint
            .clone()
            .unwrap_or_else(|| Endpoint::sts(&self.region.clone().unwrap_or_default()))
    }

    pub(super) fn custom_policies(&self) -> usize {
        self.max_custom_policies
            .map_or(DEFAULT_CUSTOM_POLICIES, usize::from)
    }

    pub(super) fn system_policies(&self) -> usize {
        self.max_system_policies
            .map_or(DEFAULT_SYSTEM_POLICIES, usize::from)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            access_key: String::new(),
            secret_key: SecretString::default(),
            region: None,
            ram_endpoint: None,
            sts_endpoint: None,
            max_custom_policies: None,
            max_system_policies: None,
            unknown: Map::new(),
        }
    }
}

/// Upstream's two members in its order, then ours where they are set, then what we do not know. The Go plugin skips
/// what it does not know.
impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("access_key", &self.access_key)?;
        map.serialize_entry("secret_key", self.secret_key.expose_secret())?;
        if let Some(region) = &self.region {
            map.serialize_entry("region", region.as_str())?;
        }
        if let Some(endpoint) = &self.ram_endpoint {
            map.serialize_entry("ram_endpoint", &endpoint.to_string())?;
        }
        if let Some(endpoint) = &self.sts_endpoint {
            map.serialize_entry("sts_endpoint", &endpoint.to_string())?;
        }
        if let Some(limit) = self.max_custom_policies {
            map.serialize_entry("max_custom_policies", &limit)?;
        }
        if let Some(limit) = self.max_system_policies {
            map.serialize_entry("max_system_policies", &limit)?;
        }
        for (key, value) in &self.unknown {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let mut map = Map::deserialize(deserializer)?;
        let mut text = |key: &str| match map.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(D::Error::custom(format!("{key} is not a string"))),
        };
        let (access_key, secret_key) = (text("access_key")?, text("secret_key")?);
        let region = text("region")?
            .map(|region| Region::parse(&region))
            .transpose()
            .map_err(D::Error::custom)?;
        let mut endpoint = |key| -> Result<Option<Endpoint>, D::Error> {
            text(key)?
                .map(|host| Endpoint::parse(&host))
                .transpose()
                .map_err(D::Error::custom)
        };
        let (ram_endpoint, sts_endpoint) = (endpoint("ram_endpoint")?, endpoint("sts_endpoint")?);
        let mut limit = |key: &str| -> Result<Option<u16>, D::Error> {
            match map.remove(key) {
                None | Some(Value::Null) => Ok(None),
                Some(number) => number
                    .as_u64()
                    .and_then(|number| u16::try_from(number).ok())
                    .map(Some)
                    .ok_or_else(|| D::Error::custom(format!("{key} is not a small number"))),
            }
        };
        Ok(Self {
            access_key: access_key.unwrap_or_default(),
            secret_key: secret_key.unwrap_or_default().into(),
            region,
            ram_endpoint,
            sts_endpoint,
            max_custom_policies: limit("max_custom_policies")?,
            max_system_policies: limit("max_system_policies")?,
            unknown: map,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::to_go_json;

    #[test]
    fn an_entry_of_the_go_plugin_reads_and_writes_back_as_the_same_bytes() {
        let stored = b"{\"access_key\":\"LTAIabc\",\"secret_key\":\"s\\u0026t\"}\n";
        let config: Config = serde_json::from_slice(stored).unwrap();
        assert!(config.has_key_pair());
        assert_eq!(to_go_json(&config).unwrap(), stored);
    }

    #[test]
    fn own_and_unknown_members_survive() {
        let stored = b"{\"access_key\":\"\",\"secret_key\":\"\",\"region\":\"cn-hangzhou\",\
            \"sts_endpoint\":\"sts.example.com\",\"max_custom_policies\":15,\"rotation\":{\"a\":1.50}}\n";
        let config: Config = serde_json::from_slice(stored).unwrap();
        assert!(!config.has_key_pair());
        assert_eq!(to_go_json(&config).unwrap(), stored);
    }

    #[test]
    fn the_secret_does_not_print() {
        let config = Config {
            secret_key: "hush".into(),
            ..Config::default()
        };
        assert!(!format!("{config:?}").contains("hush"));
    }
}
