//! Policy documents with values of the caller's identity.

use super::document::PolicyDocument;
use super::selectors;
use crate::framework::Error;
use crate::framework::json::{Content, Node, parse};
use crate::secrets::identity::{Identity, SelectorError, Text, has_groups, has_selectors};

impl PolicyDocument {
    /// Whether it has values of the caller's identity.
    pub(in crate::secrets::alicloud) fn has_selectors(&self) -> bool {
        self.has(has_selectors)
    }

    /// Whether it has the caller's groups.
    pub(in crate::secrets::alicloud) fn has_groups(&self) -> bool {
        self.has(has_groups)
    }

    /// Whether a string of the document has something. Escapes hide it in the text.
    fn has(&self, is_in: fn(&str) -> bool) -> bool {
        let stored = self.stored();
        is_in(stored)
            || (stored.contains('\\') && parse(stored).is_ok_and(|json| selectors::any(&json, is_in)))
    }

    /// The text that RAM gets, with the caller's values in the strings that name them. A string with the caller's groups
    /// becomes a list, or elements of the list that it is in. The outcome is checked as one that somebody writes, which a
    /// value can make too long.
    ///
    /// # Errors
    /// The values are needed and not there, cannot be used, or make a document that RAM would refuse.
    pub(in crate::secrets::alicloud) fn filled(
        &self,
        identity: Option<&Identity>,
        longest: usize,
    ) -> Result<String, Error> {
        if !self.has_selectors() {
            return Ok(self.text());
        }
        let identity = identity.ok_or_else(|| Error::internal("the caller's identity was not asked for"))?;
        let unreadable = |_| Error::internal("a stored policy document cannot be read");
        let mut out = String::new();
        fill(&parse(self.stored()).map_err(unreadable)?, identity, &mut out)?;
        let filled = parse(&out).map_err(unreadable)?;
        let document = Self::new(&filled, longest).map_err(|finding| {
            Error::bad_request(format!(
                "with the values of the caller's identity, RAM would refuse the policy: {}",
                finding.shown(1, None)
            ))
        })?;
        Ok(document.text())
    }
}

/// Writes JSON with the caller's values in its strings, each as a JSON string of its own.
fn fill(json: &Node<'_>, identity: &Identity, out: &mut String) -> Result<(), Error> {
    match &json.content {
        Content::Object(members) => {
            out.push('{');
            for (at, member) in members.iter().enumerate() {
                separate(at, out);
                push_string(&member.name, out)?;
                out.push(':');
                fill(&member.value, identity, out)?;
            }
            out.push('}');
        }
        Content::Array(elements) => {
            out.push('[');
            let mut written = 0;
            for element in elements {
                let Content::String(text) = &element.content else {
                    separate(written, out);
                    fill(element, identity, out)?;
                    written += 1;
                    continue;
                };
                for value in values(text, identity)?.1 {
                    separate(written, out);
                    push_string(&value, out)?;
                    written += 1;
                }
            }
            out.push(']');
        }
        Content::String(text) => {
            let (is_list, values) = values(text, identity)?;
            if is_list {
                out.push('[');
            }
            for (at, value) in values.iter().enumerate() {
                separate(at, out);
                push_string(value, out)?;
            }
            if is_list {
                out.push(']');
            }
        }
        Content::Null | Content::Bool(_) | Content::Number => out.push_str(json.text),
    }
    Ok(())
}

fn values(text: &str, identity: &Identity) -> Result<(bool, Vec<String>), Error> {
    let text: Text = text
        .parse()
        .map_err(|error: SelectorError| Error::bad_request(error.to_string()))?;
    Ok((text.is_list(), text.filled(identity)?))
}

fn separate(before: usize, out: &mut String) {
    if before > 0 {
        out.push(',');
    }
}

