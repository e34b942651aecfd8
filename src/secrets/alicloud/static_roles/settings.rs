//! What callers write to a static role, and read back.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::framework::{Error, Excerpt, Field, FieldKind, FieldValues, Setting, Settings, human_duration};
use crate::secrets::alicloud::static_roles::role::{CredentialType, StaticRole};
use crate::secrets::rotation::{HasRotation, Periods, RotationSettings, rfc3339, with_rotation};

/// How long the older key stays, unless the role says otherwise. As the Azure engine has it.
const DEFAULT_GRACE_PERIOD: Duration = Duration::from_secs(300);

impl HasRotation for StaticRole {
    /// As those of static roles of Vault's AWS engine.
    const PERIODS: Periods = Periods {
        shortest: Duration::from_secs(60),
        refusal: "role rotation period out of range: must be greater than 60.00 seconds",
        description: "Time between rotations, at least 1 minute. Excludes rotation_schedule: each replaces the other.",
    };

    fn rotation(&mut self) -> &mut RotationSettings {
        &mut self.rotation
    }
}

/// What callers write and read.
pub(super) static SETTINGS: LazyLock<Settings<StaticRole>> = LazyLock::new(|| {
    let own = Settings::new()
        .with(Setting::custom(
            Field::new("username", FieldKind::String).describe(
                "Name of a RAM user that exists, whose access key the role manages. Required when the role is written first.",
            ),
            |role: &mut StaticRole| &mut role.username,
            |_, value| username(value.as_str().unwrap_or_default()),
            |name| name.as_str().into(),
        ))
        .with(Setting::custom(
            Field::new("credential_type", FieldKind::String)
                .describe("What the role gives out: access_key, which is the only one and the default.")
                .allowed(&["", "access_key"]),
            |role: &mut StaticRole| &mut role.credential_type,
            |_, value| match value.as_str().unwrap_or_default() {
                "" | "access_key" => Ok(CredentialType::AccessKey),
                other => Err(Error::bad_request(format!(
                    "credential_type: {:?} is not known; static roles have access_key",
                    Excerpt(other)
                ))),
            },
            |CredentialType::AccessKey| "access_key".into(),
        ));
    with_rotation(own)
        .with(
            Setting::new("seamless_rotation", |role: &mut StaticRole| &mut role.seamless_rotation).describe(
                "Whether the older key stays live for rotation_grace_period after a rotation. Default: false, where it is \
                 deleted at once.",
            ),
        )
        .with(
            Setting::new("rotation_grace_period", |role: &mut StaticRole| {
                &mut role.rotation_grace_period
            })
            .describe(
                "How long the older key stays live with seamless_rotation: less than half of the time between rotations. \
                 Default: 5 minutes; 0 resets it.",
            )
            .shown_as(|role| role.grace_period().as_secs().into()),
        )
});

impl StaticRole {
    /// How long the older key stays live with `seamless_rotation`.
    pub(super) fn grace_period(&self) -> Duration {
        Some(self.rotation_grace_period)
            .filter(|grace| !grace.is_zero())
            .unwrap_or(DEFAULT_GRACE_PERIOD)
    }

    /// Changes what a request gave, and checks the whole.
    ///
    /// # Errors
    /// A rule that is broken, with the name of the field.
    pub(super) fn merge(&mut self, given: &FieldValues, now: u64) -> Result<(), Error> {
        let before = self.rotation.clone();
        SETTINGS.merge(self, given)?;
        self.rotation.written::<Self>(&before, given, now)?;
        if self.username.is_empty() {
            return Err(Error::bad_request("username is required"));
        }
        let gap = self
            .rotation
            .schedule()
            .map(|schedule| schedule.shortest_gap(now));
        if gap.is_none() && !self.rotation.is_disabled() {
            return Err(Error::bad_request(
                "one of rotation_period and rotation_schedule is required, or disable_automated_rotation for a role that is \
                 rotated by rotate-role only",
            ));
        }
        if let Some(gap) = gap
            && self.seamless_rotation
            && self.grace_period() >= gap / 2
        {
            return Err(Error::bad_request(format!(
                "rotation_grace_period must be less than half of the time between rotations, which can be {}: it is {}",
                human_duration(gap),
                human_duration(self.grace_period())
            )));
        }
        Ok(())
    }

