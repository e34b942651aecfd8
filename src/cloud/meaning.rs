//! What an error code of a cloud means. Each vendor has its own table of codes.

use super::error::Kind;

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// The kind of error.
    pub(crate) kind: Kind,
    /// Whether the call may have been carried out.
    pub(crate) outcome_unknown: bool,
    /// A text of ours, where the cloud's message may quote the request. Otherwise the cloud's is used.
    pub(crate) text: Option<&'static str>,
}

/// The call was not carried out; the cloud's message is shown.
pub(crate) const fn refused(kind: Kind) -> Meaning {
    Meaning {
        kind,
        outcome_unknown: false,
        text: None,
    }
}

/// The call was not carried out; this text is shown.
pub(crate) const fn told(kind: Kind, text: &'static str) -> Meaning {
    Meaning {
        text: Some(text),
        ..refused(kind)
    }
}

/// The call may have been carried out; this text is shown.
pub(crate) const fn ambiguous(kind: Kind, text: &'static str) -> Meaning {
    Meaning {
        outcome_unknown: true,
        ..told(kind, text)
    }
}
