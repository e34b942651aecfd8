//! The values of one caller.

use crate::framework::{Context, Entity, Error, Excerpt};
use crate::secrets::identity::selector::Selector;

/// The characters of a value beside letters and digits: none that JSON, a policy's wildcards, variables and ARNs, or a path
/// know.
const ALSO: &[char] = &['.', '_', '-', '@', '+', '=', ',', ' '];

/// The longest value, in characters.
const LONGEST: usize = 256;

/// The most groups that a text is repeated for.
const MOST_GROUPS: usize = 100;

/// What the server knows of the caller of a request.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    entity: Entity,
    groups: Vec<String>,
}

impl Identity {
    /// Asks the server. It is asked for groups only where they are needed.
    ///
    /// # Errors
    /// The caller's token belongs to no entity, or the server does not tell.
    pub async fn of_caller(context: &Context, needs_groups: bool) -> Result<Self, Error> {
        let id = context.request.entity_id.as_str();
        let no_entity = || {
            Error::bad_request(
                "the role has values of the caller's identity, and this token belongs to no entity: use one from a login by an \
                 auth method",
            )
        };
        if id.is_empty() {
            return Err(no_entity());
        }
        let entity = context.system.entity(id).await?.ok_or_else(no_entity)?;
        let groups = if needs_groups {
            context.system.groups_of_entity(id).await?
        } else {
            Vec::new()
        };
        Ok(Self::new(entity, groups))
    }

    /// With these facts.
    #[must_use]
    pub fn new(entity: Entity, mut groups: Vec<String>) -> Self {
        groups.sort_unstable();
        groups.dedup();
        Self { entity, groups }
    }

    /// The value that a selector names.
    ///
    /// # Errors
    /// It is missing, or has characters which could change what is around it.
    pub fn value(&self, selector: &Selector) -> Result<&str, Error> {
        let entity = &self.entity;
        let alias = |accessor: &str| {
            entity
                .aliases
                .iter()
                .find(|alias| alias.mount_accessor == accessor)
        };
        let value = match selector {
            Selector::Id => Some(&entity.id),
            Selector::Name => Some(&entity.name),
            Selector::Metadata(key) => entity.metadata.get(key),
            Selector::AliasName(accessor) => alias(accessor).map(|alias| &alias.name),
            Selector::AliasMetadata { accessor, key } => {
                alias(accessor).and_then(|alias| alias.metadata.get(key))
            }
            Selector::GroupNames => None,
        };
        match value {
            Some(value) if !value.is_empty() => checked(selector, value),
            _ => Err(missing(selector)),
        }
    }

    /// The names of the groups.
    ///
    /// # Errors
    /// As for [`Self::value`].
    pub fn groups(&self) -> Result<&[String], Error> {
        let selector = Selector::GroupNames;
        if self.groups.is_empty() {
            return Err(missing(&selector));
        }
        if self.groups.len() > MOST_GROUPS {
            return Err(Error::bad_request(format!(
                "{{{{{selector}}}}}: the caller is in {} groups, and a role takes {MOST_GROUPS}",
                self.groups.len()
            )));
        }
        for group in &self.groups {
            checked(&selector, group)?;
        }
        Ok(&self.groups)
    }
}

fn missing(selector: &Selector) -> Error {
    let shown = selector.to_string();
    Error::bad_request(format!(
        "{{{{{}}}}}: the caller's identity has no such value, so nothing was made",
        Excerpt(&shown)
    ))
}

fn checked<'v>(selector: &Selector, value: &'v str) -> Result<&'v str, Error> {
    let fits = |c: char| c.is_alphanumeric() || ALSO.contains(&c);
    if value.chars().all(fits) && value.chars().count() <= LONGEST {
        return Ok(value);
    }
    let shown = selector.to_string();
    Err(Error::bad_request(format!(
        "{{{{{}}}}}: the caller's value cannot be used: it may have up to {LONGEST} letters, digits, spaces and any of . _ - @ + \
         = ,",
        Excerpt(&shown)
    )))
}
