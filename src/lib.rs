//! AliCloud secrets engine and auth method for HashiCorp Vault and OpenBao, as one external plugin.
//!
//! The server starts the binary as a child process and talks gRPC with it. This library is everything but `main`; it is
//! a library so that the tests can reach it, and promises no stable API.
//!
//! # Rooms
//!
//! ```text
//! main ──► secrets, auth ──► framework
//!   │            └─────────► alicloud
//!   ├────► vault ──► framework
//!   │        └─────► goplugin
//!   ├────► arguments ──► signer ──► framework, alicloud, process
//!   └────► process
//! ```
//!
//! | room | what it is |
//! |---|---|
//! | [`goplugin`] | a go-plugin server: handshake, AutoMTLS, broker, stdio, controller, log format. Knows nothing of Vault |
//! | [`vault`] | Vault's backend protocol: serves the framework's backends, and offers them the host's storage and system view |
//! | [`framework`] | what a backend is made of: paths, fields, leases, help, OpenAPI, write-ahead log. Knows neither protobuf nor an engine |
//! | [`alicloud`] | the cloud client: signing, RAM and STS calls, errors, retries, credentials. Has never heard of Vault |
//! | [`secrets`] | the secrets engine |
//! | [`auth`] | the auth method |
//! | [`signer`] | `sign` and `login`: what a person or an agent runs to log in, where no client of the server can |
//! | [`arguments`], `go_flags`, [`process`] | the command line, its syntax, and what keeps secrets out of core dumps and swap |
//!
//! The arrows are the only ones allowed; a test reads the sources and fails on any other. A file for each path of the
//! API holds its fields, handlers, help and tests: `secrets/alicloud/path_role.rs` is `role/<name>`.
//!
//! # A request, from the outside in
//!
//! 1. `vault::service` finds the mount by the call's `multiplex_id` and runs the request in a task of its own, so that
//!    a client that goes away leaves nothing half-done, and a panic fails one request.
//! 2. `framework::Backend` finds the path, forwards what this node may not do, coerces the fields by the path's
//!    table, and calls the handler with its own argument type.
//! 3. The handler reads storage, calls the cloud, and answers with data, a lease or an [`Error`](framework::Error) whose
//!    kind decides the HTTP status.
//!
//! # Decisions
//!
//! - **Protocol version 5 only.** Every OpenBao and every Vault since 1.12 offers it. Version 4 needs a call back to the
//!   server's API, and half-serving it makes servers hang.
//! - **`plugin_type` decides.** One binary is registered twice, as `secret` and as `auth`; the host says at each mount
//!   which of the two it means. A host that registers without a type is answered by the `-type` flag or the file name.
//! - **Certificates are pinned.** Host and plugin each trust exactly the other's certificate, byte for byte, and the
//!   handshake proves the key. Web PKI rules cannot be used: the host's certificate is a CA used as a leaf.
//! - **Undo is data.** Before anything is made in the cloud a write-ahead entry names it. A failed request undoes its
//!   work at once; what a crash leaves is undone by the host's tick.
//! - **The mount keeps its own record of leases.** A host tells when a lease ends, not when it loses one. The record takes the
//!   write-ahead entry's place when the key is there, knows the end of the lease, and is cleaned up past it by the tick.
//!   A new process gives a record that is past its end another time first: the Go plugin may have served in between.
//! - **Calls wait in line instead of being refused.** RAM counts the calls of an account by operation and second. A line
//!   for each lets no more begin than it takes, goes slower when RAM says so, and lets go first what somebody waits for.
//! - **Storage is upstream's.** Entries and leases of HashiCorp's Go plugins are read, and what is written can be read by
//!   them: same keys, same members in the same order, same escapes. Members that this version does not know are kept.
//! - **Configured keys win over the environment.** The Go plugin had it the other way round, so that a key meant for
//!   the server's seal silently replaced the one that was written to the mount.
//! - **Credentials are asked for at each call.** A change at their source counts within seconds, and at once when the cloud
//!   has refused the old ones. A source that is configured and does not work stops the search: other credentials than
//!   those that were meant would be worse than none.
//! - **`serde_json` keeps numbers as text** (`arbitrary_precision`), so that a policy document leaves as it came.
//! - **Panics unwind.** One process serves many mounts; a panic must not end them all.
//! - **Freed memory is wiped**, by the program's allocator: requests, answers and keys leave copies in the buffers of gRPC,
//!   HTTP, TLS and JSON, which no type of ours reaches. Our own types wipe themselves all the same. What is left are the
//!   buffers of connections that are still open: each keeps the end of its last messages until longer ones overwrite
//!   it. A connection to the cloud is closed 100 seconds after its last use at the latest; those to the host stay.
//! - **Two worker threads, the system's allocator underneath, optimised for size**: memory matters beside a secret store,
//!   and no request is bound by the processor.
//! - **No jitter entropy** (`AWS_LC_SYS_NO_JITTER_ENTROPY` in `.cargo/config.toml`): randomness comes from the kernel,
//!   as in Go, and the start is ten times faster.
#![forbid(unsafe_code)]

mod alicloud;
mod auth;
mod cli;
mod cloud;
mod framework;
mod goplugin;
mod run;
mod secrets;
mod vault;

pub use run::run;

/// What the behaviour tests in `tests/it` use: the messages of both protocols, for a host of their own.
pub mod protocol {
    pub use crate::goplugin::proto as goplugin;
    pub use crate::vault::generated as vault;
}

/// What the fuzz targets in `tests/fuzz` use.
#[cfg(fuzzing)]
pub mod fuzzing {
    /// The cloud client.
    pub mod alicloud {
        pub use crate::alicloud::*;
    }
    /// The auth method.
    pub mod auth {
        pub use crate::auth::alicloud::*;
    }
    /// Fields, patterns, durations and backends.
    pub mod framework {
        pub use crate::framework::*;
    }
    /// The go-plugin server.
    pub mod goplugin {
        pub use crate::goplugin::*;
    }
    /// The secrets engine.
    pub mod secrets {
        pub use crate::secrets::alicloud::*;
    }
    /// Vault's backend protocol.
    pub mod vault {
        pub use crate::vault::*;
    }
}
