//! The kinds of fields, and why a value does not fit one.

use crate::framework::duration::DurationError;

/// The type of a field, and with it what a caller may send for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// True or false. Canonical: a JSON boolean.
    Bool,
    /// Strings, also as one text separated by commas. Canonical: an array of strings.
    CommaStringSlice,
    /// A length of time, not negative. Canonical: whole seconds as a number.
    DurationSecond,
    /// HTTP headers. The path itself reads them, in each of the forms that clients send. Canonical: what was sent.
    Header,
    /// A 64-bit integer. Canonical: a number.
    Int,
    /// Names with text values. Canonical: an object of strings.
    KvPairs,
    /// Text folded to lower case. Canonical: a string.
    LowercaseString,
    /// Text. Canonical: a string.
    String,
    /// Strings; a single text is one element. Canonical: an array of strings.
    StringSlice,
}

/// Why a value does not fit a kind. The value is never in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoerceError {
    /// A duration breaks its grammar.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// More than 64 bits can hold.
    #[error("the number is out of range")]
    Range,
    /// Text of the wrong form.
    #[error("expected {0}")]
    Syntax(&'static str),
    /// A JSON type that cannot be read as the kind.
    #[error("expected {wanted}, got {got}")]
    Type {
        /// What the kind wants.
        wanted: &'static str,
        /// The JSON type that came.
        got: &'static str,
    },
}
