//! stub
pub mod generated;
