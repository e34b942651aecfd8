//! Large allocations as mappings of their own, all others from the C library.
//!
//! The buffers of a connection to the host are made once for each mount, larger than its messages, and stay. The C library
//! would place them in memory that the TLS handshake before them has already touched; in a mapping of its own, what nobody
//! writes to takes no memory while it lives, unless memory is locked. What a burst of large requests has taken goes back to
//! the system with them, too.
#![allow(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait, and mappings can be misused; see each block"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::num::NonZeroUsize;
use std::ptr::{NonNull, null_mut};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// From so many bytes on, an allocation is a mapping. No request of the usual size needs one.
const LARGE: usize = 16 << 10;

/// The smallest page of any supported system: a mapping is aligned to it.
const PAGE: usize = 4 << 10;

/// See the module.
pub(super) struct Pages;

fn is_mapped(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= PAGE
}

// SAFETY: whether memory is mapped depends on its layout alone, which `dealloc` is given as `alloc` was. Of each pair, both
// pass on what the caller promises, or both are those of one mapping.
unsafe impl GlobalAlloc for Pages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(length) = NonZeroUsize::new(layout.size()).filter(|_| is_mapped(layout)) else {
            // SAFETY: the caller's promise is passed on.
            return unsafe { System.alloc(layout) };
        };
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: without an address, the mapping is where nothing else is.
        let mapping = unsafe { mmap_anonymous(None, length, access, MapFlags::MAP_PRIVATE) };
        mapping.map_or(null_mut(), |start| start.as_ptr().cast())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_mapped(layout) {
            // SAFETY: the caller's promise is passed on. The system hands out zeroed pages.
            unsafe { self.alloc(layout) }
        } else {
            // SAFETY: as above.
            unsafe { System.alloc_zeroed(layout) }
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if !is_mapped(layout) {
            // SAFETY: the caller's promise is passed on.
            unsafe { System.dealloc(pointer, layout) }
        } else if let Some(start) = NonNull::new(pointer.cast()) {
            // SAFETY: `alloc` has mapped it with this length, and the caller is done with it. It can fail where it splits a
            // larger area at the system's limit of mappings; then the memory, which is zeroed, stays with the process.
            let _ = unsafe { munmap(start, layout.size()) };
        }
    }
}
