//! Whether the machine's CA certificates have changed.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cloud::file_state::FileState;

/// Where Linux distributions and the BSDs keep the bundle, as OpenSSL's users look for it. The folder changes when a
/// certificate in it is added, removed or replaced.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
];

/// The state of the files and folders that CA certificates are read from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CaBundle(Vec<Option<FileState>>);

impl CaBundle {
    /// The state now.
    pub(super) fn now() -> Self {
        Self::of(|name| std::env::var_os(name))
    }

    fn of(var: impl Fn(&str) -> Option<OsString>) -> Self {
        let named: Vec<PathBuf> = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
            .iter()
            .filter_map(|name| var(name))
            .map(PathBuf::from)
            .collect();
        let paths = if named.is_empty() {
            BUNDLES.map(PathBuf::from).to_vec()
        } else {
            named
        };
        let state = |path: &PathBuf| std::fs::metadata(path).ok().as_ref().map(FileState::of);
        Self(paths.iter().map(state).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_is_replaced_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let now = || CaBundle::of(|name| (name == "SSL_CERT_FILE").then(|| file.clone().into()));
        let missing = now();
        std::fs::write(&file, "one").unwrap();
        let written = now();
        assert_eq!(written, now());
        assert_ne!(written, missing);
        let beside = folder.path().join("new.pem");
        std::fs::write(&beside, "two").unwrap();
        std::fs::rename(&beside, &file).unwrap();
        assert_ne!(written, now());
    }
}
