//! A text with selectors in it.

use std::str::FromStr;

use crate::framework::Error;
use crate::secrets::identity::caller::Identity;
use crate::secrets::identity::selector::{START, Selector, SelectorError};

/// A text with selectors in it, each as `{{identity.…}}`. Other braces are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Selector(Selector),
}

/// Whether there are selectors in a text, right or wrong ones.
#[must_use]
pub fn has_selectors(text: &str) -> bool {
    let mut after_braces = text
        .match_indices("{{")
        .map(|(at, _)| text.get(at + 2..).unwrap_or_default());
    after_braces.any(|after| after.trim_start().starts_with(START))
}

/// Whether the groups of the caller are among them.
#[must_use]
pub fn has_groups(text: &str) -> bool {
    has_selectors(text) && text.contains("identity.groups.")
}

impl FromStr for Text {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            literal.push_str(before);
            if !after.trim_start().starts_with(START) {
                // Of three braces, the last two may begin a selector.
                literal.push('{');
                rest = rest.get(before.len() + 1..).unwrap_or_default();
                continue;
            }
            let (selector, after) = after.split_once("}}").ok_or_else(|| SelectorError::of(after))?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Selector(selector.trim().parse()?));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self(pieces))
    }
}

impl Text {
    /// The selectors.
    pub fn selectors(&self) -> impl Iterator<Item = &Selector> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Selector(selector) => Some(selector),
            Piece::Literal(_) => None,
        })
    }

    /// Whether it stands for a text for each group of the caller.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.selectors().any(|selector| *selector == Selector::GroupNames)
    }

    /// The text with the caller's values: one, or one for each group.
    ///
    /// # Errors
    /// A value that is missing, or that has characters which could change what is around it.
    pub fn filled(&self, identity: &Identity) -> Result<Vec<String>, Error> {
        let groups = if self.is_list() {
            identity
                .groups()?
                .iter()
                .map(|group| Some(group.as_str()))
                .collect()
        } else {
            vec![None]
        };
        let fill = |group: Option<&str>| {
            let pieces = self.0.iter().map(|piece| match (piece, group) {
                (Piece::Literal(text), _) => Ok(text.as_str()),
                (Piece::Selector(Selector::GroupNames), Some(group)) => Ok(group),
                (Piece::Selector(selector), _) => identity.value(selector),
            });
            pieces.collect::<Result<String, Error>>()
        };
        groups.into_iter().map(fill).collect()
    }
}
