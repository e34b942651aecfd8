//! The environment as a value.

use std::sync::Arc;

/// The environment as a value: `std::env` in a program, a table in a test. Closures are environments.
pub trait Environment: Send + Sync {
    /// The value of a variable.
    fn var(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String> + Send + Sync> Environment for F {
    fn var(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// The environment of this process. A value that is not Unicode counts as absent.
#[must_use]
pub fn process_environment() -> Arc<dyn Environment> {
    Arc::new(|name: &str| std::env::var(name).ok())
}
