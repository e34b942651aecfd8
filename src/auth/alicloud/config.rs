//! The stored configuration of a mount. Without one, the method behaves as upstream's, which has none.

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::alicloud::Endpoint;
use crate::framework::{Error, Excerpt, Storage};

pub(super) const STORAGE_KEY: &str = "config";

/// The most bytes of a server id: it travels in a URL.
const SERVER_ID_LIMIT: usize = 128;

/// What the method works with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Config {
    /// Hosts of STS beside the compiled-in list.
    pub(super) sts_endpoints: Vec<Endpoint>,
    pub(super) allow_vpc_endpoints: bool,
    /// What a signed request must name.
    pub(super) server_id: Option<ServerId>,
    pub(super) ram_alias: RamAlias,
    /// Sorted, each once.
    pub(super) ram_metadata: Vec<MetadataField>,
    /// Members that this version does not know, kept as they are.
    unknown: Map<String, Value>,
}

/// The name of a server, such as its address. Requests carry it in their query, so it has no spaces and is ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerId(String);

/// What the name of an entity alias is made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum RamAlias {
    /// Upstream's choice: one alias for each session, user and account.
    #[default]
    PrincipalId,
    /// The id of the role for its sessions; of users and accounts, which have none, their own id.
    RoleId,
    /// The ARN of the role for its sessions; of users and accounts their own ARN.
    RoleArn,
    /// The caller's ARN, with the session.
    Arn,
}

/// A part of the caller's identity that can go to the alias metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MetadataField {
    AccountId,
    Arn,
    IdentityType,
    PrincipalId,
    RoleArn,
    RoleId,
    RoleName,
    UserId,
}

impl Config {
    pub(super) async fn load(storage: &dyn Storage) -> Result<Option<Self>, Error> {
        storage.get_json(STORAGE_KEY).await
    }

    pub(super) async fn store(&self, storage: &dyn Storage) -> Result<(), Error> {
        storage.put_json(STORAGE_KEY, self).await
    }

    /// What a read shows: every setting as it is in force.
    pub(super) fn shown(&self) -> Map<String, Value> {
        let metadata: Vec<_> = self.ram_metadata.iter().map(|field| field.word()).collect();
        Map::from_iter([
            ("sts_endpoints".to_owned(), texts(&self.sts_endpoints)),
            ("allow_vpc_endpoints".to_owned(), self.allow_vpc_endpoints.into()),
            (
                "server_id".to_owned(),
                self.server_id.as_ref().map_or("", ServerId::as_str).into(),
            ),
            ("ram_alias".to_owned(), self.ram_alias.word().into()),
            ("ram_metadata".to_owned(), metadata.into()),
        ])
    }
}

fn texts(endpoints: &[Endpoint]) -> Value {
    endpoints
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .into()
}

impl ServerId {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fits =
            (1..=SERVER_ID_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            return Err(format!(
                "expected 1 to {SERVER_ID_LIMIT} visible ASCII characters"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl RamAlias {
    const ALL: [Self; 4] = [Self::PrincipalId, Self::RoleId, Self::RoleArn, Self::Arn];
    pub(super) const WORDS: &'static [&'static str] = &["principal_id", "role_id", "role_arn", "arn"];

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|alias| alias.word() == text);
        found.ok_or_else(|| format!("expected one of {}", Self::WORDS.join(", ")))
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::PrincipalId => "principal_id",
            Self::RoleId => "role_id",
            Self::RoleArn => "role_arn",
            Self::Arn => "arn",
        }
    }
}

impl MetadataField {
    const ALL: [Self; 8] = [
        Self::AccountId,
        Self::Arn,
        Self::IdentityType,
        Self::PrincipalId,
        Self::RoleArn,
        Self::RoleId,
        Self::RoleName,
        Self::UserId,
    ];

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|field| field.word() == text);
        found.ok_or_else(|| {
            let words: Vec<_> = Self::ALL.into_iter().map(Self::word).collect();
            format!("{:?} is none of {}", Excerpt(text), words.join(", "))
        })
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::AccountId => "account_id",
            Self::Arn => "arn",
            Self::IdentityType => "identity_type",
            Self::PrincipalId => "principal_id",
            Self::RoleArn => "role_arn",
            Self::RoleId => "role_id",
            Self::RoleName => "role_name",
            Self::UserId => "user_id",
        }
    }
}

