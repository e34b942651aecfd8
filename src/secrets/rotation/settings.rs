//! What operators write about rotations, and what is stored of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::cloud::clock::timestamp;
use crate::framework::{
    Error, Field, FieldKind, FieldValues, Setting, SettingValue as _, Settings, object, stored,
};
use crate::secrets::rotation::cron::Cron;
use crate::secrets::rotation::schedule::{Schedule, Turn};

/// Vault's limit.
const SHORTEST_WINDOW: Duration = Duration::from_secs(3600);

/// When a credential is rotated. What is not set is not stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RotationSettings {
    /// Zero: there is none.
    #[serde(with = "stored::as_shown", skip_serializing_if = "Duration::is_zero")]
    rotation_period: Duration,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    rotation_schedule: Option<Cron>,
    /// Zero: there is none.
    #[serde(with = "stored::as_shown", skip_serializing_if = "Duration::is_zero")]
    rotation_window: Duration,
    #[serde(
        deserialize_with = "stored::null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    disable_automated_rotation: bool,
    /// When the next rotation is, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_vault_rotation: Option<u64>,
    /// When the last rotation was, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_vault_rotation: Option<u64>,
}

/// A configuration or a role that has settings for rotations.
pub trait HasRotation: 'static {
    /// What periods it can have.
    const PERIODS: Periods;

    /// Those settings.
    fn rotation(&mut self) -> &mut RotationSettings;
}

/// What periods a rotated credential can have.
pub struct Periods {
    /// The shortest.
    pub shortest: Duration,
    /// The refusal of a shorter one.
    pub refusal: &'static str,
    /// The description of `rotation_period`.
    pub description: &'static str,
}

/// A table of settings with those for rotations.
pub fn with_rotation<C: HasRotation>(table: Settings<C>) -> Settings<C> {
    table
        .with(
            Setting::new("rotation_period", |owner: &mut C| &mut owner.rotation().rotation_period)
                .describe(C::PERIODS.description),
        )
        .with(Setting::custom(
            Field::new("rotation_schedule", FieldKind::String).describe(
                "Times of automated rotations, in cron's five fields (minute, hour, day of month, month, day of week), in UTC. \
                 Excludes rotation_period: each replaces the other. A blank ends automated rotation.",
            ),
            |owner: &mut C| &mut owner.rotation().rotation_schedule,
            |_, value| {
                Option::from_field(value).map_err(|rule| {
                    Error::bad_request(format!("failed to parse provided rotation_schedule: {rule}"))
                })
            },
            Option::to_shown,
        ))
        .with(
            Setting::new("rotation_window", |owner: &mut C| &mut owner.rotation().rotation_window).describe(
                "How long after a time of rotation_schedule a rotation may be tried, at least 1 hour; then the next time \
                 counts. Default: 0, until it succeeds.",
            ),
        )
        .with(
            Setting::new("disable_automated_rotation", |owner: &mut C| {
                &mut owner.rotation().disable_automated_rotation
            })
            .describe("Whether automated rotation is off, and its settings stay."),
        )
}

impl RotationSettings {
    /// How rotations follow each other, unless none are automated.
    pub fn schedule(&self) -> Option<Schedule> {
        if self.disable_automated_rotation {
            return None;
        }
        match &self.rotation_schedule {
            Some(cron) => Some(Schedule::At {
                cron: cron.clone(),
                window: Some(self.rotation_window).filter(|window| !window.is_zero()),
            }),
            None => Some(self.rotation_period)
                .filter(|period| !period.is_zero())
                .map(Schedule::Every),
        }
    }

    /// Checks what a write gave, and plans the next rotation anew, from now, where it changed how rotations follow each other.
    ///
    /// # Errors
    /// Settings that exclude each other, or are out of range, with the texts of Vault's SDK where it has some.
    pub fn written<C: HasRotation>(
        &mut self,
        before: &Self,
        given: &FieldValues,
        now: u64,
    ) -> Result<(), Error> {
        let refused = |text: &'static str| Err(Error::bad_request(text));
        let gave = |name, is_set: bool| given.given(name) && is_set;
        let gave_period = gave("rotation_period", !self.rotation_period.is_zero());
        let gave_schedule = gave("rotation_schedule", self.rotation_schedule.is_some());
        let gave_window = gave("rotation_window", !self.rotation_window.is_zero());
        if gave_period && gave_schedule {
            return refused(
                "mutually exclusive fields rotation_schedule and rotation_period were both specified; only one of them can be \
                 provided",
            );
        }
        if gave_period && gave_window {
            return refused("rotation_window does not apply to period");
        }
        if gave_period {
            self.rotation_schedule = None;
        }
        if gave_schedule {
            self.rotation_period = Duration::ZERO;
        }
        if self.rotation_schedule.is_none() {
            if gave_window {
                return refused("cannot use rotation_window without rotation_schedule");
            }
            self.rotation_window = Duration::ZERO;
        }
        if gave_period && self.rotation_period < C::PERIODS.shortest {
            return refused(C::PERIODS.refusal);
        }
        if gave_window && self.rotation_window < SHORTEST_WINDOW {
            return refused("rotation_window must be at least 3600 seconds");
        }
        if self.rotation_period != before.rotation_period
            || self.rotation_schedule != before.rotation_schedule
            || self.disable_automated_rotation != before.disable_automated_rotation
        {
            self.next_vault_rotation = self.schedule().map(|schedule| schedule.next_after(now));
        }
        Ok(())
    }

