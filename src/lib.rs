//! vault-plugin-alicloud.
pub mod alicloud;
pub mod framework;
pub mod goplugin;
pub mod vault;
