//! The types that a setting can have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use crate::framework::excerpt::Excerpt;
use crate::framework::field::FieldKind;

/// A type that a setting can have.
pub trait SettingValue: Sized {
    /// What callers may send.
    const KIND: FieldKind;

    /// Reads the canonical form of the kind. What is blank gives the default.
    ///
    /// # Errors
    /// The rule that the value breaks. The text follows the name of the setting in the answer.
    fn from_field(value: &Value) -> Result<Self, String>;

    /// What a read shows.
    fn to_shown(&self) -> Value;
}

/// A text without the white space that a pasted value often has around it.
fn trimmed(value: &Value) -> Result<&str, String> {
    value
        .as_str()
        .map(str::trim)
        .ok_or_else(|| "expected a text".to_owned())
}

/// A list whose elements name themselves in errors.
fn elements<T: FromStr<Err: Display>, L: Extend<T> + Default>(
    value: &Value,
    mut add: impl FnMut(&mut L, T),
) -> Result<L, String> {
    let mut list = L::default();
    for element in value.as_array().ok_or("expected a list")? {
        let text = element.as_str().ok_or("expected a list of texts")?;
        let element = text
            .parse()
            .map_err(|rule: T::Err| format!("{:?}: {rule}", Excerpt(text)))?;
        add(&mut list, element);
    }
    Ok(list)
}

/// As text without white space around it.
impl SettingValue for String {
    const KIND: FieldKind = FieldKind::String;

    fn from_field(value: &Value) -> Result<Self, String> {
        trimmed(value).map(str::to_owned)
    }

    fn to_shown(&self) -> Value {
        self.as_str().into()
    }
}

/// As for texts. A setting of this type is to be `secret`; without that, nothing is shown either.
impl SettingValue for SecretString {
    const KIND: FieldKind = FieldKind::String;

    fn from_field(value: &Value) -> Result<Self, String> {
        trimmed(value).map(Self::from)
    }

    fn to_shown(&self) -> Value {
        "".into()
    }
}

/// As text; nothing is blank.
impl<T: FromStr<Err: Display> + Display> SettingValue for Option<T> {
    const KIND: FieldKind = FieldKind::String;

    fn from_field(value: &Value) -> Result<Self, String> {
        match trimmed(value)? {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|rule: T::Err| rule.to_string()),
        }
    }

    fn to_shown(&self) -> Value {
        self.as_ref().map(ToString::to_string).unwrap_or_default().into()
    }
}

impl SettingValue for bool {
    const KIND: FieldKind = FieldKind::Bool;

    fn from_field(value: &Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| "expected true or false".to_owned())
    }

    fn to_shown(&self) -> Value {
        (*self).into()
    }
}

impl SettingValue for i64 {
    const KIND: FieldKind = FieldKind::Int;

    fn from_field(value: &Value) -> Result<Self, String> {
        value.as_i64().ok_or_else(|| "expected a whole number".to_owned())
    }

    fn to_shown(&self) -> Value {
        (*self).into()
    }
}

/// As whole seconds.
impl SettingValue for Duration {
    const KIND: FieldKind = FieldKind::DurationSecond;

    fn from_field(value: &Value) -> Result<Self, String> {
        let seconds = value.as_u64().ok_or("expected a duration")?;
        Ok(Self::from_secs(seconds))
    }

    fn to_shown(&self) -> Value {
        self.as_secs().into()
    }
}

/// As a list of texts, in the order given, each once.
impl<T: FromStr<Err: Display> + Display + PartialEq> SettingValue for Vec<T> {
    const KIND: FieldKind = FieldKind::CommaStringSlice;

    fn from_field(value: &Value) -> Result<Self, String> {
        elements(value, |list: &mut Self, element| {
            if !list.contains(&element) {
                list.push(element);
            }
        })
    }

    fn to_shown(&self) -> Value {
        self.iter().map(ToString::to_string).collect()
    }
}

/// As a list of texts, sorted, each once.
impl<T: FromStr<Err: Display> + Display + Ord> SettingValue for BTreeSet<T> {
    const KIND: FieldKind = FieldKind::CommaStringSlice;

    fn from_field(value: &Value) -> Result<Self, String> {
        elements(value, |list: &mut Self, element| {
            list.insert(element);
        })
    }

    fn to_shown(&self) -> Value {
        self.iter().map(ToString::to_string).collect()
    }
}

/// As names with text values.
impl SettingValue for BTreeMap<String, String> {
    const KIND: FieldKind = FieldKind::KvPairs;

    fn from_field(value: &Value) -> Result<Self, String> {
        let pairs = value.as_object().ok_or("expected names with texts")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        pairs
            .iter()
            .map(|(name, value)| Some((name.clone(), text(value)?)))
            .collect::<Option<_>>()
            .ok_or_else(|| "expected names with texts".to_owned())
    }

    fn to_shown(&self) -> Value {
        self.iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect()
    }
}