    /// Whether automated rotation is off, whatever its settings are.
    pub fn is_disabled(&self) -> bool {
        self.disable_automated_rotation
    }

    /// The settings that say when rotations are, as a read shows them: the period, or the schedule with its window.
    pub fn shown_schedule(&self) -> Map<String, Value> {
        let shown = match &self.rotation_schedule {
            Some(_) => vec![
                ("rotation_schedule", self.rotation_schedule.to_shown()),
                ("rotation_window", self.rotation_window.to_shown()),
            ],
            None => vec![("rotation_period", self.rotation_period.to_shown())],
        };
        let named = shown.into_iter().map(|(name, value)| (name.to_owned(), value));
        named.collect()
    }

    /// What is to be done now, unless no rotations are automated. Where no next time is stored, it follows from the last one.
    pub fn turn(&self, now: u64) -> Option<Turn> {
        let schedule = self.schedule()?;
        Some(schedule.turn(self.planned(&schedule), now))
    }

    /// When the next rotation is by schedule, in seconds since 1970.
    pub fn next(&self) -> Option<u64> {
        self.planned(&self.schedule()?)
    }

    /// Zero, as other programs write a time that is not set, is none: it would be due at once.
    fn planned(&self, schedule: &Schedule) -> Option<u64> {
        let set = |time: Option<u64>| time.filter(|time| *time > 0);
        let after_last = || Some(schedule.next_after(set(self.last_vault_rotation)?));
        set(self.next_vault_rotation).or_else(after_last)
    }

    /// Notes a rotation that is done now: one that was planned for a time, or one that somebody asked for, which begins the
    /// period anew.
    pub fn rotated(&mut self, planned: Option<u64>, now: u64) {
        self.last_vault_rotation = Some(now);
        self.next_vault_rotation = self.schedule().map(|schedule| match planned {
            Some(planned) => schedule.following(planned, now),
            None => schedule.next_after(now),
        });
    }

    /// The times that a read shows, blank where there is none.
    pub fn shown_times(&self) -> Map<String, Value> {
        let shown = |time: Option<u64>| Value::from(time.map(rfc3339).unwrap_or_default());
        object([
            ("next_vault_rotation", shown(self.next_vault_rotation)),
            ("last_vault_rotation", shown(self.last_vault_rotation)),
        ])
    }
}

