//! What the WAL knows of a rotation that is under way.

use serde::{Deserialize, Serialize};

/// The kind of the WAL entries of rotations. It is in storage for ever.
pub(in crate::secrets::alicloud) const WAL_KIND: &str = "root rotation";

/// A rotation that is under way, or was when something stopped it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::secrets::alicloud) struct Rotation {
    /// The account of the user.
    pub(super) account_id: String,
    /// The user whose key is replaced.
    pub(super) user_name: String,
    /// The id of the key that was in `config`. The user had no other.
    pub(super) old_key: String,
    /// The id of the new key, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) new_key: Option<String>,
    /// When it began, in seconds since 1970.
    pub(super) begun: u64,
    /// Whether `config` has had the new key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) stored: bool,
}

impl Rotation {
    /// Whether both are the same rotation, maybe at different times.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.begun, &self.old_key) == (other.begun, &other.old_key)
    }
}
