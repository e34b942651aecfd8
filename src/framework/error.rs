//! The one error type that handlers return, and what each kind becomes at the host.
//!
//! Vault has two ways to say no: an error *answer* (data that holds only `error`, always HTTP 400, our text) and an
//! RPC error whose kind decides the status. For several kinds the host puts its own fixed text in place of ours, so
//! only those kinds that keep the text, or whose fixed text says enough, are used here.

use std::borrow::Cow;

/// The cause of an [`Error`], for the log only.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a request failed. The message is for the caller of the API, the source is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: Kind,
    message: Cow<'static, str>,
    source: Option<BoxError>,
}

/// What an [`Error`] becomes at the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A mistake of the caller: HTTP 400 with our text.
    BadRequest,
    /// A chosen HTTP status with our text.
    Coded(Status),
    /// HTTP 500 with our text.
    Internal,
    /// The node may not write: the host forwards the request to the active node.
    ReadOnly,
    /// HTTP 405 with the host's text: the path has no handler for the operation.
    UnsupportedOperation,
    /// HTTP 404 with the host's text: no path matches.
    UnsupportedPath,
}

/// An HTTP status that an error may have, 400 to 599. Anything else makes the host's HTTP handler panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(u16);

/// The text by which hosts recognise that a request must go to the active node.
pub(crate) const READ_ONLY: &str = "cannot write to readonly storage";

impl Error {
    /// An error of the given kind. The message is lower case, without a full stop, and free of secrets.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// A mistake of the caller: HTTP 400 with this text.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::BadRequest, message)
    }

    /// An error with a chosen HTTP status and this text.
    pub fn coded(status: Status, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Coded(status), message)
    }

    /// A failure that is nobody's mistake: HTTP 500 with this text.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// The node may not write; see [`Kind::ReadOnly`].
    pub fn read_only() -> Self {
        Self::new(Kind::ReadOnly, READ_ONLY)
    }

    /// No handler for the operation on this path.
    pub fn unsupported_operation() -> Self {
        Self::new(Kind::UnsupportedOperation, "unsupported operation")
    }

    /// No path matches.
    pub fn unsupported_path() -> Self {
        Self::new(Kind::UnsupportedPath, "unsupported path")
    }

    /// Adds the cause, which goes to the log and never to the caller.
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the error becomes at the host.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The text for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Status {
    /// 403: the cloud, or a rule of ours, refuses.
    pub const FORBIDDEN: Self = Self(403);
    /// 404.
    pub const NOT_FOUND: Self = Self(404);
    /// 409: the cloud's state does not allow it.
    pub const CONFLICT: Self = Self(409);
    /// 413: the request is larger than what is taken.
    pub const TOO_LARGE: Self = Self(413);
    /// 429: the cloud asks for less.
    pub const TOO_MANY_REQUESTS: Self = Self(429);
    /// 502: the cloud's answer makes no sense, or the connection broke.
    pub const BAD_GATEWAY: Self = Self(502);
    /// 503: the cloud cannot be reached, or says that it is down.
    pub const UNAVAILABLE: Self = Self(503);

    /// The number, always 400 to 599.
    pub fn code(self) -> u16 {
        self.0
    }
}
