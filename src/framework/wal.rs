//! The write-ahead log: what must be undone if the process, the node or the caller goes away half-way.
//!
//! An entry is written before something is made outside, and deleted when the result is safe with the host. The
//! host's tick rolls back what is older than the backend's minimum age. Storage is that of Vault's framework: key
//! `wal/<uuid>`, value `{"type","data","created_at"}`.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::Error;
use super::request::Context;
use super::storage::{Change, Storage};
use crate::cloud::random::uuid;

const PREFIX: &str = "wal/";

/// An entry that was written and not yet deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an entry that is not deleted undoes the work that it stands for"]
pub struct WalEntry {
    id: String,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "type")]
    kind: String,
    data: Value,
    /// Seconds since 1970.
    created_at: u64,
}

/// What an entry read back says. The data names things in the cloud, so `Debug` leaves it out.
pub(super) struct Pending {
    pub(super) entry: WalEntry,
    pub(super) kind: String,
    pub(super) data: Value,
    pub(super) age: Duration,
}

impl WalEntry {
    /// Writes an entry of the given kind.
    pub async fn put(context: &Context, kind: &str, data: &impl Serialize) -> Result<Self, Error> {
        let id = uuid().map_err(|error| Error::internal("the OS random source failed").with_source(error))?;
        let entry = Self { id };
        entry.put_again(context, kind, data).await?;
        Ok(entry)
    }

    /// Deletes the entry: what it stands for is done, or undone.
    pub async fn delete(self, storage: &dyn Storage) -> Result<(), Error> {
        storage.delete(&self.key()).await?;
        Ok(())
    }

    /// The deletion as a change, to be made together with others.
    pub fn deletion(&self) -> Change {
        Change::Delete { key: self.key() }
    }

    /// Writes the entry once more: with other data, or where it is not certain that it is still there.
    pub async fn put_again(&self, context: &Context, kind: &str, data: &impl Serialize) -> Result<(), Error> {
        let stored = stored(context, kind, data)?;
        context.storage.put_json(&self.key(), &stored).await
    }

    /// The same as a change, to be made together with others.
    pub fn replacement(&self, context: &Context, kind: &str, data: &impl Serialize) -> Result<Change, Error> {
        Change::put_json(self.key(), &stored(context, kind, data)?)
    }

    /// What the entries of a kind hold now, of any age. Those that cannot be read are logged and left out.
    ///
    /// # Errors
    /// The entries cannot be listed.
    pub async fn all_of_kind<T: DeserializeOwned>(context: &Context, kind: &str) -> Result<Vec<T>, Error> {
        let found = Self::find(context, kind).await?;
        Ok(found.into_iter().map(|(_, data)| data).collect())
    }

    /// The same with the entries themselves.
    ///
    /// # Errors
    /// The entries cannot be listed.
    pub async fn find<T: DeserializeOwned>(context: &Context, kind: &str) -> Result<Vec<(Self, T)>, Error> {
        let mut found = Vec::new();
        for id in Self::ids(context).await? {
            let pending = match Self::load(context, id.clone()).await {
                Ok(Some(pending)) if pending.kind == kind => pending,
                // Another request has deleted it since, or it is of another kind.
                Ok(_) => continue,
                // It must not hide the others.
                Err(error) => {
                    tracing::error!(event = "wal_entry_unreadable", entry = id, %error, "a WAL entry cannot be read");
                    continue;
                }
            };
            match serde_json::from_value(pending.data) {
                Ok(data) => found.push((pending.entry, data)),
                Err(_) => tracing::error!(
                    event = "wal_data_unreadable",
                    entry = id,
                    "the data of a WAL entry cannot be read"
                ),
            }
        }
        Ok(found)
    }

    /// The names of all entries in storage, below `wal/`.
    pub(super) async fn ids(context: &Context) -> Result<Vec<String>, Error> {
        Ok(context.storage.list(PREFIX).await?)
    }

    /// What an entry says, if it is still there.
    pub(super) async fn load(context: &Context, id: String) -> Result<Option<Pending>, Error> {
        let entry = Self { id };
        let stored: Option<Stored> = context.storage.get_json(&entry.key()).await?;
        Ok(stored.map(|stored| Pending {
            entry,
            kind: stored.kind,
            data: stored.data,
            age: Duration::from_secs(now(context).saturating_sub(stored.created_at)),
        }))
    }

    fn key(&self) -> String {
        format!("{PREFIX}{}", self.id)
    }
}

fn stored(context: &Context, kind: &str, data: &impl Serialize) -> Result<Stored, Error> {
    Ok(Stored {
        kind: kind.to_owned(),
        data: serde_json::to_value(data)
            .map_err(|error| Error::internal("a WAL entry cannot be encoded").with_source(error))?,
        created_at: now(context),
    })
}

/// Seconds since 1970.
fn now(context: &Context) -> u64 {
    u64::try_from(context.clock.now().unix_timestamp()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::framework::testing::context;

    #[tokio::test]
    async fn an_entry_is_found_until_it_is_deleted() {
        let context = context();
        let entry = WalEntry::put(&context, "user", &json!({"user": "u"}))
            .await
            .unwrap();
        let ids = WalEntry::ids(&context).await.unwrap();
        assert_eq!(ids, std::slice::from_ref(&entry.id));
        let pending = WalEntry::load(&context, entry.id.clone()).await.unwrap().unwrap();
        assert_eq!(
            (pending.kind.as_str(), &pending.data),
            ("user", &json!({"user": "u"}))
        );
        assert!(pending.age < Duration::from_secs(60));
        entry.delete(&*context.storage).await.unwrap();
        assert!(WalEntry::ids(&context).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn an_unreadable_entry_does_not_hide_the_others() {
        let context = context();
        context
            .storage
            .put("wal/00000000-bad", b"{\"type\":\"user\"}".to_vec())
            .await
            .unwrap();
        let _kept = WalEntry::put(&context, "other", &json!({})).await.unwrap();
        let _kept = WalEntry::put(&context, "user", &json!({"a": 1})).await.unwrap();
        let found: Vec<Value> = WalEntry::all_of_kind(&context, "user").await.unwrap();
        assert_eq!(found, [json!({"a": 1})]);
    }
}
