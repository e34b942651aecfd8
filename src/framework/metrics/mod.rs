//! Metrics: what a mount and its process count, and the path that shows it.
//!
//! Whoever counts keeps [`Counter`]s and [`Gauge`]s, which are atomics, and is a [`Collect`] that puts them into
//! [`Families`] when somebody reads the path `metrics`. Nothing is read from storage for that, and nothing is asked of
//! the cloud. Labels are constants of the code, by their type: no name of a user, a role, a lease or an account can get
//! into one.
//!
//! The crates for Prometheus keep labelled values in maps behind locks, with labels that are allocated at each count, and
//! write one format each; the two formats here are less code than an adapter to one of them.

mod by_name;
mod cloud;
mod families;
mod jobs;
mod mount;
mod path;
mod text;
mod values;

pub use cloud::CloudMetrics;
pub use families::{Collect, Families};
pub(super) use jobs::JobMetrics;
pub(super) use mount::MountMetrics;
pub(super) use path::{Registry, path};
pub use values::{Counter, Gauge};
