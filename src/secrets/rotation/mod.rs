//! When an engine replaces a credential by itself: after a period, or by a cron schedule. What is replaced, and how, is the
//! engine's.
//!
//! The fields, their rules and their texts are those of the automated rotation of Vault Enterprise (`automatedrotationutil`
//! of its Go SDK); here the plugin rotates by itself, at ticks of the server.

mod cron;
mod schedule;
mod settings;

pub use schedule::Turn;
pub use settings::{HasRotation, Periods, RotationSettings, rfc3339, with_rotation};
