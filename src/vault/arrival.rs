//! How a request came in: by which call, and what was decided of it before its message was decoded.

use super::admission::Permit;
use crate::cloud::Deadline;
use crate::framework::{Backend, Error, Operation, RequestClass};

/// A call that carries a request.
#[derive(Clone, Copy)]
pub(super) enum Carrier {
    Request,
    ExistenceCheck,
}

impl Carrier {
    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            "/pb.Backend/HandleRequest" => Some(Self::Request),
            "/pb.Backend/HandleExistenceCheck" => Some(Self::ExistenceCheck),
            _ => None,
        }
    }

    /// Whether the path alone answers it. The host sends the data along all the same.
    pub(super) fn needs_path_alone(self, backend: &Backend, operation: Operation, path: &str) -> bool {
        match self {
            Self::Request => operation == Operation::ResolvePath,
            Self::ExistenceCheck => matches!(backend.checks_existence(path), Ok(false)),
        }
    }
}

/// How a request came in.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) operation: String,
    pub(super) path: String,
    pub(super) class: RequestClass,
    pub(super) deadline: Deadline,
    /// Whether reading its message takes long.
    pub(super) is_large: bool,
    /// Whether its path alone answers it. Then its message is not read.
    pub(super) needs_path_alone: bool,
    /// Held until the request's work is done.
    pub(super) permit: Result<Permit, Error>,
}

/// From so many bytes on a request has a thread of its own: coercing and checking its documents takes a millisecond and more.
const LARGE: usize = 8 << 10;

/// Whether a request is served on a thread of its own. Logins are not: anybody may send them, and they hold no documents.
pub(super) fn is_large(class: RequestClass, message: usize) -> bool {
    message > LARGE && !matches!(class, RequestClass::Login | RequestClass::Static)
}
