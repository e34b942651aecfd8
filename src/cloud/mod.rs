//! What every cloud client needs, whatever the vendor: deadlines, the clock, random names and nonces.
//!
//! It knows no vendor and nothing of Vault.

pub mod budget;
pub mod clock;
mod deadline;
pub mod random;

pub use clock::{Clock, SystemClock, timestamp};
pub use deadline::Deadline;
