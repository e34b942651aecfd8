//! Token parameters as Vault's plugins store them: members of the role's own JSON object.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde_json::{Map, Value};

use super::{BoundAddress, DeprecatedFields, TokenParameters};
use crate::framework::nanoseconds;
use crate::framework::response::TokenType;

impl TokenParameters {
    /// Writes the members with the prefix, in the order of Vault's structure. Those that only newer hosts have are
    /// written where they are set.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize_members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("token_bound_cidrs", &texts(self.bound_cidrs.as_deref()))?;
        map.serialize_entry("token_explicit_max_ttl", &nanoseconds(self.explicit_max_ttl))?;
        map.serialize_entry("token_max_ttl", &nanoseconds(self.max_ttl))?;
        map.serialize_entry("token_no_default_policy", &self.no_default_policy)?;
        map.serialize_entry("token_num_uses", &self.num_uses)?;
        map.serialize_entry("token_period", &nanoseconds(self.period))?;
        map.serialize_entry("token_policies", &self.policies)?;
        map.serialize_entry("token_type", &self.token_type.number())?;
        map.serialize_entry("token_ttl", &nanoseconds(self.ttl))?;
        if self.strictly_bind_ip {
            map.serialize_entry("token_strictly_bind_ip", &true)?;
        }
        if !self.alias_metadata.is_empty() {
            map.serialize_entry("alias_metadata", &self.alias_metadata)?;
        }
        Ok(())
    }

    /// Writes the deprecated twins, which Vault's roles have as their last members.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize_twins<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("policies", &self.twins.policies)?;
        map.serialize_entry("ttl", &nanoseconds(self.twins.ttl))?;
        map.serialize_entry("max_ttl", &nanoseconds(self.twins.max_ttl))?;
        map.serialize_entry("period", &nanoseconds(self.twins.period))?;
        map.serialize_entry("bound_cidrs", &texts(self.twins.bound_cidrs.as_deref()))
    }

    /// Takes the members out of a stored role. A parameter that is not set takes the value of its deprecated twin: the
    /// role may be older than the prefix.
    ///
    /// # Errors
    /// A member has the wrong type. The text names it and not its value.
    pub fn take_stored(map: &mut Map<String, Value>) -> Result<Self, serde_json::Error> {
        let twins = DeprecatedFields {
            policies: strings(map, "policies")?,
            ttl: duration(map, "ttl")?,
            max_ttl: duration(map, "max_ttl")?,
            period: duration(map, "period")?,
            bound_cidrs: addresses(map, "bound_cidrs")?,
        };
        let mut parameters = Self {
            bound_cidrs: addresses(map, "token_bound_cidrs")?,
            explicit_max_ttl: duration(map, "token_explicit_max_ttl")?,
            max_ttl: duration(map, "token_max_ttl")?,
            no_default_policy: boolean(map, "token_no_default_policy")?,
            num_uses: integer(map, "token_num_uses")?,
            period: duration(map, "token_period")?,
            policies: strings(map, "token_policies")?,
            token_type: token_type(map)?,
            ttl: duration(map, "token_ttl")?,
            strictly_bind_ip: boolean(map, "token_strictly_bind_ip")?,
            alias_metadata: metadata(map)?,
            twins: DeprecatedFields::default(),
        };
        unless_set(&mut parameters.ttl, &twins.ttl, Duration::is_zero);
        unless_set(&mut parameters.max_ttl, &twins.max_ttl, Duration::is_zero);
        unless_set(&mut parameters.period, &twins.period, Duration::is_zero);
        unless_set(&mut parameters.policies, &twins.policies, empty);
        unless_set(&mut parameters.bound_cidrs, &twins.bound_cidrs, empty);
        parameters.twins = twins;
        Ok(parameters)
    }
}

fn unless_set<T: Clone>(value: &mut T, twin: &T, unset: impl Fn(&T) -> bool) {
    if unset(value) && !unset(twin) {
        value.clone_from(twin);
    }
}

fn empty<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_none_or(Vec::is_empty)
}

fn texts(addresses: Option<&[BoundAddress]>) -> Option<Vec<String>> {
    addresses.map(|addresses| addresses.iter().map(ToString::to_string).collect())
}

fn wrong(name: &str, wanted: &str) -> serde_json::Error {
    serde_json::Error::custom(format!("{name} is not {wanted}"))
}

/// The member, unless it is missing or null.
fn member(map: &mut Map<String, Value>, name: &str) -> Option<Value> {
    map.remove(name).filter(|value| !value.is_null())
}

fn duration(map: &mut Map<String, Value>, name: &str) -> Result<Duration, serde_json::Error> {
    let nanoseconds = integer(map, name)?;
    Ok(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0)))
}

fn integer(map: &mut Map<String, Value>, name: &str) -> Result<i64, serde_json::Error> {
    match member(map, name) {
        None => Ok(0),
        Some(value) => value.as_i64().ok_or_else(|| wrong(name, "a whole number")),
    }
}

fn boolean(map: &mut Map<String, Value>, name: &str) -> Result<bool, serde_json::Error> {
    match member(map, name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| wrong(name, "true or false")),
    }
}

fn strings(map: &mut Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, serde_json::Error> {
    member(map, name)
        .map(|value| serde_json::from_value(value).map_err(|_| wrong(name, "a list of strings")))
        .transpose()
}

fn addresses(
    map: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<Vec<BoundAddress>>, serde_json::Error> {
    let texts = strings(map, name)?;
    Ok(texts.map(|texts| texts.iter().map(|text| BoundAddress::stored(text)).collect()))
}

/// A number. Before Vault 1.2 it was the word.
fn token_type(map: &mut Map<String, Value>) -> Result<TokenType, serde_json::Error> {
    let name = "token_type";
    let kinds = (0..=4).filter_map(TokenType::from_number);
    let found = match member(map, name) {
        None => Some(TokenType::Default),
        Some(Value::String(word)) if word.is_empty() => Some(TokenType::Default),
        Some(Value::String(word)) => kinds.into_iter().find(|kind| kind.word() == word),
        Some(value) => value.as_u64().and_then(TokenType::from_number),
    };
    found.ok_or_else(|| wrong(name, "a known type"))
}

fn metadata(map: &mut Map<String, Value>) -> Result<BTreeMap<String, String>, serde_json::Error> {
    let name = "alias_metadata";
    match member(map, name) {
        None => Ok(BTreeMap::new()),
        Some(value) => serde_json::from_value(value).map_err(|_| wrong(name, "an object of strings")),
    }
}
