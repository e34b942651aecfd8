//! Fields: what a path accepts, and the values of one request.
//!
//! A path's table of fields is the one truth for coercion, defaults, help and the OpenAPI document. Follows
//! `FieldSchema` and `FieldData` of Vault's `framework` package; the rules of coercion are in the module `coerce`.

mod coerce;
mod kind;
mod shared;

use std::borrow::Borrow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::framework::error::Error;
use coerce::coerce;
use kind::CoerceError;
pub use kind::FieldKind;
pub(super) use shared::shared;

/// One field of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    name: &'static str,
    kind: FieldKind,
    as_sent: bool,
    pub(super) description: &'static str,
    pub(super) default: Option<Value>,
    pub(super) required: bool,
    pub(super) deprecated: bool,
    pub(super) allowed: &'static [&'static str],
    pub(super) in_query: bool,
    pub(super) display: FieldDisplay,
}

/// What a user interface may want to know of a field.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FieldDisplay {
    pub(super) name: Option<&'static str>,
    pub(super) description: Option<&'static str>,
    pub(super) sensitive: bool,
    pub(super) group: Option<&'static str>,
}

/// A value that does not fit its field. The value is not in the text: it may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("Field validation failed: error converting input for field {field:?}: {reason}")]
pub struct FieldError {
    field: &'static str,
    reason: CoerceError,
}

/// The values of one request, each coerced to the canonical form of its [kind](FieldKind).
///
/// A handler whose arguments are settings takes this type, alone or as a `#[serde(flatten)]` member.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct FieldValues {
    values: Map<String, Value>,
}

/// What became of a request's data.
#[derive(Debug)]
pub struct Collected {
    /// The values of the fields.
    pub values: FieldValues,
    /// Names in the body that are no fields, sorted.
    pub ignored: Vec<String>,
    /// Names whose value in the body gave way to the one in the path, sorted.
    pub replaced: Vec<String>,
}

impl Field {
    /// A field with a name and a kind, optional, without a description.
    pub fn new(name: &'static str, kind: FieldKind) -> Self {
        Self {
            name,
            kind,
            as_sent: false,
            description: "",
            default: None,
            required: false,
            deprecated: false,
            allowed: &[],
            in_query: false,
            display: FieldDisplay::default(),
        }
    }

    /// Sets the description for help and documents.
    pub fn describe(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Documents what it means that the field is not given. The handler sees that it is not.
    pub fn documented_default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Documents that the field must be given. The handler is what enforces it.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Documents that the field should no longer be used.
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Documents the values that the handler accepts.
    pub fn allowed(mut self, values: &'static [&'static str]) -> Self {
        self.allowed = values;
        self
    }

    /// Documents that a read takes the field as a parameter of its query.
    pub fn in_query(mut self) -> Self {
        self.in_query = true;
        self
    }

    /// Hands the value to the handler as the JSON text that the caller sent, because the path itself reads several forms:
    /// numbers keep their spelling, and what came as text can be told from what came as a list or an object. The kind then
    /// only documents the field.
    pub fn kept_as_sent(mut self) -> Self {
        self.as_sent = true;
        self
    }

    /// Sets the label in user interfaces.
    pub fn display_name(mut self, name: &'static str) -> Self {
        self.display.name = Some(name);
        self
    }

    /// Sets the help text in user interfaces, where it differs from the description.
    pub fn display_description(mut self, description: &'static str) -> Self {
        self.display.description = Some(description);
        self
    }

    /// Asks user interfaces to mask the value.
    pub fn sensitive(mut self) -> Self {
        self.display.sensitive = true;
        self
    }

    /// Sets the group of the field in user interfaces.
    pub fn group(mut self, group: &'static str) -> Self {
        self.display.group = Some(group);
        self
    }

    /// The name, as callers write it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The kind.
    pub fn kind(&self) -> FieldKind {
        self.kind
    }

    /// The value for what the caller sent; none when that counts as not given.
    fn read(&self, sent: &Value, body: &str) -> Result<Option<Value>, FieldError> {
        if self.as_sent {
            return Ok(Some(self.text_in(body, sent)));
        }
        coerce(self.kind, sent).map_err(|reason| FieldError {
            field: self.name,
            reason,
        })
    }

