//! The program. What it does is in the library; the allocator is chosen here, for the whole process.

mod allocator;

use std::process::ExitCode;

use allocator::Allocator;

/// Overwrites memory when it is freed or moves because it grows: requests, answers and keys leave copies in the buffers
/// of gRPC, HTTP, TLS and JSON, which no type of ours reaches.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator::new();

fn main() -> ExitCode {
    vault_plugin_alicloud::run()
}