fn push_string(text: &str, out: &mut String) -> Result<(), Error> {
    let written = serde_json::to_string(text)
        .map_err(|error| Error::internal("a text cannot be written as JSON").with_source(error))?;
    out.push_str(&written);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::limits::MAX_BYTES;
    use super::*;
    use crate::framework::Entity;

    fn identity(team: &str, groups: &[&str]) -> Identity {
        let entity = Entity {
            id: "1-2".to_owned(),
            name: "alice".to_owned(),
            metadata: BTreeMap::from([("team".to_owned(), team.to_owned())]),
            aliases: vec![],
        };
        Identity::new(entity, groups.iter().map(|&group| group.to_owned()).collect())
    }

    fn document(resource: &Value) -> PolicyDocument {
        let text = json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:*", "Resource": resource}]});
        let text = text.to_string();
        PolicyDocument::new(&parse(&text).unwrap(), MAX_BYTES).unwrap()
    }

    fn filled(resource: &Value, identity: &Identity) -> Result<Value, String> {
        let text = document(resource).filled(Some(identity), MAX_BYTES);
        let text = text.map_err(|error| error.message().to_owned())?;
        let whole: Value = serde_json::from_str(&text).unwrap();
        Ok(whole["Statement"][0]["Resource"].clone())
    }

    #[test]
    fn values_go_into_strings_and_groups_into_lists() {
        let identity = identity("a b", &["dev", "ops"]);
        for (resource, expected) in [
            (
                json!("acs:oss:*:*:x/{{identity.entity.name}}/*"),
                json!("acs:oss:*:*:x/alice/*"),
            ),
            (
                json!(["a/{{identity.entity.metadata.team}}", "b"]),
                json!(["a/a b", "b"]),
            ),
            (
                json!(["a", "g/{{identity.groups.names}}", "b"]),
                json!(["a", "g/dev", "g/ops", "b"]),
            ),
            (json!("g/{{identity.groups.names}}"), json!(["g/dev", "g/ops"])),
            (json!("{{ other }}"), json!("{{ other }}")),
        ] {
            assert_eq!(filled(&resource, &identity), Ok(expected), "{resource}");
        }
    }

    #[test]
    fn a_document_without_selectors_is_sent_as_it_is_whatever_it_holds() {
        let stored = r#"{"Statement":"{{ x }}"}"#;
        let document: PolicyDocument = serde_json::from_str(stored).unwrap();
        assert!(!document.has_selectors());
        assert_eq!(document.filled(None, MAX_BYTES).unwrap(), stored);
        // One with selectors is never sent with them.
        let document = self::document(&json!("{{identity.entity.id}}"));
        assert!(document.filled(None, MAX_BYTES).is_err());
        let stored: PolicyDocument = serde_json::from_str(r#"{"Resource":"{{identity.entity.x}}"}"#).unwrap();
        assert!(stored.filled(Some(&identity("", &[])), MAX_BYTES).is_err());
    }

    #[test]
    fn selectors_are_found_however_they_are_escaped() {
        let identity = identity("", &["dev"]);
        for escaped in [
            r"{{\nidentity.entity.name}}",
            r"\u007b\u007bidentity.entity.name}}",
            r"{{\u0069dentity.entity.name }}",
        ] {
            let stored = format!(
                r#"{{"Version":"1","Statement":[{{"Effect":"Deny","Action":"a:b","Resource":"x/{escaped}"}}]}}"#
            );
            let document = PolicyDocument::new(&parse(&stored).unwrap(), MAX_BYTES).unwrap();
            assert!(document.has_selectors() && !document.has_groups(), "{stored}");
            let filled = document.filled(Some(&identity), MAX_BYTES).unwrap();
            assert!(filled.contains(r#""x/alice""#), "{filled}");
        }
        let groups = document(&json!("x/{{\tidentity.groups.names}}"));
        assert!(groups.has_groups());
    }

    #[test]
    fn what_makes_no_policy_is_refused() {
        let resource = json!("{{identity.entity.metadata.team}}");
        assert!(
            filled(&resource, &identity("*", &[]))
                .unwrap_err()
                .contains("cannot be used")
        );
        assert!(
            filled(&resource, &identity("", &[]))
                .unwrap_err()
                .contains("has no such value")
        );
        let groups = json!(["a/{{identity.groups.names}}"]);
        assert!(
            filled(&groups, &identity("", &[]))
                .unwrap_err()
                .contains("identity.groups.names")
        );
        let long = json!(
            "x".repeat(5000)
                + "{{identity.entity.metadata.team}}{{identity.entity.metadata.team}}\
            {{identity.entity.metadata.team}}{{identity.entity.metadata.team}}{{identity.entity.metadata.team}}"
        );
        let refusal = filled(&long, &identity(&"y".repeat(256), &[])).unwrap_err();
        assert!(refusal.contains("RAM allows 6144"), "{refusal}");
        let effect = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"{{identity.groups.ids}}","Resource":"*"}]}"#;
        let finding = PolicyDocument::new(&parse(effect).unwrap(), MAX_BYTES).unwrap_err();
        assert!(
            finding
                .shown(1, None)
                .contains("is not known: write {{identity.entity.id}}")
        );
        let name = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"a:b","Resource":"*",
            "Condition":{"StringEquals":{"{{identity.entity.id}}":"x"}}}]}"#;
        let finding = PolicyDocument::new(&parse(name).unwrap(), MAX_BYTES).unwrap_err();
        assert!(finding.shown(1, None).contains("not for names"));
    }

    /// The shape of JSON: its types and member names.
    fn shape(value: &Value) -> Value {
        match value {
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), shape(member)))
                .collect(),
            Value::Array(list) => list.iter().map(shape).collect(),
            Value::String(_) => "text".into(),
            other => other.clone(),
        }
    }

    proptest! {
            #[test]
            fn a_value_never_changes_the_structure_nor_adds_a_wildcard(value in "(.|[*?${}\"\\\\/:]|[a-z]){0,12}", prefix in "[a-z:/*]{0,8}") {
                let resource = json!([format!("{prefix}{{{{identity.entity.metadata.team}}}}"), "other"]);
                let stored = document(&resource);
                if let Ok(text) = stored.filled(Some(&identity(&value, &[])), MAX_BYTES) {
                    let filled: Value = serde_json::from_str(&text).unwrap();
                    let before: Value = serde_json::from_str(&stored.text()).unwrap();
                    prop_assert_eq!(shape(&filled), shape(&before));
                    prop_assert_eq!(&filled["Statement"][0]["Resource"][0], &json!(format!("{prefix}{value}")));
                    let has_special = value.contains(['*', '?', '$', '{', '"', '\\', '/', ':']);
    prop_assert!(!has_special, "{}", value);
                }
            }
        }
}
