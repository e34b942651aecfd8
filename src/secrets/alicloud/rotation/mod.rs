//! Replacing the root key: the access key in `config`.
//!
//! Step by step ([`mod@rotate`]):
//!
//! 1. whose key it is, and that the user has no other one;
//! 2. a WAL entry names user and old key;
//! 3. a new key is made, and the entry names it;
//! 4. STS is asked with the new key until it is known there;
//! 5. `config` gets the new pair, and the entry notes that, in one transaction where the host has them;
//! 6. the old key is deactivated and deleted, with the new one;
//! 7. the entry is deleted.
//!
//! Until step 5 the old key is the mount's, after it the new one: what is in `config` is never deleted. The other of the two is
//! deleted when the entry is settled (`settle`): by step 6, by the next rotation, or by the tick ten minutes later. So no end of
//! the process, the node or the network leaves a mount without a key, or two live keys for longer than that.
//!
//! A new key that STS does not know in time is kept in memory, and the next try goes on with it. Its secret is stored nowhere
//! but in `config`.

mod entry;
mod rotate;
mod scheduled;
mod settle;
mod status;

pub(super) use entry::WAL_KIND;
pub(super) use rotate::rotate;
pub(super) use scheduled::ScheduledRotation;
pub(super) use settle::roll_back;
pub(super) use status::RootRotation;
