//! Serde helpers for stored entries, for what Go plugins store in another form than serde would.
//!
//! An entry is a derived struct whose last member is `#[serde(flatten)] unknown: Map<String, Value>`, which keeps the
//! members that this version does not know. Go writes `null` for what was never set, so each helper reads a null as the
//! default.

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

/// A value in the form that a read shows: `#[serde(default, with = "stored::as_shown")]`.
pub mod as_shown {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::framework::SettingValue;

    /// Writes what a read shows.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer, T: SettingValue>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.to_shown().serialize(serializer)
    }

    /// Reads what a caller may write. A null is the default, as a blank is.
    ///
    /// # Errors
    /// When the member is of another type, or breaks a rule of the type.
    pub fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: SettingValue + Default,
    {
        match Option::deserialize(deserializer)? {
            Some(value) => T::from_field(&value).map_err(D::Error::custom),
            None => Ok(T::default()),
        }
    }
}

/// A secret as text: `#[serde(with = "stored::secret")]`. A null is a blank.
pub mod secret {
    use secrecy::{ExposeSecret as _, SecretString};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Whether there is none, for `skip_serializing_if`.
    pub fn is_blank(secret: &SecretString) -> bool {
        secret.expose_secret().is_empty()
    }

    /// Writes the secret itself.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose_secret())
    }

    /// Reads a text.
    ///
    /// # Errors
    /// When the member is no text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
        Option::<SecretString>::deserialize(deserializer).map(|secret| secret.unwrap_or_else(|| "".into()))
    }
}
