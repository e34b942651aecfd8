//! The names of identity values.

use std::fmt;
use std::str::FromStr;

/// What every selector begins with.
pub(super) const START: &str = "identity.";

/// The longest part of a selector that an error shows, in characters.
const LONGEST_SHOWN: usize = 80;

/// Names a value of the caller's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// `identity.entity.id`
    Id,
    /// `identity.entity.name`
    Name,
    /// `identity.entity.metadata.<key>`
    Metadata(String),
    /// `identity.entity.aliases.<mount accessor>.name`
    AliasName(String),
    /// `identity.entity.aliases.<mount accessor>.metadata.<key>`
    AliasMetadata {
        /// Of the mount of the auth method.
        accessor: String,
        /// Of the metadata.
        key: String,
    },
    /// `identity.groups.names`: a value for each group.
    GroupNames,
}

/// A text that begins as a selector and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{{{{{0}}}}} is not known: write {{{{identity.entity.id}}}}, .entity.name, .entity.metadata.<key>, \
     .entity.aliases.<mount accessor>.name, .entity.aliases.<mount accessor>.metadata.<key> or .groups.names"
)]
pub struct SelectorError(pub(super) String);

impl SelectorError {
    pub(super) fn of(text: &str) -> Self {
        let shown = text.chars().filter(|c| !c.is_control());
        Self(shown.take(LONGEST_SHOWN).collect())
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let error = || SelectorError::of(text);
        let path = text.strip_prefix(START).ok_or_else(error)?;
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let selector = match path {
            "entity.id" => Some(Self::Id),
            "entity.name" => Some(Self::Name),
            "groups.names" => Some(Self::GroupNames),
            path => match path.strip_prefix("entity.metadata.") {
                Some(key) => filled(key).map(Self::Metadata),
                None => path.strip_prefix("entity.aliases.").and_then(|rest| {
                    let (accessor, member) = rest.split_once('.')?;
                    let accessor = filled(accessor)?;
                    match member.strip_prefix("metadata.") {
                        Some(key) => filled(key).map(|key| Self::AliasMetadata { accessor, key }),
                        None => (member == "name").then_some(Self::AliasName(accessor)),
                    }
                }),
            },
        };
        selector.ok_or_else(error)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(START)?;
        match self {
            Self::Id => f.write_str("entity.id"),
            Self::Name => f.write_str("entity.name"),
            Self::Metadata(key) => write!(f, "entity.metadata.{key}"),
            Self::AliasName(accessor) => write!(f, "entity.aliases.{accessor}.name"),
            Self::AliasMetadata { accessor, key } => {
                write!(f, "entity.aliases.{accessor}.metadata.{key}")
            }
            Self::GroupNames => f.write_str("groups.names"),
        }
    }
}
