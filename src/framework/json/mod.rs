//! JSON that somebody wrote by hand, read strictly: a member that is given twice is refused, not dropped, and every
//! refusal says where in the text and, for what people really write (comments, trailing commas, curly quotes, invisible
//! characters), what it is. `serde_json` keeps the last of two members, and says "expected value" for the rest.
//!
//! [`parse()`] gives a tree whose nodes know their text and their place, so that rules about the content (the grammar of a
//! policy) can name places as well. What is read can be written again without a change: numbers keep their digits.

mod error;
mod file_name;
mod invisible;
mod misspelt;
mod node;
mod parse;
mod place;

pub use error::{JsonError, Mistake};
pub use file_name::FileName;
pub use invisible::invisible;
pub use misspelt::meant;
pub use node::{Content, Member, Node};
pub use place::Place;

/// Reads one JSON value. A byte order mark before it, and white space around it, are left out.
///
/// # Errors
/// The text is not JSON, has something after it, has a member twice, or is nested deeper than 64 levels.
pub fn parse(text: &str) -> Result<Node<'_>, JsonError> {
    parse::Parser::new(text).document()
}

/// Reads the JSON that somebody wrote into a field.
///
/// # Errors
/// As for [`parse()`], with what to write instead if the text looks like the name of a file.
pub fn parse_text<'t>(field: &str, text: &'t str) -> Result<Node<'t>, TextError> {
    parse(text).map_err(|error| match FileName::recognise(field, text) {
        Some(name) => TextError::FileName(name),
        None => TextError::NotJson(error),
    })
}

/// Why the text of a field is refused.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The name of a file in place of its content.
    #[error("{0}")]
    FileName(FileName),
    /// Not JSON.
    #[error("not valid JSON: {0}")]
    NotJson(JsonError),
}

#[cfg(test)]
mod tests;
