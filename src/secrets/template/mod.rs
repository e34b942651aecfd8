//! Templates for names, in the syntax of Vault's username templates: text, and actions such as
//! `{{ .DisplayName | truncate 20 }}`.
//!
//! Vault evaluates them with Go's `text/template`. This is the part of it that names need, and no more: every action is
//! read, when a template is written, into a tree of typed expressions, whose evaluation cannot fail for another reason than
//! its size. Functions are those of Vault's `sdk/helper/template`, and `printf`. There is nothing that loops, and nothing
//! that reaches for anything but the [`Values`].
//!
//! `parse` reads a template, by `expression` and `tokens`; `layout` reads the format of times; `render` evaluates.

mod error;
mod expression;
mod layout;
mod parse;
mod render;
mod tokens;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use error::{RenderError, TemplateError};
use expression::Expression;
pub use render::{IdentityValues, Rendered, Values};

/// A template. It prints and is stored as it was written, byte for byte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    source: String,
    parts: Vec<Expression>,
    has_identity: bool,
}

impl Template {
    /// Whether it has values of the caller's identity.
    #[must_use]
    pub fn has_identity(&self) -> bool {
        self.has_identity
    }

    /// The text for these values, without white space around it.
    ///
    /// # Errors
    /// A text became too long on the way, or the operating system gave no random bytes.
    pub fn render(&self, values: &Values<'_>) -> Result<Rendered, RenderError> {
        render::render(&self.parts, values)
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(source: &str) -> Result<Self, TemplateError> {
        let (parts, has_identity) = parse::parse(source)?;
        Ok(Self {
            parts,
            has_identity,
            source: source.to_owned(),
        })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(source: String) -> Result<Self, TemplateError> {
        source.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.source
    }
}

#[cfg(test)]
mod tests;