    /// What a read shows, without secrets.
    pub(super) fn shown(&self, name: &str) -> Map<String, Value> {
        let mut data = SETTINGS.shown(self);
        let previous = self.previous.as_ref();
        let shown: [(&str, Value); 6] = [
            ("name", name.into()),
            ("id", self.user_id.as_str().into()),
            ("account_id", self.account_id.as_str().into()),
            ("access_key", self.key_id().into()),
            (
                "previous_access_key",
                previous
                    .map(|key| key.access_key.clone())
                    .unwrap_or_default()
                    .into(),
            ),
            (
                "previous_access_key_expiration",
                previous.map(|key| rfc3339(key.until)).unwrap_or_default().into(),
            ),
        ];
        data.extend(shown.map(|(name, value)| (name.to_owned(), value)));
        data.extend(self.rotation.shown_times());
        data
    }
}

/// RAM's rule for names of users.
fn username(given: &str) -> Result<String, Error> {
    let name = given.trim();
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.len() <= 64 && name.bytes().all(is_allowed) {
        return Ok(name.to_owned());
    }
    Err(Error::bad_request(format!(
        "username: {:?} is no name of a RAM user: 1 to 64 letters, digits, '.', '_' and '-'",
        Excerpt(name)
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_709_251_199;

    fn merge(mut role: StaticRole, data: &Value) -> Result<StaticRole, String> {
        let fields: Vec<_> = SETTINGS.fields().collect();
        let given = FieldValues::collect(&fields, data.as_object().unwrap(), "", &[])
            .unwrap()
            .values;
        role.merge(&given, NOW)
            .map(|()| role)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_is_refused_names_the_field_and_the_rule() {
        for (data, text) in [
            (json!({"rotation_period": 60}), "username is required"),
            (
                json!({"username": "", "rotation_period": 60}),
                "username is required",
            ),
            (
                json!({"username": "a b", "rotation_period": 60}),
                "username: \"a b\" is no name",
            ),
            (
                json!({"username": "app"}),
                "one of rotation_period and rotation_schedule is required",
            ),
            (
                json!({"username": "app", "rotation_period": 59}),
                "role rotation period out of range: must be greater than 60.00 seconds",
            ),
            (
                json!({"username": "app", "rotation_period": 60, "rotation_schedule": "0 0 * * *"}),
                "mutually exclusive fields",
            ),
            (
                json!({"username": "app", "rotation_period": 60, "credential_type": "password"}),
                "credential_type: \"password\" is not known",
            ),
            (
                json!({"username": "app", "rotation_period": 600, "seamless_rotation": true}),
                "rotation_grace_period must be less than half",
            ),
            (
                json!({"username": "app", "rotation_schedule": "0 0,1 * * *", "seamless_rotation": true,
                       "rotation_grace_period": "30m"}),
                "rotation_grace_period must be less than half of the time between rotations, which can be 1h: it is 30m",
            ),
        ] {
            let refusal = merge(StaticRole::default(), &data).unwrap_err();
            assert!(refusal.starts_with(text), "{data}: {refusal}");
        }
    }

    #[test]
    fn a_role_that_is_rotated_by_request_only_needs_no_period() {
        let role = merge(
            StaticRole::default(),
            &json!({"username": "app", "disable_automated_rotation": true, "seamless_rotation": true}),
        );
        assert_eq!(role.unwrap().next_work(NOW), None);
    }

    #[test]
    fn a_change_of_the_period_counts_from_now_and_the_rest_stays() {
        let role = merge(
            StaticRole::default(),
            &json!({"username": "app", "rotation_period": "1h", "seamless_rotation": true, "rotation_grace_period": 7}),
        )
        .unwrap();
        assert_eq!(role.rotation.next(), Some(NOW + 3600));
        let mut later = role;
        later.rotation.next_vault_rotation = Some(NOW + 5);
        let same = merge(
            later.clone(),
            &json!({"username": "app", "rotation_period": 3600}),
        )
        .unwrap();
        assert_eq!(same.rotation, later.rotation);
        let changed = merge(later, &json!({"rotation_period": "2h"})).unwrap();
        assert_eq!(changed.rotation.next(), Some(NOW + 7200));
        assert_eq!(changed.shown("r")["rotation_grace_period"], 7);
        let reset = merge(changed, &json!({"rotation_grace_period": 0})).unwrap();
        assert_eq!(reset.shown("r")["rotation_grace_period"], 300);
    }
}
