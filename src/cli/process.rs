//! Keeping secrets in the memory of this process: no core dumps, no debugger, on request no swap.
//!
//! Knows nothing of plugins; `main` calls it before there is any secret. That memory is wiped when it is given back is
//! not done here but by the allocator, which `main` sets.

use nix::{
    errno::Errno,
    sys::{
        mman::{MlockAllFlags, mlockall},
        resource::{Resource, setrlimit},
    },
};

/// A protection that the system did not grant; the process can go on without it.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The size of core dumps could not be limited.
    #[error("cannot turn core dumps off: {0}")]
    CoreLimit(#[source] Errno),
    /// The process could not be made undumpable.
    #[error("cannot forbid dumps and debuggers: {0}")]
    Dumpable(#[source] Errno),
    /// The memory could not be locked.
    #[error(
        "cannot lock memory, so secrets may be swapped to disk; grant CAP_IPC_LOCK or raise RLIMIT_MEMLOCK: {0}"
    )]
    MemoryLock(#[source] Errno),
}

/// Turns core dumps off, twice: the limit is inherited and shown in `/proc`, the flag also keeps out debuggers of the
/// same user and the core handlers that ignore the limit.
///
/// The flag makes root the owner of most files in `/proc/self`. What a plugin reads there stays readable for all;
/// `/proc/self/fd` does not, and nothing here lists it.
pub fn harden() -> Result<(), ProcessError> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(ProcessError::CoreLimit)?;
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_dumpable(false).map_err(ProcessError::Dumpable)?;
    Ok(())
}

/// Keeps all memory, present and future, out of the swap. Call it when the host asks for it, before the first secret.
pub fn lock_memory() -> Result<(), ProcessError> {
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE).map_err(ProcessError::MemoryLock)
}
