//! What every backend is made of: Vault's `framework` package in Rust shape.
//!
//! The host does none of this for a plugin: routing, coercion of fields, the decision between create and update,
//! help, the OpenAPI document, leases and the write-ahead log all happen here. A [`Backend`] is data: paths with
//! their field tables and handlers, lease types, special paths and hooks. Everything else is derived from it.
//!
//! This module knows neither protobuf nor any engine.

mod backend;
mod bounded;
mod class;
mod duration;
mod error;
mod excerpt;
mod field;
mod forward;
mod go_json;
mod handler;
mod help;
pub mod json;
mod kind;
mod lease;
mod locks;
#[cfg(any(test, fuzzing))]
mod memory;
mod metrics;
mod openapi;
mod path;
mod pattern;
mod request;
mod response;
mod schedule;
mod secret;
mod serve;
mod settings;
mod spelling;
mod storage;
pub mod stored;
mod system;
#[cfg(test)]
pub(crate) mod testing;
mod tick;
mod token;
mod wal;
mod wal_rollback;
mod words;

pub use backend::Backend;
pub use class::RequestClass;
pub use duration::{DurationError, human_duration, nanoseconds, parse_duration};
pub use error::{Error, Kind, Status};
pub use excerpt::Excerpt;
pub use field::{Field, FieldKind, FieldValues};
pub use go_json::to_go_json;
pub use kind::{BackendKind, SpecialPaths};
pub use lease::{LeaseTerms, TtlCap, above_maximum};
pub use locks::NamedLocks;
#[cfg(any(test, fuzzing))]
pub use memory::{FixedSystem, MemoryStorage};
pub use metrics::{CloudMetrics, Collect, Counter, Families, Gauge};
pub use path::{DisplayAttributes, HandlerResult, NoArguments, Path};
#[cfg(fuzzing)]
pub use pattern::Pattern;
pub use pattern::is_name;
pub use request::{Context, Operation, Request, Services};
pub use response::{Alias, Auth, LeaseOptions, Response, Secret, TokenType, object};
pub use schedule::Job;
pub use secret::{Lease, SecretType};
pub use settings::{Setting, SettingValue, Settings};
pub use spelling::{check_spelling, list_as_spelt, spelling_to_store};
pub use storage::{Change, Storage, StorageError};
pub use system::{Entity, EntityAlias, Product, ReplicationState, SystemError, SystemView};
pub use token::{DeprecatedFields, TokenParameters};
pub use wal::WalEntry;
pub(crate) use words::words;
