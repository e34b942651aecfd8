//! Leases that stand for a user in a cloud: the part of a secrets engine that is the same for every vendor.
//!
//! One `creds` request, step by step ([`issue()`]):
//!
//! 1. the engine plans a user: its name, its policies, its [owner tag](OwnerTag);
//! 2. a WAL entry names everything that is about to be made;
//! 3. the engine's [`Issuer`] makes it;
//! 4. a lease record takes the place of the WAL entry, in one transaction where the host has them;
//! 5. a failure undoes what was made at once. What a crash leaves, or an undo that fails, is undone by the host's tick
//!    (`rollback`).
//!
//! The lease record is the mount's own knowledge of its leases. [`renew`] moves its end on, [`revoke()`] removes it with the
//! user, and the tick (`cleanup`) removes the users of leases that the host has lost.
//!
//! A user is removed in the account that it was made in (`account`), and also when it has renamed itself (`removal`).
//!
//! This module knows no vendor. An engine (`secrets/alicloud`, with RAM users; `secrets/aws`, with IAM users) implements
//! [`LeaseUser`], [`Issuer`] and [`LeaseEngine`], and calls [`register()`] with its backend.

mod account;
mod binding;
mod cleanup;
mod clock;
mod engine;
mod failure;
mod issue;
mod issuer;
mod mount;
pub mod names;
mod orphans;
mod owner_tag;
mod record;
mod register;
mod removal;
mod revoke;
mod rollback;
mod settled;
#[cfg(test)]
mod tests;

pub use account::leases_of;
pub use binding::{binding, has_moved};
pub use clock::now;
pub use engine::LeaseEngine;
pub use failure::failed_call;
pub use issue::issue;
pub use issuer::{Issuer, LeaseUser, Progress, Removed};
pub use mount::Mount;
pub use orphans::remove_orphan;
pub use owner_tag::OwnerTag;
pub use record::{LeaseRecord, ended_users, owned_ids, owned_users, renew};
pub use register::register;
pub use revoke::revoke;
pub use settled::settled;
