//! Alibaba Cloud as a [`Service`](crate::cloud::Service) of the cloud client: signed calls of RAM, IMS and STS, and where its
//! credentials come from.
//!
//! It knows nothing of Vault and can be used without. It follows Alibaba Cloud's own documentation and API metadata of
//! RAM 2015-05-01, IMS 2019-08-15 and STS 2015-04-01, and what the official SDKs send.
//!
//! - [`ram::Ram`], [`ims::Ims`] and [`sts::Sts`] have a method for each operation. `service` signs (by [`sign`]) and interprets what comes back
//!   (by `answer` and `codes`), and has the documented rates.
//! - [`credentials`] finds keys in the environment, by a pod's identity token, at a credentials URI, or at the metadata
//!   service.
//! - [`Arn`] and [`Region`] are always valid; [`endpoint`] has the official hosts.

pub mod arn;
pub mod credentials;
pub mod endpoint;
pub mod hosts;
pub mod ims;
pub mod ram;
pub mod sign;
pub mod sts;

mod answer;
mod codes;
mod region;
mod service;
#[cfg(test)]
mod tests;
mod wire;

pub use self::arn::{AccountId, Arn, ParseArnError};
pub use self::region::{ParseRegionError, Region};
pub use self::sts::{CallerIdentity, Presigned};
pub use crate::cloud::credentials::Credentials;
pub use crate::cloud::{
    Client, Endpoint, Error, IgnoreNotFound, Kind, Parameters, ParseEndpointError, Result, Subject,
};
