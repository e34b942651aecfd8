//! A static role as it is stored.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::alicloud::ram::AccessKey;
use crate::framework::{Change, Error, Storage, stored};
use crate::secrets::rotation::{RotationSettings, Turn};

/// Where static roles are stored, below their names.
pub(in crate::secrets::alicloud) const STORAGE_PREFIX: &str = "static-role/";

/// Where it is stored which static role has a user, below RAM's id of the user.
const USER_PREFIX: &str = "static-user/";

/// An end of an older key that is further away than its grace period and this, in seconds, was set by a clock that was wrong.
const CLOCK_STEP: u64 = 24 * 3600;

/// A static role, with its key.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StaticRole {
    /// As RAM spells it.
    pub(super) username: String,
    /// RAM's id of the user, which no other user ever has.
    pub(super) user_id: String,
    /// The account of the user.
    pub(super) account_id: String,
    pub(super) credential_type: CredentialType,
    #[serde(flatten)]
    pub(super) rotation: RotationSettings,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) seamless_rotation: bool,
    /// Zero: the default.
    #[serde(with = "stored::as_shown", skip_serializing_if = "Duration::is_zero")]
    pub(super) rotation_grace_period: Duration,
    /// None: its first key is yet to be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Key>,
    /// The older key, until it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<PreviousKey>,
    /// Members that this version does not know, kept as they are.
    #[serde(flatten)]
    pub(super) unknown: Map<String, Value>,
}

/// What a static role gives out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CredentialType {
    /// An access key of a RAM user.
    #[default]
    AccessKey,
}

/// The key that is given out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) access_key: String,
    #[serde(with = "stored::secret")]
    pub(super) secret_key: SecretString,
}

/// The key that was given out before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PreviousKey {
    pub(super) access_key: String,
    /// When it is to be deleted, in seconds since 1970.
    pub(super) until: u64,
}

/// Which static role has a user.
#[derive(Serialize, Deserialize)]
struct OfUser {
    role: String,
}

impl StaticRole {
    /// The name of the entry of a role.
    pub(super) fn storage_key(name: &str) -> String {
        format!("{STORAGE_PREFIX}{name}")
    }

    pub(super) async fn load(storage: &dyn Storage, name: &str) -> Result<Option<Self>, Error> {
        storage.get_json(&Self::storage_key(name)).await
    }

    pub(super) async fn store(&self, storage: &dyn Storage, name: &str) -> Result<(), Error> {
        storage.put_json(&Self::storage_key(name), self).await
    }

    /// The role and who it is that has the user, as changes. They may be cut short: an entry of the user without a role says
    /// nothing.
    pub(super) fn put_with_user(&self, name: &str) -> Result<Vec<Change>, Error> {
        let of_user = OfUser {
            role: name.to_owned(),
        };
        Ok(vec![
            Change::put_json(user_key(&self.user_id), &of_user)?,
            self.put(name)?,
        ])
    }

    /// What [`Self::store`] does, as a change to be made together with others.
    pub(super) fn put(&self, name: &str) -> Result<Change, Error> {
        Change::put_json(Self::storage_key(name), self)
    }

    /// The deletion of both.
    pub(super) fn deletion(&self, name: &str) -> Vec<Change> {
        vec![
            Change::Delete {
                key: Self::storage_key(name),
            },
            Change::Delete {
                key: user_key(&self.user_id),
            },
        ]
    }

    /// The static role that has a user, if one has.
    pub(super) async fn of_user(
        storage: &dyn Storage,
        user_id: &str,
    ) -> Result<Option<(String, Self)>, Error> {
        let Some(OfUser { role: name }) = storage.get_json(&user_key(user_id)).await? else {
            return Ok(None);
        };
        let role = Self::load(storage, &name).await?;
        Ok(role
            .filter(|role| role.user_id == user_id)
            .map(|role| (name, role)))
    }

    /// The id of the key that is given out. Blank: there is none.
    pub(super) fn key_id(&self) -> &str {
        self.key.as_ref().map_or("", |key| key.access_key.as_str())
    }

    /// The ids of its keys.
    pub(super) fn keys(&self) -> Vec<String> {
        let key = self.key.iter().map(|key| key.access_key.clone());
        key.chain(self.previous.iter().map(|key| key.access_key.clone()))
            .collect()
    }

    /// Puts a new key in the place of the key, now. `planned` is the time for which the schedule planned it.
    pub(super) fn replace_key(&mut self, key: &AccessKey, planned: Option<u64>, now: u64) {
        let live = if self.seamless_rotation {
            self.grace_period().as_secs()
        } else {
            0
        };
        let old = self.key.replace(Key {
            access_key: key.id.clone(),
            secret_key: key.secret.clone(),
        });
        self.previous = old.map(|old| PreviousKey {
            access_key: old.access_key,
            until: now.saturating_add(live),
        });
        self.rotation.rotated(planned, now);
    }

