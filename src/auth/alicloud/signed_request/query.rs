//! The parameters of a query: strictly decoded, each name once.

use zeroize::Zeroizing;

use super::refusal::{Refusal, Shown};
use super::rules::COUNT_LIMIT;

/// Decoded parameters in the order of the URL. No two names are equal, not even but for letter case: parsers disagree
/// about which of them counts.
pub(super) struct Query(Vec<(Zeroizing<String>, Zeroizing<String>)>);

impl Query {
    /// Reads what stands behind the question mark as a form: `+` is a space.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut query = Self(Vec::new());
        if text.is_empty() {
            return Ok(query);
        }
        if !text.bytes().all(is_allowed) {
            return Err(Refusal::QueryCharacter);
        }
        for pair in text.split('&') {
            if query.0.len() == COUNT_LIMIT {
                return Err(Refusal::TooManyParameters);
            }
            // Parsers disagree about a name without `=`, and about nothing between two `&`.
            let (name, value) = pair.split_once('=').ok_or(Refusal::Pair)?;
            let (name, value) = (decode(name)?, decode(value)?);
            if name.is_empty() {
                return Err(Refusal::Pair);
            }
            if query.0.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                return Err(Refusal::DuplicateParameter(Shown::new(&name)));
            }
            query.0.push((name, value));
        }
        Ok(query)
    }

    /// Whether there is a parameter of exactly this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known.as_str() == name)
    }

    /// Names and values, in the order of the URL.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The characters of a query by RFC 3986, without `;`, which some parsers take for `&`.
fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@/?%".contains(&byte)
}

fn decode(text: &str) -> Result<Zeroizing<String>, Refusal> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => match (bytes.next().and_then(digit), bytes.next().and_then(digit)) {
                (Some(high), Some(low)) => 16 * high + low,
                _ => return Err(Refusal::Escape),
            },
            byte => byte,
        });
    }
    let decoded = std::str::from_utf8(&decoded).map_err(|_| Refusal::QueryText)?;
    if decoded.chars().any(char::is_control) {
        return Err(Refusal::QueryText);
    }
    Ok(Zeroizing::new(decoded.to_owned()))
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
