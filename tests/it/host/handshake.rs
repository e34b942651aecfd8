//! The handshake line, parsed with no tolerance at all.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use rustls::pki_types::CertificateDer;

/// What a plugin said in its first line.
#[derive(Clone, Debug)]
pub struct Line {
    pub address: PathBuf,
    pub certificate: CertificateDer<'static>,
    /// The seventh field, if there is one.
    pub multiplexing: Option<bool>,
}

impl Line {
    /// Six or seven fields, each exactly as go-plugin's `client.go` wants it; `line` includes the line break.
    pub fn parse(line: &str) -> Result<Self, String> {
        let text = line
            .strip_suffix('\n')
            .ok_or_else(|| format!("no line break at the end of {line:?}"))?;
        if text.trim() != text || !text.is_ascii() || text.len() > 64 << 10 {
            return Err(format!("unclean line {text:?}"));
        }
        let fields: Vec<&str> = text.split('|').collect();
        let (six, multiplexing) = match fields.as_slice() {
            [six @ .., "true"] if six.len() == 6 => (six, Some(true)),
            [six @ .., "false"] if six.len() == 6 => (six, Some(false)),
            six if six.len() == 6 => (six, None),
            other => return Err(format!("{} fields: {text:?}", other.len())),
        };
        let ["1", "5", "unix", address, "grpc", certificate] = six else {
            return Err(format!("unexpected fields: {text:?}"));
        };
        if !address.starts_with('/') {
            return Err(format!("the socket path is not absolute: {address:?}"));
        }
        let certificate = STANDARD_NO_PAD
            .decode(certificate)
            .map_err(|error| format!("{certificate:?}: {error}"))?;
        Ok(Self {
            address: address.into(),
            certificate: certificate.into(),
            multiplexing,
        })
    }
}
