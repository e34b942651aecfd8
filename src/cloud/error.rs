//! What can go wrong with a call: kinds to decide on, and a text that is safe to show.
//!
//! Neither the text nor `Debug` ever has a URL, a request or an answer body, a secret or a token. The cloud's own
//! message is shown only where it cannot quote the request, bounded and with the caller's secrets taken out.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

use crate::cloud::clock;
use crate::cloud::transport::Answer;

/// What failed, as a decision needs it. Made from the cloud's code, never from the HTTP status when there is a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The machine's clock differs from the cloud's by more than 15 minutes: set the clock.
    Clock,
    /// Something is still attached: remove it, then repeat. [`Error::subject`] tells what.
    Conflict,
    /// No connection, so nothing was sent: look at DNS, proxy, firewall and CA certificates.
    Connect,
    /// The key is unknown, disabled or wrong, or the token is damaged, expired or missing: use other credentials.
    Credentials,
    /// Good credentials that lack the permission, or a trust policy that does not fit: change the policies.
    Denied,
    /// The thing to be made is already there.
    Exists,
    /// The thing is not there: a success when deleting.
    NotFound,
    /// The request went out and the connection broke before the answer was complete.
    Interrupted,
    /// The cloud refuses the request as wrong: a name, a policy document, a parameter, or a host of another service.
    Invalid,
    /// A quota is used up, for instance two keys a user.
    LimitExceeded,
    /// Too many calls, in the whole account: repeat later.
    Throttled,
    /// No answer in time. [`Error::outcome_unknown`] tells whether the request had gone out.
    Timeout,
    /// The service failed: repeat later.
    Unavailable,
    /// An answer that no service of this API gives: not in its format, too long, or lacking what it must have.
    Unexpected,
}

/// The kind of thing that a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An access key of a user.
    AccessKey,
    /// A group, or the membership in one.
    Group,
    /// The console password of a user.
    LoginProfile,
    /// The MFA device of a user.
    MfaDevice,
    /// A policy, or its attachment.
    Policy,
    /// A role.
    Role,
    /// A user.
    User,
    /// A version of a policy.
    Version,
}

/// Why a call to the cloud failed.
///
/// `Display` gives one line: operation, code, a short text and the request id by which the cloud's support finds the
/// call. It is safe for logs and for the callers of an API.
#[derive(Clone)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: Kind,
    operation: &'static str,
    message: String,
    code: Option<String>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    server_time: Option<OffsetDateTime>,
    outcome_unknown: bool,
    is_lasting: bool,
    subject: Option<Subject>,
}

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What to decide on.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The operation as the cloud's documents spell it, such as `DeleteUser`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The cloud's code, when there was an answer with one. For people; decide on [`Self::kind`].
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The id of the request at the cloud.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How long the cloud asked to wait, if it did.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The service's own time of day, where a refusal of kind [`Kind::Clock`] came with it.
    pub(super) fn server_time(&self) -> Option<OffsetDateTime> {
        self.0.server_time
    }

    /// The short text without operation, code and request id.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the call may have been carried out all the same, in this try or an earlier one of the same call. Then
    /// look before a thing is made once more.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// Whether what was to be removed is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == Kind::NotFound
    }

    /// Whether only a change of settings can fix it, so that a retry is a waste of time.
    pub(crate) fn is_lasting(&self) -> bool {
        self.0.is_lasting
    }

    /// What a refusal is about, where the cloud's code tells.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        self.0.subject
    }

    pub(crate) fn new(kind: Kind, operation: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            operation,
            message: message.into(),
            code: None,
            request_id: None,
            retry_after: None,
            server_time: None,
            outcome_unknown: false,
            is_lasting: false,
            subject: None,
        }))
    }

    /// Too many others are at it: nothing was sent.
    pub(super) fn busy(operation: &'static str) -> Self {
        let text = "too many calls are in flight; the request was not sent";
        Self::new(Kind::Timeout, operation, text)
    }

    /// An answer that came, for a call that was carried out or may have been, but cannot be used.
    pub(crate) fn unexpected(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Unexpected, operation, message).with_outcome_unknown(true)
    }

    /// The same as one that no retry mends.
    pub(crate) fn lasting(mut self) -> Self {
        self.0.is_lasting = true;
        self
    }

    pub(crate) fn with_code(mut self, code: String) -> Self {
        self.0.code = Some(code);
        self
    }

    pub(crate) fn with_subject(mut self, subject: Option<Subject>) -> Self {
        self.0.subject = subject;
        self
    }

    pub(crate) fn with_request_id(mut self, id: Option<String>) -> Self {
        self.0.request_id = id;
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    /// Notes the service's own time, so that a refused one is tried once more with it.
    pub(crate) fn with_server_time(mut self, time: Option<OffsetDateTime>) -> Self {
        self.0.server_time = time;
        self
    }

    /// Adds how this machine's clock differs from the cloud's, where the error is about that and the answer tells.
    pub(crate) fn with_clock_of(mut self, answer: &Answer, now: OffsetDateTime) -> Self {
        if self.kind() == Kind::Clock
            && let Some(server) = clock::date_of(&answer.headers)
        {
            self.0.message = format!("{}; {}", self.0.message, clock::compared_with(server, now));
        }
        self
    }

    pub(crate) fn with_outcome_unknown(mut self, unknown: bool) -> Self {
        self.0.outcome_unknown = unknown;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation())?;
        if let Some(code) = self.code() {
            write!(f, ": {code}")?;
        }
        write!(f, ": {}", self.message())?;
        if let Some(id) = self.request_id() {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::error::Error for Error {}

/// Takes "it is not there" for done, which is right for every deletion and detachment.
pub trait IgnoreNotFound {
    /// `Ok` also when the error is of kind [`Kind::NotFound`].
    ///
    /// # Errors
    /// Every error of another kind.
    fn ignore_not_found(self) -> Result<()>;
}

impl<T> IgnoreNotFound for Result<T> {
    fn ignore_not_found(self) -> Result<()> {
        match self {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_one_line_with_code_and_request_id() {
        let error = Error::new(Kind::NotFound, "DeleteUser", "the user does not exist")
            .with_code("EntityNotExist.User".into())
            .with_request_id(Some("ABC-1".into()));
        assert_eq!(
            error.to_string(),
            "DeleteUser: EntityNotExist.User: the user does not exist (request id ABC-1)"
        );
        assert!(Err::<(), _>(error).ignore_not_found().is_ok());
    }
}