    /// The value as its text in the body.
    fn text_in(&self, body: &str, sent: &Value) -> Value {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(body).unwrap_or_default();
        let text = members.get(self.name).map(|text| text.get().to_owned());
        text.unwrap_or_else(|| sent.to_string()).into()
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl FieldValues {
    /// Reads every field of the table from a request. What the path says (`captures`) wins over the body (`data`). `body`
    /// is the text that `data` was read from, or empty; fields that are handed on as they were sent come from there.
    ///
    /// # Errors
    /// When a value does not fit its field.
    pub fn collect(
        fields: &[impl Borrow<Field>],
        data: &Map<String, Value>,
        body: &str,
        captures: &[(&'static str, &str)],
    ) -> Result<Collected, FieldError> {
        let mut values = Self::default();
        let fields = || fields.iter().map(Borrow::borrow);
        for field in fields() {
            let captured = captures.iter().find(|(name, _)| *name == field.name);
            let given = match (captured, data.get(field.name)) {
                (Some((_, text)), _) => field.read(&Value::from(*text), body)?,
                (None, Some(sent)) => field.read(sent, body)?,
                (None, None) => None,
            };
            if let Some(value) = given {
                values.values.insert(field.name.to_owned(), value);
            }
        }

        let is_field = |name: &str| fields().any(|field| field.name == name);
        let mut ignored: Vec<_> = data.keys().filter(|name| !is_field(name)).cloned().collect();
        ignored.sort_unstable();
        let in_body = |name: &str| data.get(name).is_some_and(|value| !value.is_null());
        let replaced = captures.iter().filter(|(name, _)| in_body(name));
        let mut replaced: Vec<_> = replaced.map(|(name, _)| (*name).to_owned()).collect();
        replaced.sort_unstable();
        Ok(Collected {
            values,
            ignored,
            replaced,
        })
    }

    /// The value of a field, unless it was not given. An explicit null of a duration is not given.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Takes a value out, so that it counts as not given.
    pub fn remove(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// Whether the caller gave the field.
    pub fn given(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Reads the values into a handler's argument type.
    ///
    /// # Errors
    /// When the argument type and the table of fields disagree, which is a mistake in the plugin. The text names the
    /// field; neither it nor the log gets the value.
    pub fn parse<A: DeserializeOwned>(&self) -> Result<A, Error> {
        // The field that is being read. Once all are, an error can only be about one that is not there.
        let current = Cell::new(None);
        let mut entries = self.values.iter();
        let entries = std::iter::from_fn(|| {
            let entry = entries.next();
            current.set(entry.map(|(name, _)| name.as_str()));
            entry.map(|(name, value)| (name.as_str(), value))
        });
        A::deserialize(MapDeserializer::new(entries)).map_err(|error: serde_json::Error| {
            match current.get() {
                Some(field) => Error::internal(format!("the handler cannot read its field {field:?}")),
                None => {
                    let reason = error.to_string();
                    let reason = if reason.starts_with("missing field") {
                        &reason
                    } else {
                        "values do not fit together"
                    };
                    Error::internal(format!("the handler cannot read its fields: {reason}"))
                }
            }
        })
    }
}

/// Names only: the values may be secrets.
impl fmt::Debug for FieldValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldValues")
            .field("given", &self.values.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Collected {
    /// What the caller is told of it, in the words of Vault's framework package.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let warnings = [
            ("Endpoint ignored these unrecognized parameters", &self.ignored),
            (
                "Endpoint replaced the value of these parameters with the values captured from the endpoint's path",
                &self.replaced,
            ),
        ];
        // Names are listed the way Go prints a slice.
        let warnings = warnings.into_iter().filter(|(_, names)| !names.is_empty());
        warnings.map(|(text, names)| format!("{text}: [{}]", names.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        name: String,
        ttl: Option<u64>,
        #[serde(default)]
        policies: Vec<String>,
        limit: i64,
    }

    fn table() -> Vec<Field> {
        vec![
            Field::new("name", FieldKind::LowercaseString).required(),
            Field::new("ttl", FieldKind::DurationSecond),
            Field::new("policies", FieldKind::CommaStringSlice),
            Field::new("limit", FieldKind::Int),
        ]
    }

    fn collect(data: &Value) -> Result<Collected, FieldError> {
        FieldValues::collect(&table(), data.as_object().unwrap(), "", &[("name", "Dev")])
    }

    #[test]
    fn values_become_typed_arguments() {
        let collected = collect(&json!({"ttl": "1h", "policies": "a, b", "limit": "0x10"})).unwrap();
        let expected = Arguments {
            name: "dev".to_owned(),
            ttl: Some(3600),
            policies: vec!["a".to_owned(), "b".to_owned()],
            limit: 16,
        };
        assert_eq!(collected.values.parse::<Arguments>().unwrap(), expected);
    }

    #[test]
    fn a_documented_default_is_not_a_value() {
        let fields = [Field::new("kind", FieldKind::String).documented_default("a")];
        let values = FieldValues::collect(&fields, &Map::new(), "", &[])
            .unwrap()
            .values;
        assert_eq!(values.parse::<Map<String, Value>>().unwrap(), Map::new());
        assert_eq!(fields[0].default, Some(json!("a")));
    }

    #[test]
    fn a_null_duration_is_not_given() {
        let values = collect(&json!({"ttl": null, "policies": null})).unwrap().values;
        let given = ["name", "ttl", "policies", "limit", "nonsense"].map(|name| values.given(name));
        assert_eq!(given, [true, false, true, false, false]);
    }

    #[test]
    fn unknown_and_replaced_names_are_listed() {
        let collected = collect(&json!({"zz": 1, "name": "other", "aa": null})).unwrap();
        assert_eq!(collected.ignored, ["aa", "zz"]);
        assert_eq!(collected.replaced, ["name"]);
        let expected = [
            "Endpoint ignored these unrecognized parameters: [aa zz]",
            "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [name]",
        ];
        assert!(collected.warnings().eq(expected));
        let collected = collect(&json!({"name": null})).unwrap();
        assert!(collected.replaced.is_empty(), "null replaces nothing");
        assert_eq!(collected.warnings().next(), None);
    }

    #[test]
    fn a_refusal_names_the_field_and_not_the_value() {
        let error = Error::from(collect(&json!({"ttl": "s3cret"})).unwrap_err());
        assert_eq!(
            error.message(),
            "Field validation failed: error converting input for field \"ttl\": expected seconds, days such as 30d, \
             or a duration such as 1h30m"
        );
        assert_eq!(error.kind(), crate::framework::Kind::BadRequest);
    }

    #[test]
    fn what_is_kept_as_sent_keeps_its_spelling() {
        let fields = [Field::new("policies", FieldKind::StringSlice).kept_as_sent()];
        let policies = r#"{"b":[1.50, -0, 1E40], "a":null}"#;
        for (body, expected) in [
            (format!("{{\"x\": 1, \"policies\": {policies}}}"), json!(policies)),
            ("{\"policies\": \"[1.50]\"}".to_owned(), json!("\"[1.50]\"")),
            ("{\"policies\": null}".to_owned(), json!("null")),
        ] {
            let data = serde_json::from_str(&body).unwrap();
            let values = FieldValues::collect(&fields, &data, &body, &[]).unwrap().values;
            assert_eq!(values.get("policies"), Some(&expected), "{body}");
        }
        let data = Map::from_iter([("policies".to_owned(), json!(["a"]))]);
        let values = FieldValues::collect(&fields, &data, "", &[]).unwrap().values;
        assert_eq!(values.get("policies"), Some(&json!("[\"a\"]")));
    }

    #[test]
    fn arguments_that_do_not_fit_the_table_are_our_mistake() {
        #[derive(Debug, Deserialize)]
        struct Wrong {
            #[expect(dead_code, reason = "only its type matters")]
            name: u64,
        }
        #[derive(Debug, Deserialize)]
        struct Missing {
            #[expect(dead_code, reason = "only its type matters")]
            nowhere: u64,
        }
        let values = collect(&json!({})).unwrap().values;
        let wrong = values.parse::<Wrong>().unwrap_err();
        assert_eq!(wrong.message(), "the handler cannot read its field \"name\"");
        assert!(std::error::Error::source(&wrong).is_none());
        let missing = values.parse::<Missing>().unwrap_err();
        assert_eq!(
            missing.message(),
            "the handler cannot read its fields: missing field `nowhere`"
        );
        let unknown = FieldValues::collect(
            &[Field::new("x", FieldKind::Bool)],
            &Map::from_iter([("x".to_owned(), true.into())]),
            "",
            &[],
        );
        let unknown = unknown.unwrap().values.parse::<Arguments>().unwrap_err();
        assert_eq!(unknown.message(), "the handler cannot read its field \"x\"");
    }

    #[test]
    fn debug_prints_no_value() {
        let values = collect(&json!({"policies": ["s3cret"]})).unwrap().values;
        assert!(!format!("{values:?}").contains("s3cret"));
    }

    proptest! {
        #[test]
        fn no_body_panics(ttl in ".{0,12}", policies in ".{0,12}", other in "[a-z]{1,6}") {
            let _ = collect(&json!({"ttl": ttl, "policies": policies, other: 1}));
        }
    }
}
