//! Whether a file has changed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// What tells one state of a file from another without reading it: device, inode, size, time of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileState(u64, u64, u64, i64, i64);

impl FileState {
    pub(crate) fn of(file: &Metadata) -> Self {
        Self(
            file.dev(),
            file.ino(),
            file.len(),
            file.mtime(),
            file.mtime_nsec(),
        )
    }
}
