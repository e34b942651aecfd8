//! What the WAL knows of a rotation that is under way.

use serde::{Deserialize, Serialize};

/// A rotation that is under way, or was when something stopped it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::secrets::alicloud) struct Rotation {
    /// The account of the user.
    pub(in crate::secrets::alicloud) account_id: String,
    /// The user whose key is replaced.
    pub(in crate::secrets::alicloud) user_name: String,
    /// RAM's id of the user, of a static role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::secrets::alicloud) user_id: Option<String>,
    /// The id of the key that is replaced. The user had no other. Blank: it had none.
    pub(in crate::secrets::alicloud) old_key: String,
    /// The id of the new key, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::secrets::alicloud) new_key: Option<String>,
    /// When it began, in seconds since 1970.
    pub(in crate::secrets::alicloud) begun: u64,
    /// Whether the new key has been in storage.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::secrets::alicloud) stored: bool,
}

impl Rotation {
    /// A rotation of this user's key that begins now.
    pub(in crate::secrets::alicloud) fn of(
        account_id: String,
        user_name: String,
        old_key: String,
        now: u64,
    ) -> Self {
        Self {
            account_id,
            user_name,
            user_id: None,
            old_key,
            new_key: None,
            begun: now,
            stored: false,
        }
    }

    /// Whether it is of a key of the user with this id.
    pub(in crate::secrets::alicloud) fn is_of_user(&self, id: &str) -> bool {
        self.user_id.as_deref() == Some(id)
    }

    /// Whether both are the same rotation, maybe at different times.
    pub(in crate::secrets::alicloud) fn is_same(&self, other: &Self) -> bool {
        (self.begun, &self.old_key, &self.user_name) == (other.begun, &other.old_key, &other.user_name)
    }
}
