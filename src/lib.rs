//! AliCloud secrets engine and auth method for HashiCorp Vault and OpenBao, as one external plugin.
//!
//! The server starts the binary as a child process and talks gRPC with it. This library is everything but the allocator;
//! it is a library so that tests can reach it, and has no stable API.
//!
//! # Modules
//!
//! ```text
//! run ──► all others
//!
//! secrets::alicloud ──► secrets::{lease, rotation, template, identity}, framework, alicloud, cloud
//! secrets::aws ──► secrets::lease, framework, aws, cloud
//! secrets::lease ──► framework, cloud
//! secrets::template ──► secrets::identity, framework
//! secrets::rotation, secrets::identity ──► framework
//! auth::alicloud ──► framework, alicloud, cloud
//! alicloud, aws ──► cloud
//! vault ──► framework, goplugin
//! cli ──► framework, alicloud, cloud
//! all but goplugin ──► cloud: the clock, randomness, deadlines, budgets and the observer of calls
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | `run` | what the program does; the only module that knows all the others |
//! | `cli` | the command line, memory hardening, the commands `sign` and `login` for clients that do not know AliCloud, and `install` |
//! | `goplugin` | a go-plugin server: handshake, AutoMTLS, broker, stdio, controller, log format; knows nothing of Vault |
//! | `vault` | Vault's backend protocol: serves the framework's backends, admits requests, and offers backends the host's storage and system view |
//! | `framework` | what a backend is made of: paths, fields, settings, leases, WAL, schedule, metrics, help, OpenAPI; knows neither protobuf nor an engine |
//! | `cloud` | what every cloud client needs: transport, host names, deadlines, retries, rate limiters, redaction, the cache and chain of credentials, clock, randomness; knows no vendor and nothing of Vault |
//! | `alicloud` | Alibaba Cloud, as a `Service` of `cloud`: signatures, endpoints, ARNs, error codes, RAM, IMS, STS, and where credentials come from |
//! | `aws` | Amazon Web Services, as a `Service` of `cloud`: signatures, partitions, error codes, IAM |
//! | `secrets::lease` | the life of a lease whose credential is a user in a cloud: plan, WAL entry, make, record, undo; owner tag, names, rollback; generic over an issuer |
//! | `secrets::rotation` | when a credential is rotated: settings, periods, cron schedules, the next time |
//! | `secrets::identity` | values of the caller's identity in policies and names |
//! | `secrets::template` | templates for names, in the syntax of Vault's username templates |
//! | `secrets::alicloud` | the AliCloud secrets engine |
//! | `secrets::aws` | the AWS secrets engine, for registrations with `-engine=aws` |
//! | `auth::alicloud` | the auth method |
//!
//! Another cloud adds a `Service` of `cloud` and an issuer of `secrets::lease`, as `aws` and `secrets::aws` do, and a word
//! for `-engine` in `cli` and `run`.
//!
//! Dependencies point one way and files have no import cycles; a test reads the sources and fails on any other. Each
//! path of the API has a file for its fields, handlers and help: `path_creds.rs` is `creds/<name>`.
//!
//! # A request, from the outside in
//!
//! 1. `vault::intake` finds the mount by the call's `multiplex_id`, takes a permit of the request's class
//!    (`vault::admission`), and gives it one deadline (`cloud::budget`). `vault::requests` runs it in a task of its own, so that
//!    a client that goes away leaves nothing half-done, and a panic fails one request. What the path alone answers needs neither
//!    permit nor task.
//! 2. `framework::Backend` finds the path, forwards what this node may not do, coerces the fields by the path's table, and
//!    calls the handler.
//! 3. The handler reads storage, calls the cloud, and answers with data, a lease or a `framework::Error` whose kind
//!    decides the HTTP status.
//!
//! # Decisions
//!
//! - **Protocol version 5 only.** Every OpenBao and every Vault since 1.12 offers it. Version 4 needs a call back to the
//!   server's API, and half-serving it makes servers hang.
//! - **`plugin_type` decides.** One binary is registered twice, as `secret` and as `auth`; the host says at each mount
//!   which of the two it means. A host that registers without a type is answered by the `-type` flag or the file name.
//! - **Certificates are pinned.** Host and plugin each trust exactly the other's certificate, byte for byte, and the
//!   handshake proves the key. Web PKI rules cannot be used: the host's certificate is a CA used as a leaf.
//! - **A static binary.** It starts in any image and on any distribution. Nothing in it may load a module at run time, so
//!   host names and groups are looked up without the C library (`cloud::names`, `goplugin::socket`).
//! - **The WAL first.** Before anything is made in the cloud a WAL entry names it. A failed request undoes its work at
//!   once; what a crash leaves is undone by the host's tick.
//! - **The mount keeps its own record of leases.** A host tells when a lease ends, not when it loses one. The record
//!   replaces the WAL entry when the key is made, knows the end of the lease, and past it the tick removes the user. A new
//!   process extends an expired record once before it acts: the Go plugin may have served in between.
//! - **The plugin rotates its own key by itself**, at ticks, with the next time in storage: neither the rotation manager of
//!   Vault Enterprise nor anything in memory is needed. Of the two keys of a rotation, the one in `config` stays.
//! - **Calls queue instead of being refused.** RAM counts the calls of an account by operation and second. A rate limiter for
//!   each lets no more begin than RAM documents, slows down when RAM throttles, and prioritises interactive requests.
//! - **Storage is upstream's.** Entries and leases of HashiCorp's Go plugins are read, and what is written can be read by
//!   them: same keys, same members in the same order, same escapes. Unknown members are kept, and policy documents are kept
//!   as text, so that they leave as they came.
//! - **Configured keys win over the environment.** The Go plugin had it the other way round, so that a key meant for
//!   the server's seal silently replaced the one that was written to the mount.
//! - **Credentials are looked up at each call.** A change at their source counts within seconds, and at once when the cloud
//!   has refused the old ones. The chain fails closed: a source that is configured and does not work stops the search.
//! - **Panics unwind.** One process serves many mounts; a panic must not end them all.
//! - **Heap memory is zeroed on free** by the program's allocator: requests, answers and keys leave copies in the buffers of
//!   gRPC, HTTP, TLS and JSON, which no type of ours reaches. What remains are the buffers of open connections: each keeps
//!   the end of its last messages until longer ones overwrite it.
//! - **One thread serves all requests**, since most of a request's cost with two were the wake-ups between them. Nothing
//!   may block it: files are read on the pool of blocking threads, and a request with a large document is served there.
//! - **Small writes are gathered** (`goplugin::gathered`): a call's headers and its message leave in one TLS record, and
//!   answers to the host's pings wait for 50 ms.
//! - **The system's allocator underneath**: memory matters beside a secret store. Allocations of 16 KiB and more are mappings
//!   of their own, so that what nobody writes to takes no memory.
//! - **Compiled for size, at level "s"** (`Cargo.toml`; figures in docs/performance.md): "z" copies slowly, and level 3 gains
//!   little for its size.
//! - **No jitter entropy** (`AWS_LC_SYS_NO_JITTER_ENTROPY` in `.cargo/config.toml`): randomness comes from the kernel,
//!   as in Go, and the start is ten times faster.
#![forbid(unsafe_code)]

mod alicloud;
mod auth;
mod aws;
mod cli;
mod cloud;
mod framework;
mod goplugin;
mod run;
mod secrets;
mod vault;

pub use goplugin::hclog::report_out_of_memory;
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
    /// The vendor-neutral part of the cloud client.
    pub mod cloud {
        pub use crate::cloud::*;
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
