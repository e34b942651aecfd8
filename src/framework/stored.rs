//! Serde helpers for stored entries, for what Go plugins store in another form than serde would.
//!
//! An entry is a derived struct whose last member is `#[serde(flatten)] unknown: Map<String, Value>`, which keeps the
//! members that this version does not know. Go writes `null` for what was never set, so each helper reads a null as the
//! default.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Reads a null as the default: `#[serde(default, deserialize_with = "stored::null_as_default")]`.
///
/// # Errors
/// Those of the type itself.
pub fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A duration in nanoseconds: `#[serde(default, with = "stored::nanoseconds")]`. A negative one is zero.
pub mod nanoseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes nanoseconds.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(crate::framework::nanoseconds(*value))
    }

    /// Reads nanoseconds.
    ///
    /// # Errors
    /// When the member is no whole number of 64 bits.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let nanoseconds = Option::<i64>::deserialize(deserializer)?.unwrap_or_default();
        Ok(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0)))
    }
}

/// A value as text: `#[serde(default, with = "stored::text")]`. A blank is the default.
pub mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserializer, Serializer};

    /// Writes the value as it prints.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer, T: Display>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// When the member is no text, or breaks a rule of the type.
    pub fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: Display> + Default,
    {
        super::parsed(deserializer).map(Option::unwrap_or_default)
    }
}

/// A value as text, or nothing: `#[serde(default, with = "stored::optional_text")]`. Nothing is written as a blank,
/// unless it is skipped.
pub mod optional_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserializer, Serializer};

    /// Writes the value as it prints.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer, T: Display>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_str(""),
        }
    }

    /// Reads a text.
    ///
    /// # Errors
    /// When the member is no text, or breaks a rule of the type.
    pub fn deserialize<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: Display>,
    {
        super::parsed(deserializer)
    }
}

/// A collection as a list of texts: `#[serde(default, with = "stored::texts")]`.
pub mod texts {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes each element as it prints.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<'a, S, L, T>(list: &'a L, serializer: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
        &'a L: IntoIterator<Item = &'a T>,
        T: Display + 'a,
    {
        serializer.collect_seq(list.into_iter().map(ToString::to_string))
    }

    /// Reads a list of texts.
    ///
    /// # Errors
    /// When the member is no list of texts, or an element breaks a rule of the type.
    pub fn deserialize<'de, D, L, T>(deserializer: D) -> Result<L, D::Error>
    where
        D: Deserializer<'de>,
        L: IntoIterator<Item = T> + FromIterator<T>,
        T: FromStr<Err: Display>,
    {
        let texts = Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default();
        let elements = texts.iter().map(|text| text.parse().map_err(D::Error::custom));
        elements.collect()
    }
}

/// Reads a text that is not blank.
fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text: String = null_as_default(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(D::Error::custom)
}
