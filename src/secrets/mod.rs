//! The secrets engines, one folder each.

pub mod alicloud;
