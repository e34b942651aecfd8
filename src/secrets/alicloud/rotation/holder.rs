//! What has a key that is rotated: `config`, or a static role.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::alicloud::ram::{AccessKey, Ram};
use crate::framework::{Change, Context, Error};
use crate::secrets::alicloud::rotation::entry::Rotation;

/// What has a key that is rotated.
#[async_trait]
pub(in crate::secrets::alicloud) trait Holder: Sync {
    /// The kind of the WAL entries of its rotations. It is in storage for ever.
    const WAL_KIND: &'static str;

    /// What errors call it, such as `config`.
    fn name(&self) -> String;

    /// What to do when the new key does not work in time.
    fn advice(&self) -> String;

    /// Where new keys are kept that are not stored yet.
    fn pending(&self) -> &PendingKeys;

    /// The ids of the keys of the rotation's user that are in storage. They are never deleted.
    ///
    /// # Errors
    /// Storage cannot be read.
    async fn stored_keys(&self, context: &Context, rotation: &Rotation) -> Result<Vec<String>, Error>;

    /// The changes that put a new key in the place of the old one. `planned` is the time for which the schedule planned it.
    ///
    /// # Errors
    /// It was changed meanwhile.
    async fn replacement(
        &self,
        context: &Context,
        rotation: &Rotation,
        key: &AccessKey,
        planned: Option<u64>,
    ) -> Result<Vec<Change>, Error>;

    /// RAM with credentials of the account of the rotation's user, and the name that the user has now. `None`: there is no
    /// such user any more, and so there are no keys of it.
    ///
    /// # Errors
    /// There are no such credentials, or the cloud does not tell.
    async fn owner(&self, context: &Context, rotation: &Rotation) -> Result<Option<(Ram, String)>, Error>;
}

/// New keys that are not stored yet, by their ids. Their secrets are nowhere else.
#[derive(Debug, Default)]
pub(in crate::secrets::alicloud) struct PendingKeys(Mutex<HashMap<String, AccessKey>>);

impl PendingKeys {
    /// Keeps a new key until it is stored.
    pub(super) fn keep(&self, key: &AccessKey) {
        self.lock().insert(key.id.clone(), key.clone());
    }

    /// The new key of this id, if it is kept.
    pub(super) fn kept(&self, id: Option<&str>) -> Option<AccessKey> {
        self.lock().get(id?).cloned()
    }

    /// Forgets a new key: it is stored, or is to be deleted.
    pub(super) fn forget(&self, id: Option<&str>) {
        if let Some(id) = id {
            self.lock().remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, AccessKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
