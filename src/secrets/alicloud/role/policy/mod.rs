//! RAM policy documents: how they are stored and sent (`document`), with values of the caller (`filled`), and what RAM takes
//! (`grammar`, `condition`).
//!
//! Sources: Alibaba's "Policy structure and syntax", "Permission policy elements", "Conditional operators" and "Validate
//! policies" pages of RAM. A document that breaks what those call required or an error in the type of a value is refused,
//! as by RAM (`MalformedPolicyDocument`). What is only unknown here, a member, an operator or a way to write a value, is a
//! warning: RAM may know more than this version.

mod condition;
mod document;
mod filled;
mod finding;
mod grammar;
mod limits;
mod selectors;
mod value;

pub(in crate::secrets::alicloud) use document::PolicyDocument;
pub(in crate::secrets::alicloud) use limits::{MAX_BYTES, MAX_SESSION_BYTES};
