//! The plugin protocol, by the conformance list: one test for each promise.

mod admission;
mod auxiliary;
mod backend;
mod lifetime;
mod memory;
mod multiplexed;
mod operations;
mod start;
mod tls;