    /// Has the older key end by a grace period that is shorter than that of before. What is to be said of it, if it does.
    pub(super) fn shorten_grace_period(&mut self, before: &Self, now: u64) -> Option<String> {
        let latest = now.saturating_add(self.grace_period().as_secs());
        let is_live = before.ended_key(now).is_none();
        let previous = self
            .previous
            .as_mut()
            .filter(|key| is_live && key.until > latest)?;
        previous.until = latest;
        Some(format!(
            "the older key {:?} now ends when the new rotation_grace_period does, in {} seconds",
            previous.access_key,
            latest - now
        ))
    }

    /// The older key, if its time is over, or its end was set by a clock that was wrong.
    pub(super) fn ended_key(&self, now: u64) -> Option<&PreviousKey> {
        let latest = now
            .saturating_add(self.grace_period().as_secs())
            .saturating_add(CLOCK_STEP);
        self.previous
            .as_ref()
            .filter(|key| key.until <= now || key.until > latest)
    }

    /// When there is something to do for it: a rotation, or the end of the older key. In seconds since 1970; what is not after
    /// now is due.
    pub(super) fn next_work(&self, now: u64) -> Option<u64> {
        match &self.previous {
            // No rotation has a place before.
            Some(previous) if self.ended_key(now).is_none() => Some(previous.until),
            Some(previous) => Some(previous.until.min(now)),
            None => match self.rotation.turn(now)? {
                Turn::NotYet => self.rotation.next(),
                Turn::Due(planned) => Some(planned),
                Turn::Missed(_) | Turn::Unplanned(_) => Some(now),
            },
        }
    }
}

fn user_key(user_id: &str) -> String {
    format!("{USER_PREFIX}{user_id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::to_go_json;

    const STORED: &str = "{\"username\":\"app\",\"user_id\":\"2001\",\"account_id\":\"1234567890123456\",\
        \"credential_type\":\"access_key\",\"rotation_period\":3600,\"next_vault_rotation\":4600,\"last_vault_rotation\":1000,\
        \"seamless_rotation\":true,\"rotation_grace_period\":60,\"key\":{\"access_key\":\"LTAI2\",\"secret_key\":\"hush\"},\
        \"previous\":{\"access_key\":\"LTAI1\",\"until\":1060},\"later\":{\"a\":1}}\n";

    #[test]
    fn an_entry_writes_back_as_it_was_and_its_secret_does_not_print() {
        let role: StaticRole = serde_json::from_str(STORED).unwrap();
        assert_eq!(String::from_utf8(to_go_json(&role).unwrap()).unwrap(), STORED);
        assert!(!format!("{role:?}").contains("hush"));
        assert_eq!(role.keys(), ["LTAI2", "LTAI1"]);
    }

    #[test]
    fn a_shorter_grace_period_counts_from_now_and_ends_no_key_at_once() {
        let mut before: StaticRole = serde_json::from_str(STORED).unwrap();
        before.rotation_grace_period = Duration::from_secs(7 * CLOCK_STEP);
        before.previous.as_mut().unwrap().until = 1000 + 6 * CLOCK_STEP;
        let mut role = before.clone();
        role.rotation_grace_period = Duration::from_secs(3600);
        let warning = role.shorten_grace_period(&before, 1000).unwrap();
        assert!(
            warning.contains("LTAI1") && warning.contains("3600 seconds"),
            "{warning}"
        );
        assert_eq!(role.previous.as_ref().unwrap().until, 4600);
        assert_eq!(role.ended_key(4599), None);
        // It changes nothing where there is more time.
        role.rotation_grace_period = before.rotation_grace_period;
        assert_eq!(role.clone().shorten_grace_period(&role, 1000), None);
    }

    #[test]
    fn there_is_something_to_do_at_the_end_of_the_older_key_and_then_at_the_next_rotation() {
        let mut role: StaticRole = serde_json::from_str(STORED).unwrap();
        assert_eq!(role.next_work(1000), Some(1060));
        assert_eq!(role.ended_key(1059), None);
        assert_eq!(role.ended_key(1060).unwrap().access_key, "LTAI1");
        role.previous.as_mut().unwrap().until = 10_000_000;
        assert!(role.ended_key(1060).is_some(), "by a clock that was wrong");
        assert_eq!(
            role.next_work(1100),
            Some(1100),
            "its end was set by a clock that was wrong"
        );
        role.previous = None;
        assert_eq!(role.next_work(1100), Some(4600));
        assert_eq!(role.next_work(4700), Some(4600));
        role.rotation = RotationSettings::default();
        assert_eq!(role.next_work(4700), None);
    }

    #[test]
    fn a_new_key_leaves_the_older_one_its_grace_period_only_if_that_is_wanted() {
        let mut role: StaticRole = serde_json::from_str(STORED).unwrap();
        let key = AccessKey {
            id: "LTAI3".to_owned(),
            secret: "new".into(),
        };
        role.replace_key(&key, Some(4600), 4610);
        let expected = |access_key: &str, until| PreviousKey {
            access_key: access_key.to_owned(),
            until,
        };
        assert_eq!(role.previous, Some(expected("LTAI2", 4670)));
        assert_eq!(role.rotation.next(), Some(8200));
        role.seamless_rotation = false;
        role.replace_key(&key, None, 5000);
        assert_eq!(role.previous, Some(expected("LTAI3", 5000)));
    }
}
