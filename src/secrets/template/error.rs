//! Why a template is refused, and why it cannot be evaluated.

use crate::framework::Error;
use crate::secrets::identity::SelectorError;

/// The longest template, in bytes.
pub(super) const LONGEST_TEMPLATE: usize = 1024;

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
        "{0:?} is not known: values are .DisplayName, .RoleName and those of identity; functions are random, truncate, truncate_sha256, uppercase, \
         lowercase, replace, sha256, base64, unix_time, unix_time_millis, timestamp, uuid and printf"
    )]
    Unknown(String),
    /// No value of the caller's identity.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// A list, where one value is needed.
    #[error("identity.groups.names is a list, which a name cannot have")]
    List,
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
    /// A value of the caller's identity that is missing or cannot be used.
    #[error("{}", .0.message())]
    Identity(Error),
    /// Values of the caller's identity, which these names cannot have.
    #[error("values of the caller's identity cannot be used here")]
    NoIdentity,
    /// No random bytes.
    #[error("the OS random source failed")]
    Random(#[source] getrandom::Error),
}
