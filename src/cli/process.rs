//! Keeps secrets in the memory of this process: no core dumps, no debugger, and no swap when the host asks for that.
//!
//! Zeroing memory when it is freed is the allocator's work, which `main` sets.

use std::fs;

use nix::errno::Errno;
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

/// The least limit of locked memory, in bytes, under which memory that is mapped later is locked as well. Once it is,
/// a mapping beyond the limit fails and ends the process: 500 requests at once were seen to need between 64 and 96 MiB.
const ENOUGH_TO_LOCK: u64 = 256 << 20;

/// `CAP_IPC_LOCK` in the capability sets of `/proc/self/status` (capability.h).
const CAP_IPC_LOCK: u32 = 14;

/// A protection that the system did not grant. The process can go on without it.
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
        "cannot lock memory, so secrets may be swapped to disk; grant CAP_IPC_LOCK or raise RLIMIT_MEMLOCK to 256 MiB: {0}"
    )]
    MemoryLock(#[source] Errno),
    /// What is there now is locked, but the limit is too small for what comes.
    #[error(
        "only memory allocated at startup is locked, so secrets may be swapped to disk: RLIMIT_MEMLOCK is {limit} bytes; grant \
         CAP_IPC_LOCK or raise it to 256 MiB"
    )]
    MemoryLockLimit {
        /// The limit in bytes.
        limit: u64,
    },
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

/// Keeps memory out of the swap: all of it, present and future, where the limit allows it, or else what is there now.
/// Call it when the host asks for it, before the first secret.
///
/// # Errors
/// Nothing is locked, or only what is there now.
pub fn lock_memory() -> Result<(), ProcessError> {
    let limit = match has_cap_ipc_lock() {
        true => RLIM_INFINITY,
        false => raise_lock_limit().map_err(ProcessError::MemoryLock)?,
    };
    let flags = lockable(limit);
    mlockall(flags).map_err(ProcessError::MemoryLock)?;
    if flags.contains(MlockAllFlags::MCL_FUTURE) {
        Ok(())
    } else {
        Err(ProcessError::MemoryLockLimit { limit })
    }
}

/// What may be locked under a limit in bytes: what comes later only where there is room for it.
fn lockable(limit: u64) -> MlockAllFlags {
    if limit >= ENOUGH_TO_LOCK {
        MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE
    } else {
        MlockAllFlags::MCL_CURRENT
    }
}

/// Raises the soft limit to the hard one, and gives it in bytes.
fn raise_lock_limit() -> Result<u64, Errno> {
    let (_, hard) = getrlimit(Resource::RLIMIT_MEMLOCK)?;
    setrlimit(Resource::RLIMIT_MEMLOCK, hard, hard)?;
    Ok(hard)
}

/// Whether no limit applies. The kernel asks for the capability in the initial user namespace, whatever the process has
/// in its own.
fn has_cap_ipc_lock() -> bool {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    is_initial_namespace(&read("/proc/self/uid_map"))
        && has_capability(&read("/proc/self/status"), CAP_IPC_LOCK)
}

/// Whether a `uid_map` maps all ids to themselves, as only that of the initial namespace does by itself.
fn is_initial_namespace(uid_map: &str) -> bool {
    uid_map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

fn has_capability(status: &str, capability: u32) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .is_some_and(|set| set >> capability & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_a_limit_that_requests_can_reach_future_memory_is_not_locked() {
        for mib in [0, 8, 16, 64, 160] {
            assert_eq!(lockable(mib << 20), MlockAllFlags::MCL_CURRENT, "{mib} MiB");
        }
        for limit in [256 << 20, RLIM_INFINITY] {
            assert!(lockable(limit).contains(MlockAllFlags::MCL_FUTURE), "{limit}");
        }
    }

    #[test]
    fn the_capability_counts_in_the_initial_namespace_only() {
        assert!(is_initial_namespace("         0          0 4294967295\n"));
        assert!(!is_initial_namespace("         0       1000          1\n"));
        assert!(!is_initial_namespace(""));
        for (set, has) in [
            ("0000000000004000", true),
            ("000001ffffffffff", true),
            ("00000000a80425fb", false),
            ("x", false),
        ] {
            let status = format!("Name:\tplugin\nCapPrm:\t000001ffffffffff\nCapEff:\t{set}\n");
            assert_eq!(has_capability(&status, CAP_IPC_LOCK), has, "{set}");
        }
    }
}
