//! vault-plugin-alicloud.
pub mod alicloud;
pub mod arguments;
pub mod auth;
pub mod framework;
pub mod goplugin;
pub mod process;
pub mod secrets;
pub mod vault;
