//! What a vendor adds to the client: signatures, the meaning of answers, and documented rates.

use std::fmt;

use http::HeaderValue;
use time::OffsetDateTime;

use crate::cloud::credentials::Credentials;
use crate::cloud::endpoint::Endpoint;
use crate::cloud::error::{Error, Kind, Result};
use crate::cloud::parameters::Parameters;
use crate::cloud::retry::Idempotency;
use crate::cloud::transport::{Answer, Request};

/// One call before it is signed.
pub(crate) struct Call {
    /// The operation as the vendor's documents spell it, such as `DeleteUser`.
    pub(crate) operation: &'static str,
    /// Whether it may be sent again after a lost answer.
    pub(crate) idempotency: Idempotency,
    /// The operation's own parameters, without those that a signature adds.
    pub(crate) parameters: Parameters,
}

/// One API of a vendor.
pub(crate) trait Service: fmt::Debug + Send + Sync {
    /// The request of one try, with this time and a nonce of its own. Without credentials it is anonymous.
    ///
    /// # Errors
    /// There is no randomness for a nonce.
    fn sign(
        &self,
        call: &Call,
        endpoint: &Endpoint,
        credentials: Option<&Credentials>,
        now: OffsetDateTime,
    ) -> Result<Request>;

    /// Whether an answer is a success of this API, or which error it is. Without credentials the cloud's own message is
    /// not shown: it may quote the secrets of a request that somebody else signed, or of one that carries an identity
    /// token in place of a signature.
    ///
    /// # Errors
    /// What the cloud refused, with its code, its request id, and the time that it asked to wait.
    fn interpret(
        &self,
        operation: &'static str,
        credentials: Option<&Credentials>,
        answer: &Answer,
    ) -> Result<()>;

    /// The calls a second that an account may make of an operation, by the vendor's documents; at least one.
    fn rate(&self, operation: &str) -> u32;
}

/// A header of a signed request. It is marked as sensitive: with a session token or a signature in it, it is a credential.
///
/// # Errors
/// [`Kind::Credentials`] for a key id or a token that cannot be in a header.
pub(crate) fn header_value(call: &Call, value: impl TryInto<HeaderValue>) -> Result<HeaderValue> {
    let mut value = value.try_into().map_err(|_| {
        let text = "the access key id or the session token has characters that no key has";
        Error::new(Kind::Credentials, call.operation, text)
    })?;
    value.set_sensitive(true);
    Ok(value)
}
