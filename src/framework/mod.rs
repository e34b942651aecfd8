//! What every backend is made of: Vault's `framework` package in Rust shape.
//!
//! The host does none of this for a plugin: routing, coercion of fields, the decision between create and update,
//! help, the OpenAPI document, leases and the write-ahead log all happen here. A [`Backend`] is data: paths with
//! their field tables and handlers, lease types, special paths and hooks. Everything else is derived from it.
//!
//! This room knows neither protobuf nor any engine.

mod backend;
mod bounded;
mod class;
mod coerce;
mod duration;
mod error;
mod excerpt;
mod field;
mod go_json;
mod header;
mod help;
mod kind;
mod lease;
mod locks;
mod openapi;
mod path;
mod pattern;
mod request;
mod response;
mod schedule;
mod secret;
mod settings;
mod storage;
pub mod stored;
mod system;
#[cfg(test)]
pub(crate) mod testing;
mod tick;
mod token;
mod wal;
mod wal_rollback;
mod wipe;

pub use backend::Backend;
pub use class::RequestClass;
pub use duration::{DurationError, human_duration, nanoseconds, parse_duration};
pub use error::{BoxError, Error, Kind, Status};
pub use excerpt::Excerpt;
pub use field::{Field, FieldError, FieldKind, FieldValues};
pub use go_json::{reads_back, to_go_json};
pub use kind::{BackendKind, SpecialPaths};
pub use lease::{LeaseTerms, TtlCap};
pub use locks::NamedLocks;
pub use path::{DisplayAttributes, Handler, HandlerResult, OperationSpec, Path};
pub use pattern::{Captures, Pattern};
pub use request::{Context, Operation, Request, Services};
pub use response::{Alias, Auth, LeaseOptions, Response, Secret, TokenType};
pub use schedule::Job;
pub use secret::{Lease, SecretType};
pub use settings::{Setting, SettingValue, Settings};
pub use storage::{Change, MemoryStorage, Storage, StorageError};
pub use system::{FixedSystem, Product, ReplicationState, SystemError, SystemView};
pub use token::{AddressError, BoundAddress, DeprecatedFields, TokenArguments, TokenParameters};
pub use wal::WalEntry;
pub(crate) use wipe::wipe;
