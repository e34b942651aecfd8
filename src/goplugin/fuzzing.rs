//! A door for `tests/fuzz`, compiled only with `--cfg fuzzing`: what was read of the host's environment.

use std::ffi::OsString;
use std::time::Duration;

use rustls::pki_types::UnixTime;

use super::handshake::{Cookie, Handshake, HandshakeError};

/// What the tests of the handshake look at.
#[derive(Debug)]
pub struct Read {
    /// The host's certificate.
    pub certificate: Vec<u8>,
    /// The period in which it is good, in seconds since 1970.
    pub period: (i64, i64),
    /// The line that would answer, with this socket and with the host's certificate as our own.
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
        let certificate = &handshake.host_certificate;
        let (der, not_before, not_after) = certificate.parts();
        assert!(certificate.is(der));
        for at in [not_before, not_after] {
            if let Ok(seconds) = u64::try_from(at) {
                let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
                assert_eq!(certificate.has_begun(now), not_before <= at);
                assert_eq!(certificate.has_ended(now), at > not_after);
            }
        }
        Ok(Self {
            certificate: der.to_vec(),
            period: (not_before, not_after),
            line: handshake.line("/tmp/plugin0123456789abcdef", der),
        })
    }
}
