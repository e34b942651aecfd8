//! Two values that accompany a role: the name of the session, and the external id.

use std::fmt;
use std::str::FromStr;

/// The name of a role session: 2 to 64 letters, digits and any of `. @ _ -`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSessionName(String);

/// What the owner of a role and those who assume it agreed on: 2 to 1,224 letters, digits and any of `_ + = , . @ : / -`.
/// It is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalId(String);

/// The rule that a value broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseSessionError {
    /// No name for a session.
    #[error("a session name has 2 to 64 letters, digits and any of . _ - @")]
    Name,
    /// No external id.
    #[error("an external id has 2 to 1224 letters, digits and any of _ + = , . @ : / -")]
    ExternalId,
}

fn has_only(text: &str, most: usize, other: &[u8]) -> bool {
    (2..=most).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || other.contains(&b))
}

impl RoleSessionName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`ParseSessionError::Name`].
    pub fn parse(text: &str) -> Result<Self, ParseSessionError> {
        if has_only(text, 64, b".@_-") {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseSessionError::Name)
        }
    }
}

impl ExternalId {
    /// Checks an external id.
    ///
    /// # Errors
    /// [`ParseSessionError::ExternalId`].
    pub fn parse(text: &str) -> Result<Self, ParseSessionError> {
        if has_only(text, 1224, b"_+=,.@:/-") {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseSessionError::ExternalId)
        }
    }
}

impl FromStr for RoleSessionName {
    type Err = ParseSessionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for RoleSessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ExternalId {
    type Err = ParseSessionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_characters_are_those_of_sts() {
        let name = |text: &str| RoleSessionName::parse(text).is_ok();
        assert!(name("ab") && name("vault@node-1.example_x") && name(&"a".repeat(64)));
        assert!(
            !name("") && !name("a") && !name(&"a".repeat(65)) && !name("a b") && !name("a/b") && !name("aé")
        );
        let id = |text: &str| ExternalId::parse(text).is_ok();
        assert!(id("ab") && id("a_+=,.@:/-b") && id(&"a".repeat(1224)));
        assert!(!id("") && !id("a") && !id(&"a".repeat(1225)) && !id("a b") && !id("a*b"));
    }
}