/// What is set, then what we do not know.
impl Serialize for Config {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sts_endpoints", &texts(&self.sts_endpoints))?;
        map.serialize_entry("allow_vpc_endpoints", &self.allow_vpc_endpoints)?;
        map.serialize_entry("server_id", self.server_id.as_ref().map_or("", ServerId::as_str))?;
        map.serialize_entry("ram_alias", self.ram_alias.word())?;
        let metadata: Vec<_> = self.ram_metadata.iter().map(|field| field.word()).collect();
        map.serialize_entry("ram_metadata", &metadata)?;
        for (key, value) in &self.unknown {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// What cannot be read makes the whole configuration unreadable: without it, the server would take requests that were
/// signed for another one.
impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let mut map = Map::deserialize(deserializer)?;
        let mut member = |key: &str| map.remove(key).unwrap_or_default();
        let list = |key: &str, value: Value| -> Result<Vec<String>, D::Error> {
            let list: Result<Option<Vec<String>>, _> = serde_json::from_value(value);
            list.map(Option::unwrap_or_default)
                .map_err(|_| D::Error::custom(format!("{key} is not a list of strings")))
        };
        let text = |key: &str, value: Value| match value {
            Value::Null => Ok(String::new()),
            Value::String(text) => Ok(text),
            _ => Err(D::Error::custom(format!("{key} is not a string"))),
        };
        let endpoints = list("sts_endpoints", member("sts_endpoints"))?;
        let sts_endpoints: Result<Vec<_>, _> = endpoints.iter().map(|host| Endpoint::parse(host)).collect();
        let allow_vpc_endpoints = match member("allow_vpc_endpoints") {
            Value::Null => false,
            Value::Bool(allow) => allow,
            _ => return Err(D::Error::custom("allow_vpc_endpoints is not true or false")),
        };
        let server_id = Some(text("server_id", member("server_id"))?).filter(|id| !id.is_empty());
        let server_id = server_id.map(|id| ServerId::parse(&id)).transpose();
        let ram_alias = Some(text("ram_alias", member("ram_alias"))?).filter(|word| !word.is_empty());
        let ram_alias = ram_alias.map_or(Ok(RamAlias::default()), |word| RamAlias::parse(&word));
        let metadata = list("ram_metadata", member("ram_metadata"))?;
        let ram_metadata: Result<Vec<_>, _> =
            metadata.iter().map(|word| MetadataField::parse(word)).collect();
        Ok(Self {
            sts_endpoints: sts_endpoints.map_err(D::Error::custom)?,
            allow_vpc_endpoints,
            server_id: server_id.map_err(D::Error::custom)?,
            ram_alias: ram_alias.map_err(D::Error::custom)?,
            ram_metadata: ram_metadata.map_err(D::Error::custom)?,
            unknown: map,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::to_go_json;

    #[test]
    fn an_entry_reads_and_writes_back_as_the_same_bytes() {
        for stored in [
            "{\"sts_endpoints\":[\"sts.ap-southeast-6.aliyuncs.com\",\"sts.internal:8443\"],\
             \"allow_vpc_endpoints\":true,\"server_id\":\"vault.example.com\",\"ram_alias\":\"role_arn\",\
             \"ram_metadata\":[\"account_id\",\"role_name\"],\"later\":{\"n\":1.50}}\n",
            "{\"sts_endpoints\":[],\"allow_vpc_endpoints\":false,\"server_id\":\"\",\"ram_alias\":\"principal_id\",\
             \"ram_metadata\":[]}\n",
        ] {
            let config: Config = serde_json::from_str(stored).unwrap();
            assert_eq!(String::from_utf8(to_go_json(&config).unwrap()).unwrap(), stored);
        }
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    }

    #[test]
    fn what_cannot_be_read_is_not_left_out() {
        for stored in [
            r#"{"server_id": 1}"#,
            r#"{"server_id": "a b"}"#,
            r#"{"sts_endpoints": ["127.0.0.1"]}"#,
            r#"{"sts_endpoints": "sts.example.com"}"#,
            r#"{"allow_vpc_endpoints": "yes"}"#,
            r#"{"ram_alias": "name"}"#,
            r#"{"ram_metadata": ["shoe_size"]}"#,
        ] {
            assert!(serde_json::from_str::<Config>(stored).is_err(), "{stored}");
        }
    }

    #[test]
    fn the_words_are_those_of_the_variants() {
        assert_eq!(RamAlias::ALL.map(RamAlias::word), RamAlias::WORDS);
        for field in MetadataField::ALL {
            assert_eq!(MetadataField::parse(field.word()), Ok(field));
        }
    }
}
