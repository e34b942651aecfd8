//! The allocator: the system's, with memory zeroed when it is freed, and a line in the log when there is none left.
//!
//! This module and its submodule are the only ones with unsafe code. The hook of the standard library for a failed allocation
//! is not stable, and without a line of our own the host shows the runtime's text at debug level, so that an operator sees
//! a plugin that vanished without a word. Each call is passed on unchanged, and its result is looked at.
#![allow(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait; see the module's documentation"
)]

mod pages;

use std::alloc::{GlobalAlloc, Layout};

use pages::Pages;
use zeroizing_alloc::ZeroAlloc;

/// See the module.
pub(crate) struct Allocator(ZeroAlloc<Pages>);

impl Allocator {
    pub(crate) const fn new() -> Self {
        Self(ZeroAlloc(Pages))
    }
}

// SAFETY: each method has the contract of the method that it calls with the same arguments, and gives its result.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        told(unsafe { self.0.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        told(unsafe { self.0.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        told(unsafe { self.0.realloc(pointer, layout, size) })
    }
}

/// Ends the process when an allocation failed, with a report. The standard library would do the same a moment later, with
/// a text that is no line of the host's log format.
fn told(pointer: *mut u8) -> *mut u8 {
    if pointer.is_null() {
        vault_plugin_alicloud::report_out_of_memory();
        std::process::abort();
    }
    pointer
}
