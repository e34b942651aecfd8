//! Behaviour through the real binary, with a host made for tests. One program, so that it is linked once.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that finds something unexpected should stop, helpers included"
)]

mod dependencies;
mod docs;
mod host;
mod log_events;
mod privacy;
mod protocol;
mod signer;
mod threat_model;
