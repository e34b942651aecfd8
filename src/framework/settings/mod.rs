//! Settings: what callers write to a configuration or a role, and read back.
//!
//! A [`Setting`] says once what is known of it: its name, its description, which member of the Rust type it is, and how it
//! is read from a request and shown. The path's fields, what a write changes and what a read shows all come from the
//! table of [`Settings`], so that a new setting is one member of the type and one entry of the table.

mod value;

use serde_json::{Map, Value};

use crate::framework::error::Error;
use crate::framework::field::{Field, FieldValues};
pub use crate::framework::settings::value::SettingValue;

/// The settings of a type, in the order in which they are written and shown.
pub struct Settings<C> {
    entries: Vec<Setting<C>>,
}

/// One setting of the type `C`.
pub struct Setting<C> {
    field: Field,
    write: Write<C>,
    show: Show<C>,
}

type Write<C> = Box<dyn Fn(&mut C, &Value) -> Result<(), Error> + Send + Sync>;
/// Takes the target as mutable because the access to the member does; it does not change it.
type Show<C> = Box<dyn Fn(&mut C) -> Option<Value> + Send + Sync>;

impl<C: 'static> Setting<C> {
    /// A setting whose type says how it is read and shown.
    pub fn new<T: SettingValue + 'static>(name: &'static str, access: fn(&mut C) -> &mut T) -> Self {
        let parse = |name, value: &_| T::from_field(value).map_err(|rule| broken(name, &rule));
        Self::custom(Field::new(name, T::KIND), access, parse, T::to_shown)
    }

    /// A setting that is read and shown in its own way. `parse` gets the field's name and the canonical form of its kind.
    pub fn custom<T: 'static>(
        field: Field,
        access: fn(&mut C) -> &mut T,
        parse: impl Fn(&'static str, &Value) -> Result<T, Error> + Send + Sync + 'static,
        show: impl Fn(&T) -> Value + Send + Sync + 'static,
    ) -> Self {
        let name = field.name();
        Self {
            field,
            write: Box::new(move |target, value| {
                *access(target) = parse(name, value)?;
                Ok(())
            }),
            show: Box::new(move |target| Some(show(access(target)))),
        }
    }

    /// Sets the description for help and documents.
    pub fn describe(self, description: &'static str) -> Self {
        self.document(|field| field.describe(description))
    }

    /// Changes what help and documents say of the field.
    pub fn document(mut self, change: impl FnOnce(Field) -> Field) -> Self {
        self.field = change(self.field);
        self
    }

    /// Shows something else than the value itself, such as the default that is in force.
    pub fn shown_as(mut self, show: impl Fn(&C) -> Value + Send + Sync + 'static) -> Self {
        self.show = Box::new(move |target| Some(show(target)));
        self
    }

    /// Leaves the setting out of a read while it is zero, false or blank.
    pub fn shown_if_set(mut self) -> Self {
        let show = self.show;
        let is_set = |value: &Value| match value {
            Value::Null => false,
            Value::Bool(on) => *on,
            Value::Number(_) => *value != 0,
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Object(members) => !members.is_empty(),
        };
        self.show = Box::new(move |target| show(target).filter(is_set));
        self
    }

    /// Never shows the value, and asks user interfaces to mask it.
    pub fn secret(mut self) -> Self {
        self.show = Box::new(|_| None);
        self.document(Field::sensitive)
    }
}

impl<C: 'static> Settings<C> {
    /// No settings.
    pub fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Adds a setting.
    pub fn with(mut self, setting: Setting<C>) -> Self {
        self.entries.push(setting);
        self
    }

    /// The fields for a path's table.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.entries.iter().map(|entry| &entry.field)
    }

    /// Whether a request gave any of the settings.
    pub fn any_given(&self, values: &FieldValues) -> bool {
        self.entries.iter().any(|entry| values.given(entry.field.name()))
    }

    /// Changes the settings that a request gave and leaves the others.
    ///
    /// # Errors
    /// The first value that breaks a rule, as an answer that names its field. Then `target` is half changed and must not
    /// be used.
    pub fn merge(&self, target: &mut C, values: &FieldValues) -> Result<(), Error> {
        for entry in &self.entries {
            if let Some(value) = values.get(entry.field.name()) {
                (entry.write)(target, value)?;
            }
        }
        Ok(())
    }

    /// What a read shows: every setting that is not secret.
    pub fn shown(&self, target: &C) -> Map<String, Value>
    where
        C: Clone,
    {
        let mut target = target.clone();
        let shown = self.entries.iter().filter_map(|entry| {
            let value = (entry.show)(&mut target)?;
            Some((entry.field.name().to_owned(), value))
        });
        shown.collect()
    }
}

impl<C: 'static> Default for Settings<C> {
    fn default() -> Self {
        Self::new()
    }
}

