//! The secrets engines, one folder each, and what they share: the life of a lease that stands for a user in a cloud (`lease`),
//! rotation, templates for names, and values of the caller's identity.

pub mod alicloud;
pub mod aws;
mod identity;
mod lease;
mod rotation;
mod template;
