//! For `tests/fuzz`, compiled only with `--cfg fuzzing`: what was read of the host's environment.

use std::ffi::OsString;

use super::handshake::{Cookie, Handshake, HandshakeError};

/// What the tests of the handshake look at.
#[derive(Debug)]
pub struct Read {
    /// The line that would answer, with the host's certificate as our own.
    pub line: String,
}

impl Read {
    /// Reads an environment. What must hold of every certificate is checked.
    ///
    /// # Errors
    /// As [`Handshake::from_env`].
    pub fn from_env(
        cookie: Cookie,
        version: u32,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, HandshakeError> {
        let handshake = Handshake::from_env(cookie, version, env)?;
        let certificate = handshake.host_certificate.der();
        assert!(handshake.host_certificate.is(certificate));
        Ok(Self {
            line: handshake.line("/tmp/plugin0123456789abcdef", certificate),
        })
    }
}
