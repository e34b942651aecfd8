//! The key pair as something that is rotated.

use std::time::Duration;

use crate::alicloud::credentials::Source;
use crate::alicloud::ram::AccessKey;
use crate::framework::{Error, Excerpt};
use crate::secrets::alicloud::config::Config;
use crate::secrets::rotation::{HasRotation, Periods, RotationSettings};

/// How many ids of keys that were rotated away are kept: the first, which a file of Terraform may still have, and the last.
const MOST_OLD_KEYS: usize = 64;

impl HasRotation for Config {
    /// As Vault's.
    const PERIODS: Periods = Periods {
        shortest: Duration::from_secs(10),
        refusal: "rotation_period must be at least 10 seconds",
        description: "Time between automated rotations, at least 10 seconds. Excludes rotation_schedule: each replaces the \
                      other. 0 ends automated rotation.",
    };

    fn rotation(&mut self) -> &mut RotationSettings {
        &mut self.rotation
    }
}

impl Config {
    /// The access keys with which the mount calls the cloud, and cleans up an account that it had before.
    pub(in crate::secrets::alicloud) fn keys(&self) -> Vec<String> {
        let keys = [&self.access_key, &self.previous_access_key];
        keys.into_iter().filter(|key| !key.is_empty()).cloned().collect()
    }

    /// The id of the key that can be rotated.
    ///
    /// # Errors
    /// Why none can.
    pub(in crate::secrets::alicloud) fn key_to_rotate(&self) -> Result<&str, &'static str> {
        if self.role_arn.is_some() {
            return Err(
                "role_arn is set, so calls are made with temporary credentials of a role; rotate the key that assumes the role \
                 where it is managed",
            );
        }
        if !self.has_key_pair() || !matches!(self.source(), None | Some(Source::Stored)) {
            return Err(
                "the credentials are not those of access_key and secret_key in config; rotate them where they come from",
            );
        }
        if self.access_key.starts_with("STS.") {
            return Err("access_key is a temporary key of STS, which ends by itself");
        }
        Ok(&self.access_key)
    }

    /// Puts a new pair in the place of the pair, now. `planned` is the time for which the schedule planned it.
    pub(in crate::secrets::alicloud) fn replace_key(
        &mut self,
        key: &AccessKey,
        planned: Option<u64>,
        now: u64,
    ) {
        let old = std::mem::replace(&mut self.access_key, key.id.clone());
        self.secret_key = key.secret.clone();
        self.rotated_keys.push(old);
        if self.rotated_keys.len() > MOST_OLD_KEYS {
            self.rotated_keys.remove(1);
        }
        self.rotation.rotated(planned, now);
    }

    /// Whether rotations can be automated, and the pair is not one that was rotated away.
    pub(super) fn check_rotation(&self) -> Result<(), Error> {
        if self.rotation.schedule().is_some()
            && let Err(reason) = self.key_to_rotate()
        {
            return Err(Error::bad_request(format!(
                "rotation_period and rotation_schedule cannot be used: {reason}"
            )));
        }
        if self.rotated_keys.contains(&self.access_key) {
            return Err(Error::bad_request(format!(
                "access_key {:?} was replaced by a rotation and deleted: leave access_key and secret_key out to keep the pair \
                 of the rotation, or write another pair",
                Excerpt(&self.access_key)
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::to_go_json;

    fn key(id: &str) -> AccessKey {
        AccessKey {
            id: id.to_owned(),
            secret: format!("secret-of-{id}").into(),
        }
    }

    #[test]
    fn what_a_rotation_changes_is_stored_behind_the_other_settings() {
        let stored = "{\"access_key\":\"LTAI1\",\"secret_key\":\"s\",\"region\":\"cn-hangzhou\",\"rotation_period\":3600,\
            \"next_vault_rotation\":1000,\"later\":{\"a\":1}}\n";
        let mut config: Config = serde_json::from_str(stored).unwrap();
        assert_eq!(to_go_json(&config).unwrap(), stored.as_bytes());
        config.replace_key(&key("LTAI2"), Some(1000), 1100);
        let expected = "{\"access_key\":\"LTAI2\",\"secret_key\":\"secret-of-LTAI2\",\"region\":\"cn-hangzhou\",\
            \"rotation_period\":3600,\"next_vault_rotation\":4600,\"last_vault_rotation\":1100,\"rotated_keys\":[\"LTAI1\"],\
            \"later\":{\"a\":1}}\n";
        assert_eq!(String::from_utf8(to_go_json(&config).unwrap()).unwrap(), expected);
    }

    #[test]
    fn the_first_and_the_last_keys_are_remembered() {
        let mut config = Config {
            access_key: "LTAI0".to_owned(),
            ..Config::default()
        };
        for number in 1..=200 {
            config.replace_key(&key(&format!("LTAI{number}")), None, 0);
        }
        assert_eq!(config.rotated_keys.len(), MOST_OLD_KEYS);
        let [first, second, .., last] = config.rotated_keys.as_slice() else {
            panic!("{:?}", config.rotated_keys);
        };
        assert_eq!([first.as_str(), second, last], ["LTAI0", "LTAI137", "LTAI199"]);
        assert!(config.check_rotation().is_ok());
        config.access_key = "LTAI0".to_owned();
        assert!(config.check_rotation().is_err());
    }
}
