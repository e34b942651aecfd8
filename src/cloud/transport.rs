//! What the client asks of the network: one object-safe trait, so that the client's rules are tested against a script
//! with a paused clock. Nothing outside this module can choose another transport.

use std::fmt;

use async_trait::async_trait;
use http::HeaderMap;
use zeroize::Zeroizing;

use crate::cloud::endpoint::Endpoint;

/// Longest answer that is read, in bytes. A list of 1,000 users is under 400 KiB.
pub(crate) const ANSWER_LIMIT: usize = 1024 * 1024;

/// The HTTP methods that the clouds' APIs take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`: all parameters in the query.
    Get,
    /// `POST`: parameters in the query, in a form body, or in both.
    Post,
}

impl Method {
    /// The method as it is signed and sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who signed a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signer {
    /// This program.
    Own,
    /// Somebody else, who needs no token for it and chooses among the hosts.
    Other,
}

/// One request, over HTTPS to path `/`. It has no `Debug`: nearly all of it is secret.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) endpoint: Endpoint,
    /// Without `?`; percent-encoded.
    pub(crate) query: Zeroizing<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// Longest answer that is accepted, in bytes.
    pub(crate) answer_limit: usize,
}

/// One answer, of any status. It has no `Debug`: it may hold keys.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer, sorted by whether the request may have arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing was sent. The text is safe to show.
    Connect(String),
    /// Nothing was sent, nor will be before a setting is changed. The text is safe to show.
    Unusable(String),
    /// The request was sent, at least in part, and the connection broke.
    Interrupted,
    /// The answer is longer than was allowed.
    TooLong,
}

/// Sends one request and reads one answer. No retry, no redirect; the caller bounds the time by dropping the future.
#[async_trait]
pub(crate) trait Transport: fmt::Debug + Send + Sync {
    async fn send(&self, request: Request, signer: Signer) -> Result<Answer, Failure>;
}
