//! Two values that accompany a role: the name of the session, and the external id.

use crate::cloud::checked_text;

checked_text! {
    /// The name of a role session: 2 to 64 letters, digits and any of `. @ _ -`.
    pub struct RoleSessionName, |text| {
        has_only(text, 64, b".@_-").then_some(()).ok_or(ParseSessionError::Name)
    } => ParseSessionError;
}

checked_text! {
    /// What the owner of a role and those who assume it agreed on: 2 to 1,224 letters, digits and any of
    /// `_ + = , . @ : / -`. It is no secret.
    pub struct ExternalId, |text| {
        has_only(text, 1224, b"_+=,.@:/-").then_some(()).ok_or(ParseSessionError::ExternalId)
    } => ParseSessionError;
}

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
