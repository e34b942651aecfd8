//! Where lines of the log go.

use std::io::{self, Write as _};

/// Writes a line to stderr in one call: lines of several tasks must not mix.
pub(super) fn stderr(line: &[u8]) {
    // Nobody is left to tell when this fails.
    let _ = io::stderr().lock().write_all(line);
}
