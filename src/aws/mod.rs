//! Amazon Web Services as a [`Service`](crate::cloud::Service) of the cloud client: signed calls of IAM.
//!
//! It knows nothing of Vault. It follows AWS's documents of Signature Version 4, of the query protocol and of IAM
//! 2010-05-08, and what botocore sends.
//!
//! - [`iam::Iam`] has a method for each operation. `service` signs (by `sign`) and interprets what comes back (by `answer`
//!   and `codes`).
//! - [`Region`] is always valid, and knows its partition: IAM has one host in each.
//!
//! No SDK and no signing crate is used. AWS's own signer brings the runtime of its SDKs, twelve crates, and that of
//! `reqsign` a second library for dates and one for INI files; the signature of one kind of request is less code than
//! either takes to be called. It is checked against AWS's published vectors and against botocore.

pub mod iam;

mod answer;
mod arn;
mod codes;
mod region;
mod service;
mod sign;
#[cfg(test)]
mod tests;

pub use self::arn::account_of;
pub use self::region::Region;
