//! The Alibaba Cloud client: signed calls of RAM and STS, and where credentials come from.
//!
//! It knows nothing of Vault and can be used without. It follows Alibaba Cloud's own documentation and API metadata of
//! RAM 2015-05-01 and STS 2015-04-01, and what the official SDKs send.
//!
//! - [`Client`] owns the connections. [`Client::ram`] and [`Client::sts`] give the operations.
//! - [`Error`] has a [`Kind`] to decide on and a text that is safe to show; [`IgnoreNotFound`] is for deletions.
//! - [`credentials`] finds keys in the environment, by a pod's identity token, at a credentials URI, or at the metadata
//!   service, and keeps them fresh.
//! - [`Arn`], [`Region`] and [`Endpoint`] are always valid.
//! - [`sign`] has both signatures as pure functions.
//!
//! One call, from the inside: `ram` or `sts` gather [`Parameters`]; `signed` asks the provider for credentials, and for
//! others if the cloud refuses these; the call stands in the line of `pace` for its account and operation; `client` takes
//! one of the places for calls in flight, signs with a fresh time and nonce, and hands the request to `transport` (in the
//! shipped program always `http`: HTTPS only, no redirects); `answer` and `codes` sort what comes back; `retry` decides
//! about another try.

pub mod arn;
pub mod credentials;
pub mod hosts;
pub mod ram;
pub mod sign;
pub mod sts;

mod answer;
mod client;
mod codes;
mod encode;
mod endpoint;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http;
mod pace;
mod parameters;
mod redact;
mod region;
mod retry;
mod signed;
#[cfg(test)]
pub(crate) mod testing;
mod transport;
mod wire;

pub use self::arn::{AccountId, Arn, ParseArnError};
pub use self::client::{BuildError, Client, Options};
pub use self::credentials::Credentials;
pub use self::encode::{encode, encode_into};
pub use self::endpoint::{Endpoint, ParseEndpointError};
pub use self::error::{Error, IgnoreNotFound, Kind, Result, Subject};
pub use self::parameters::Parameters;
pub use self::ram::{AccessKey, AccessKeyInfo, KeyStatus, PolicyKind, PolicyRef, Ram};
pub use self::region::{ParseRegionError, Region};
pub use self::sts::{AssumeRole, AssumeRoleWithOidc, AssumedRole, CallerIdentity, Presigned, Sts};
pub use crate::cloud::random::nonce;
pub use crate::cloud::{Clock, SystemClock, timestamp};
