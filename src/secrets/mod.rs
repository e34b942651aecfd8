//! The secrets engines, one folder each, and what they share: the life of a lease that stands for a user in a cloud.

pub mod alicloud;
pub mod aws;
mod identity;
mod lease;
mod rotation;
mod template;
