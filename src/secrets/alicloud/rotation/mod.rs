//! Replacing an access key of a RAM user by a new one: the root key, which is the one in `config` ([`mod@root`]), and those of
//! static roles (`static_roles/`). What has the key is a [`Holder`].
//!
//! Step by step ([`mod@new_key`]):
//!
//! 1. whose key it is, and that the user has no other one;
//! 2. a WAL entry names user and old key;
//! 3. a new key is made, and the entry names it;
//! 4. STS is asked with the new key until it is known there;
//! 5. the holder gets the new pair, and the entry notes that, in one transaction where the host has them;
//! 6. the old key is deactivated and deleted: that of `config` with the new one;
//! 7. the entry is deleted.
//!
//! Until step 5 the old key is the holder's, after it the new one: what is in storage is never deleted. The other of the two is
//! deleted when the entry is settled (`settle`): by step 6, by the next rotation, or by the tick ten minutes later. So no end of
//! the process, the node or the network leaves a holder without a key, or two live keys for longer than that. A static role may
//! keep both keys in storage for a while; then steps 6 and 7 change places.
//!
//! A new key that STS does not know in time is kept in memory, and the next try goes on with it. Its secret is stored nowhere
//! but with its holder.

mod entry;
mod holder;
mod new_key;
mod root;
mod scheduled;
mod settle;
mod status;

pub(super) use entry::Rotation;
pub(super) use holder::{Holder, PendingKeys};
pub(super) use new_key::{Rotated, begin, finish, listed, not_deleted_yet, resume};
pub(super) use root::{WAL_KIND, has_unfinished_rotation, roll_back_root, rotate_root};
pub(super) use scheduled::{REST, ScheduledRotation};
pub(super) use settle::{cloud_in, remove, roll_back, settle_all};
pub(super) use status::{Counts, Failure, RootRotation, Trigger};