fn broken(name: &str, rule: &str) -> Error {
    Error::bad_request(format!("{name}: {rule}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use secrecy::SecretString;
    use serde_json::json;

    use super::*;
    use crate::framework::field::FieldKind;

    #[derive(Debug, Clone, Default, PartialEq)]
    struct Limits {
        host: Option<std::net::Ipv4Addr>,
        ttl: Duration,
        names: Vec<String>,
        ports: BTreeSet<u16>,
        note: String,
        on: bool,
        retries: Option<u8>,
    }

    #[derive(Clone, Default)]
    struct Secrets {
        key: SecretString,
    }

    fn table() -> Settings<Limits> {
        Settings::new()
            .with(Setting::new("host", |limits: &mut Limits| &mut limits.host))
            .with(Setting::new("ttl", |limits: &mut Limits| &mut limits.ttl).shown_if_set())
            .with(Setting::new("names", |limits: &mut Limits| &mut limits.names))
            .with(Setting::new("ports", |limits: &mut Limits| &mut limits.ports))
            .with(Setting::new("note", |limits: &mut Limits| &mut limits.note).describe("A note."))
            .with(Setting::new("on", |limits: &mut Limits| &mut limits.on))
            .with(Setting::custom(
                Field::new("retries", FieldKind::Int),
                |limits: &mut Limits| &mut limits.retries,
                |name, value| match value.as_i64() {
                    Some(-1) => Ok(None),
                    Some(retries @ 0..=20) => Ok(u8::try_from(retries).ok()),
                    _ => Err(broken(name, "expected -1 to 20")),
                },
                |retries| retries.map_or(-1, i64::from).into(),
            ))
    }

    fn merge(mut limits: Limits, data: &Value) -> Result<Limits, String> {
        let table = table();
        let fields: Vec<_> = table.fields().collect();
        let collected = FieldValues::collect(&fields, data.as_object().unwrap(), "", &[]).unwrap();
        let merged = table.merge(&mut limits, &collected.values);
        merged.map(|()| limits).map_err(|error| error.to_string())
    }

    fn full() -> Value {
        json!({
            "host": " 127.0.0.1 ", "ttl": "1h", "names": "b,a,b", "ports": ["443", "80", 443],
            "note": " x ", "on": "true", "retries": 0,
        })
    }

    #[test]
    fn what_is_written_is_shown() {
        let limits = merge(Limits::default(), &full()).unwrap();
        let expected = json!({
            "host": "127.0.0.1", "ttl": 3600, "names": ["b", "a"], "ports": ["80", "443"],
            "note": "x", "on": true, "retries": 0,
        });
        assert_eq!(Value::Object(table().shown(&limits)), expected);
        let expected = json!({
            "host": "", "names": [], "ports": [], "note": "", "on": false, "retries": -1,
        });
        assert_eq!(Value::Object(table().shown(&Limits::default())), expected);
    }

    #[test]
    fn what_is_not_given_stays_and_a_blank_resets() {
        let limits = merge(Limits::default(), &full()).unwrap();
        assert_eq!(merge(limits.clone(), &json!({})).unwrap(), limits);
        assert_eq!(merge(limits.clone(), &json!({"ttl": null})).unwrap(), limits);
        let blank = json!({
            "host": "", "ttl": 0, "names": [], "ports": "", "note": null, "on": false, "retries": -1,
        });
        let ports_stay_wrong = merge(limits.clone(), &json!({"ports": ["x"]})).unwrap_err();
        assert!(
            ports_stay_wrong.starts_with("ports: \"x\": "),
            "{ports_stay_wrong}"
        );
        assert_eq!(merge(limits, &blank).unwrap(), Limits::default());
    }

    #[test]
    fn a_broken_rule_names_the_setting() {
        for (data, start) in [
            (json!({"host": "x"}), "host: "),
            (json!({"retries": 21}), "retries: expected -1 to 20"),
        ] {
            let error = merge(Limits::default(), &data).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
    }

    #[test]
    fn a_request_may_give_none_of_them() {
        let values: FieldValues = serde_json::from_value(json!({"other": 1})).unwrap();
        assert!(!table().any_given(&values));
        let values: FieldValues = serde_json::from_value(json!({"on": false})).unwrap();
        assert!(table().any_given(&values));
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Setting::new("key", |secrets: &mut Secrets| &mut secrets.key).secret();
        let settings = Settings::new().with(secret);
        let mut secrets = Secrets::default();
        let values: FieldValues = serde_json::from_value(json!({"key": " hush "})).unwrap();
        settings.merge(&mut secrets, &values).unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&secrets.key), "hush");
        assert!(settings.shown(&secrets).is_empty());
        assert!(settings.fields().all(|field| field.display.sensitive));
    }
}
