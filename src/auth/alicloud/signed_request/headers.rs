//! The headers of a signed request, in every spelling of Vault's header fields and of the clients.

use serde_json::Value;
use zeroize::Zeroizing;

use super::encoded;
use super::refusal::{Refusal, Shown};
use super::rules::{COUNT_LIMIT, FIELD_LIMIT};
use crate::framework::json::{Member, Mistake, parse};

const FIELD: &str = "identity_request_headers";

/// Headers with lower-case names, each once.
#[derive(Default)]
pub(super) struct Headers(Vec<Header>);

struct Header {
    name: String,
    values: Vec<Zeroizing<String>>,
}

impl Headers {
    /// Reads the field as it was sent: an object, a list of `name:value`, JSON text, or base64 of JSON text. `None` if
    /// it was left out or is blank.
    pub(super) fn parse(field: &Value) -> Result<Option<Self>, Refusal> {
        match field {
            Value::Null => return Ok(None),
            Value::Object(object) => Self::gather(object.iter().map(|(name, value)| (name.as_str(), value))),
            Value::Array(list) => Self::from_lines(list),
            Value::String(text) if text.trim_ascii().is_empty() => return Ok(None),
            Value::String(text) => Self::from_text(text),
            Value::Bool(_) | Value::Number(_) => Err(Refusal::HeaderForm),
        }
        .map(Some)
    }

    /// Whether there is a header of this lower-case name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|header| header.name == name)
    }

    /// The one value of each header.
    pub(super) fn single(&self) -> Result<Vec<(&str, &str)>, Refusal> {
        let one = |header: &'_ Header| match header.values.as_slice() {
            [value] if !value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) => {
                Err(Refusal::HeaderCharacter(Shown::new(&header.name)))
            }
            [_] => Ok(()),
            _ => Err(Refusal::HeaderValues(Shown::new(&header.name))),
        };
        self.0.iter().try_for_each(one)?;
        let pairs = self
            .0
            .iter()
            .filter_map(|header| Some((header.name.as_str(), header.values.first()?.as_str())));
        Ok(pairs.collect())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let text = text.trim_ascii();
        // No alphabet of base64 has a brace.
        let decoded = if text.starts_with('{') {
            if text.len() > FIELD_LIMIT {
                return Err(Refusal::FieldTooLong(FIELD));
            }
            None
        } else {
            Some(encoded::decode(FIELD, text)?)
        };
        let text = decoded.as_ref().map_or(text, |text| text.as_str());
        let object = parse(text).map_err(|error| match error.mistake {
            Mistake::Duplicate(name, _) => Refusal::DuplicateHeader(Shown::new(&name.to_ascii_lowercase())),
            _ => Refusal::HeaderForm,
        })?;
        let members = object.members().ok_or(Refusal::HeaderForm)?.iter();
        // A value that does not fit into a `Value` is no header's either.
        let value = |member: &Member<'_>| serde_json::from_str(member.value.text).unwrap_or_default();
        let pairs: Vec<(_, Value)> = members.map(|member| (&*member.name, value(member))).collect();
        Self::gather(pairs.iter().map(|(name, value)| (*name, value)))
    }

    fn from_lines(list: &[Value]) -> Result<Self, Refusal> {
        let split = |line: &Value| {
            let (name, value) = line.as_str()?.split_once(':')?;
            Some((name.to_owned(), Value::from(value)))
        };
        let Some(pairs) = list.iter().map(split).collect::<Option<Vec<_>>>() else {
            return Err(Refusal::HeaderForm);
        };
        Self::gather(pairs.iter().map(|(name, value)| (name.as_str(), value)))
    }

    fn gather<'a>(pairs: impl Iterator<Item = (&'a str, &'a Value)>) -> Result<Self, Refusal> {
        let mut headers = Self(Vec::new());
        let mut left = FIELD_LIMIT;
        for (name, value) in pairs {
            if headers.0.len() == COUNT_LIMIT {
                return Err(Refusal::TooManyHeaders);
            }
            let name = name.to_ascii_lowercase();
            if name.is_empty() || !name.bytes().all(in_name) {
                return Err(Refusal::HeaderName);
            }
            if headers.has(&name) {
                return Err(Refusal::DuplicateHeader(Shown::new(&name)));
            }
            let values = match value {
                Value::Array(list) => list.iter().map(text).collect(),
                one => text(one).map(|one| vec![one]),
            };
            let values = values.ok_or_else(|| Refusal::HeaderValueForm(Shown::new(&name)))?;
            let size = values
                .iter()
                .fold(name.len(), |size, value| size.saturating_add(value.len()));
            left = left.checked_sub(size).ok_or(Refusal::FieldTooLong(FIELD))?;
            headers.0.push(Header { name, values });
        }
        Ok(headers)
    }
}

/// A value without the spaces around it, which belong neither to a header nor to its signature. Vault takes numbers
/// too.
fn text(value: &Value) -> Option<Zeroizing<String>> {
    match value {
        Value::String(text) => Some(Zeroizing::new(text.trim_matches(' ').to_owned())),
        Value::Number(number) => Some(Zeroizing::new(number.to_string())),
        _ => None,
    }
}

/// The characters of a header's name (RFC 9110, section 5.6.2).
fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
