//! Why a template is refused, and why it cannot be evaluated.

use crate::secrets::template::LONGEST_TEMPLATE;

/// Why a text is no template. The texts quote short parts of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Too long.
    #[error("a template can have {LONGEST_TEMPLATE} bytes")]
    TooLong,
    /// An action that does not end.
    #[error("\"{{{{\" is not followed by \"}}}}\"")]
    Unclosed,
    /// A text in quotes that does not end.
    #[error("a quote has no end")]
    Quote,
    /// A character that begins nothing.
    #[error("{0:?} is not expected in an action")]
    Character(char),
    /// Something is missing or too much.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A word that is neither a function nor a value.
    #[error(
        "{0:?} is not known: values are .DisplayName and .RoleName; functions are random, truncate, truncate_sha256, uppercase, \
         lowercase, replace, sha256, base64, unix_time, unix_time_millis, timestamp, uuid and printf"
    )]
    Unknown(String),
    /// Arguments that a function does not take.
    #[error("{function} is written as {usage}")]
    Usage {
        /// Its name.
        function: &'static str,
        /// How it is written.
        usage: &'static str,
    },
    /// A part of the format of a time.
    #[error(
        "timestamp: {0:?} is not known in a format: write the reference time 2006-01-02T15:04:05, with 06, Jan, January, Mon or \
         Monday if wanted"
    )]
    Layout(String),
    /// Too many parentheses or functions inside each other.
    #[error("actions are nested too deep")]
    TooDeep,
}

/// Why a template cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A text became too long on the way.
    #[error("a text became longer than {0} bytes")]
    TooLong(usize),
    /// No random bytes.
    #[error("the OS random source failed")]
    Random(#[source] getrandom::Error),
}
