//! Whether the machine's CA certificates have changed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, fs};

use crate::cloud::file_state::FileState;

/// Where Linux distributions and the BSDs keep the bundle, as OpenSSL's users look for it.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
];

/// The state of the files and folders that CA certificates are read from, and of the files in `SSL_CERT_DIR`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CaBundle(Vec<(PathBuf, Option<FileState>)>);

impl CaBundle {
    /// The state now.
    pub(super) fn now() -> Self {
        Self::of(|name| env::var_os(name))
    }

    pub(super) fn of(var: impl Fn(&str) -> Option<OsString>) -> Self {
        let file = var("SSL_CERT_FILE").map(PathBuf::from);
        let folders = var("SSL_CERT_DIR").unwrap_or_default();
        let folders = env::split_paths(&folders).filter(|folder| !folder.as_os_str().is_empty());
        let mut paths: Vec<_> = file.into_iter().collect();
        for folder in folders {
            // A file that is written anew in its place changes nothing of its folder.
            let inside = fs::read_dir(&folder).into_iter().flatten().flatten();
            paths.extend(inside.map(|entry| entry.path()));
            paths.push(folder);
        }
        if paths.is_empty() {
            paths = BUNDLES.map(PathBuf::from).to_vec();
        }
        paths.sort();
        let state = |path: PathBuf| {
            let state = fs::metadata(&path).ok().as_ref().map(FileState::of);
            (path, state)
        };
        Self(paths.into_iter().map(state).collect())
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
        fs::write(&file, "one").unwrap();
        let written = now();
        assert_eq!(written, now());
        assert_ne!(written, missing);
        let beside = folder.path().join("new.pem");
        fs::write(&beside, "two").unwrap();
        fs::rename(&beside, &file).unwrap();
        assert_ne!(written, now());
    }

    #[test]
    fn a_file_in_one_of_the_folders_has_changed() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(two.path().join("ca.pem"), "one").unwrap();
        let folders = env::join_paths([one.path(), two.path()]).unwrap();
        let now = || CaBundle::of(|name| (name == "SSL_CERT_DIR").then(|| folders.clone()));
        let before = now();
        assert_eq!(before, now());
        // In its place: the folder stays as it is.
        fs::write(two.path().join("ca.pem"), "longer").unwrap();
        let written = now();
        assert_ne!(written, before);
        fs::write(one.path().join("new.pem"), "").unwrap();
        assert_ne!(written, now());
    }
}
