//! The auth methods, one folder each.

pub mod alicloud;