/// A time as RFC 3339 in UTC.
pub fn rfc3339(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    time.and_then(|time| OffsetDateTime::from_unix_timestamp(time).ok())
        .map(timestamp)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Owner(RotationSettings);

    impl HasRotation for Owner {
        const PERIODS: Periods = Periods {
            shortest: Duration::from_secs(10),
            refusal: "rotation_period must be at least 10 seconds",
            description: "",
        };

        fn rotation(&mut self) -> &mut RotationSettings {
            &mut self.0
        }
    }

    static TABLE: LazyLock<Settings<Owner>> = LazyLock::new(|| with_rotation(Settings::new()));
    const NOW: u64 = 1_709_251_199;

    fn write(before: &RotationSettings, data: &Value) -> Result<RotationSettings, String> {
        let fields: Vec<_> = TABLE.fields().collect();
        let given = FieldValues::collect(&fields, data.as_object().unwrap(), "", &[])
            .unwrap()
            .values;
        let mut owner = Owner(before.clone());
        TABLE
            .merge(&mut owner, &given)
            .and_then(|()| owner.0.written::<Owner>(before, &given, NOW))
            .map(|()| owner.0)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn the_texts_are_those_of_vault() {
        let none = RotationSettings::default();
        for (data, text) in [
            (
                json!({"rotation_period": 60, "rotation_schedule": "0 0 * * *"}),
                "mutually exclusive fields rotation_schedule and rotation_period were both specified; only one of them can be \
                 provided",
            ),
            (
                json!({"rotation_period": 60, "rotation_window": 3600}),
                "rotation_window does not apply to period",
            ),
            (
                json!({"rotation_window": 3600}),
                "cannot use rotation_window without rotation_schedule",
            ),
            (
                json!({"rotation_schedule": "daily"}),
                "failed to parse provided rotation_schedule: expected exactly 5 fields (minute, hour, day of month, month, day \
                 of week), found 1",
            ),
            (
                json!({"rotation_period": 9}),
                "rotation_period must be at least 10 seconds",
            ),
            (
                json!({"rotation_schedule": "0 0 * * *", "rotation_window": "59m"}),
                "rotation_window must be at least 3600 seconds",
            ),
        ] {
            assert_eq!(write(&none, &data).unwrap_err(), text, "{data}");
        }
    }

    #[test]
    fn a_change_counts_from_now_and_anything_else_leaves_the_plan() {
        let period = write(&RotationSettings::default(), &json!({"rotation_period": "1h"})).unwrap();
        assert_eq!(period.next_vault_rotation, Some(NOW + 3600));
        let planned = RotationSettings {
            next_vault_rotation: Some(NOW + 7),
            ..period
        };
        for same in [
            json!({}),
            json!({"rotation_period": 3600}),
            json!({"rotation_schedule": "", "rotation_window": 0}),
        ] {
            assert_eq!(write(&planned, &same).unwrap(), planned, "{same}");
        }
        let cron = write(
            &planned,
            &json!({"rotation_schedule": "0 0 * * *", "rotation_window": "2h"}),
        )
        .unwrap();
        assert_eq!(
            (cron.rotation_period, cron.next_vault_rotation),
            (Duration::ZERO, Some(NOW + 1))
        );
        let window = write(&cron, &json!({"rotation_window": "3h"})).unwrap();
        assert_eq!(window.rotation_window, Duration::from_secs(3 * 3600));
        let back = write(&window, &json!({"rotation_period": 20})).unwrap();
        assert_eq!(
            (
                back.rotation_schedule,
                back.rotation_window,
                back.next_vault_rotation
            ),
            (None, Duration::ZERO, Some(NOW + 20))
        );
    }

    #[test]
    fn automated_rotation_is_switched_off_and_on() {
        let period = write(&RotationSettings::default(), &json!({"rotation_period": "1h"})).unwrap();
        let off = write(&period, &json!({"disable_automated_rotation": true})).unwrap();
        assert_eq!((off.schedule(), off.next_vault_rotation), (None, None));
        let on = write(&off, &json!({"disable_automated_rotation": false})).unwrap();
        assert_eq!(on, period);
        let none = write(&on, &json!({"rotation_period": 0})).unwrap();
        assert_eq!(none, RotationSettings::default());
    }

    #[test]
    fn a_rotation_that_was_asked_for_begins_the_period_anew() {
        let mut period = write(&RotationSettings::default(), &json!({"rotation_period": 100})).unwrap();
        period.rotated(Some(NOW), NOW + 30);
        assert_eq!(period.next_vault_rotation, Some(NOW + 100));
        period.rotated(None, NOW + 30);
        assert_eq!(period.next_vault_rotation, Some(NOW + 130));
        let shown = Value::Object(period.shown_times());
        assert_eq!(
            shown,
            json!({"next_vault_rotation": "2024-03-01T00:02:09Z", "last_vault_rotation": "2024-03-01T00:00:29Z"})
        );
    }

    #[test]
    fn without_a_stored_plan_the_next_time_follows_from_the_last() {
        let mut period = write(&RotationSettings::default(), &json!({"rotation_period": 100})).unwrap();
        for none in [None, Some(0)] {
            (period.next_vault_rotation, period.last_vault_rotation) = (none, none);
            assert_eq!(period.turn(NOW), Some(Turn::Unplanned(NOW + 100)), "{none:?}");
        }
        period.last_vault_rotation = Some(NOW - 30);
        assert_eq!(
            (period.turn(NOW), period.next()),
            (Some(Turn::NotYet), Some(NOW + 70))
        );
        assert_eq!(period.turn(NOW + 70), Some(Turn::Due(NOW + 70)));
        assert_eq!(RotationSettings::default().turn(NOW), None);
    }

    #[test]
    fn what_is_not_set_is_not_stored_and_what_is_comes_back() {
        let stored = |settings: &RotationSettings| serde_json::to_value(settings).unwrap();
        assert_eq!(stored(&RotationSettings::default()), json!({}));
        let data = json!({"rotation_schedule": "0 0 * * *", "rotation_window": 3600});
        let cron = write(&RotationSettings::default(), &data).unwrap();
        let expected = json!({
            "rotation_schedule": "0 0 * * *", "rotation_window": 3600, "next_vault_rotation": NOW + 1,
        });
        assert_eq!(stored(&cron), expected);
        assert_eq!(
            serde_json::from_value::<RotationSettings>(expected).unwrap(),
            cron
        );
    }
}
