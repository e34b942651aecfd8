//! What every cloud client needs, whatever the vendor: connections, deadlines, retries, rate limits, and credentials
//! that stay fresh.
//!
//! It knows no vendor and nothing of Vault. A vendor's module ([`alicloud`](crate::alicloud), [`aws`](crate::aws))
//! implements [`Service`]: how a call is signed, what an answer means, how often an operation may be called. Its
//! operations are methods on a type around an [`Api`]; its sources of credentials are [`credentials::Provider`]s.
//!
//! One call, from the inside: [`Api::call`] asks its provider for credentials, and for others if the cloud refuses these;
//! [`Client::call`] waits for the `rate_limiter` of account and operation and for a permit for calls in flight, lets the
//! service sign with the time of that moment, and hands the request to the `transport` (in the shipped program `https`,
//! over [`net`]); the service interprets what comes back, and `retry` decides about another try. All of it
//! ends by the [`Deadline`] of the call.

pub mod budget;
pub mod clock;
pub(crate) mod credentials;
pub mod encode;
pub(crate) mod file_state;
#[cfg(fuzzing)]
pub mod fuzzing;
pub(crate) mod meaning;
pub(crate) mod names;
pub(crate) mod net;
pub mod observer;
pub mod random;
pub(crate) mod redact;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod xml;

mod api;
mod checked_text;
mod circuit;
mod client;
mod deadline;
mod endpoint;
mod error;
mod https;
mod only_one;
mod parameters;
mod permits;
mod rate_limiter;
mod retry;
mod service;
mod transport;

pub(crate) use api::Api;
pub(crate) use checked_text::checked_text;
pub(crate) use circuit::Circuits;
pub use client::Client;
pub use clock::{Clock, SystemClock, timestamp};
pub use deadline::Deadline;
pub use endpoint::{Endpoint, ParseEndpointError};
pub use error::{Error, IgnoreNotFound, Kind, Result, Subject};
pub(crate) use only_one::create_only;
pub use parameters::Parameters;
pub(crate) use retry::Idempotency;
pub(crate) use service::{Call, Service, header_value};
pub use transport::Method;
pub(crate) use transport::{ANSWER_LIMIT, Answer, Failure, Request};
