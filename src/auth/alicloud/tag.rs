//! Tags of RAM roles.

use std::collections::BTreeMap;

use crate::cloud::checked_text;

/// The most characters of a key.
const KEY: usize = 128;
/// The most characters of a value.
const VALUE: usize = 256;

/// Keys and values: those that a RAM role has, or those that it must have.
pub(super) type Tags = BTreeMap<String, String>;

checked_text! {
    /// The key of a tag of a RAM role. Letter case matters.
    pub(super) struct TagKey, |text| is_key(text).then_some(()).ok_or(ParseTagKeyError) => ParseTagKeyError;
}

/// No tag of a RAM role can have this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key of a tag has 1 to 128 characters, and no control characters")]
pub(super) struct ParseTagKeyError;

pub(super) fn is_key(text: &str) -> bool {
    (1..=KEY).contains(&text.chars().count()) && !text.contains(char::is_control)
}

/// Whether a tag can have this value.
pub(super) fn is_value(text: &str) -> bool {
    text.chars().count() <= VALUE && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_counted_in_characters() {
        for key in ["a", "acs:rm:rgId", "a b/c*", &"\u{56e2}".repeat(128)] {
            assert!(TagKey::parse(key).is_ok(), "{key}");
        }
        for key in ["", "a\nb", &"k".repeat(129)] {
            assert_eq!(TagKey::parse(key), Err(ParseTagKeyError), "{key}");
        }
        assert!(is_value("") && is_value(&"v".repeat(256)) && !is_value(&"v".repeat(257)));
    }
}
