use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::framework::{Entity, EntityAlias};

fn metadata(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

fn identity(value: &str, groups: &[&str]) -> Identity {
    let entity = Entity {
        id: "1-2".to_owned(),
        name: "Alice".to_owned(),
        metadata: metadata("team", value),
        aliases: vec![EntityAlias {
            mount_accessor: "auth_userpass_1".to_owned(),
            name: "alice@example.com".to_owned(),
            metadata: metadata("cost.center", "7"),
        }],
    };
    Identity::new(entity, groups.iter().map(|&group| group.to_owned()).collect())
}

fn filled(text: &str, identity: &Identity) -> Result<Vec<String>, String> {
    let text: Text = text.parse().map_err(|error: SelectorError| error.to_string())?;
    text.filled(identity).map_err(|error| error.message().to_owned())
}

#[test]
fn selectors_are_those_of_acl_policies() {
    let identity = identity("a b", &["ops", "dev", "ops"]);
    for (text, expected) in [
        ("", &[""][..]),
        ("plain {{ x }} {{}} }} {", &["plain {{ x }} {{}} }} {"]),
        ("{{identity.entity.id}}", &["1-2"]),
        ("x/{{ identity.entity.name }}/*", &["x/Alice/*"]),
        ("{{{identity.entity.name}}}", &["{Alice}"]),
        ("{{identity.entity.metadata.team}}", &["a b"]),
        (
            "{{identity.entity.aliases.auth_userpass_1.name}}",
            &["alice@example.com"],
        ),
        (
            "{{identity.entity.aliases.auth_userpass_1.metadata.cost.center}}",
            &["7"],
        ),
        (
            "b-{{identity.groups.names}}-{{identity.entity.id}}",
            &["b-dev-1-2", "b-ops-1-2"],
        ),
    ] {
        assert_eq!(filled(text, &identity).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_begins_as_a_selector_and_is_none_is_refused() {
    for text in [
        "{{identity.entity.nam}}",
        "{{identity.entity.metadata.}}",
        "{{identity.entity.metadata}}",
        "{{identity.entity.aliases.a}}",
        "{{identity.entity.aliases..name}}",
        "{{identity.entity.aliases.a.metadata.}}",
        "{{identity.groups.ids}}",
        "{{identity.}}",
        "{{ identity.entity.name | truncate 5 }}",
        "{{identity.entity.name",
    ] {
        let error = filled(text, &identity("x", &[])).unwrap_err();
        assert!(
            error.contains("is not known: write {{identity.entity.id}}"),
            "{text}: {error}"
        );
    }
}

#[test]
fn a_missing_value_fails_and_is_named() {
    let nobody = Identity::new(Entity::default(), vec![]);
    for selector in [
        "identity.entity.id",
        "identity.entity.name",
        "identity.entity.metadata.team",
        "identity.entity.metadata.none",
        "identity.entity.aliases.other.name",
        "identity.entity.aliases.auth_userpass_1.metadata.none",
        "identity.groups.names",
    ] {
        let text = format!("x-{{{{{selector}}}}}");
        let error = filled(&text, &nobody).unwrap_err();
        assert!(error.starts_with(&format!("{{{{{selector}}}}}: ")), "{error}");
    }
    assert!(filled("{{identity.entity.metadata.team}}", &identity("", &[])).is_err());
}

#[test]
fn a_value_that_could_change_what_is_around_it_is_refused() {
    for value in [
        "*",
        "a*",
        "?",
        "${x}",
        "$",
        "{{x}}",
        "{",
        "\"",
        "\\",
        "'",
        "a/b",
        "..:a",
        "acs:ram",
        "a\nb",
        "\0",
        "<a>",
        "a;b",
        "a|b",
        &"x".repeat(257),
    ] {
        for (text, identity) in [
            ("{{identity.entity.metadata.team}}", identity(value, &[])),
            ("{{identity.groups.names}}", identity("x", &["ok", value])),
        ] {
            let error = filled(text, &identity).unwrap_err();
            assert!(
                error.contains("the caller's value cannot be used"),
                "{value}: {error}"
            );
            // It is not shown: it may be anything.
            assert!(value.len() < 3 || !error.contains(value), "{error}");
        }
    }
    for value in ["a", "Zoë", "李", "a.b_c-d@e+f=g,h i", &"x".repeat(256)] {
        assert!(
            filled("{{identity.entity.metadata.team}}", &identity(value, &[])).is_ok(),
            "{value}"
        );
    }
    let many: Vec<_> = (0..101).map(|number| format!("g{number}")).collect();
    let many = Identity::new(Entity::default(), many);
    assert!(
        filled("{{identity.groups.names}}", &many)
            .unwrap_err()
            .contains("101 groups")
    );
}

proptest! {
    #[test]
    fn a_text_is_filled_or_refused_and_a_value_stays_in_its_place(
        before in "[a-z:/*{ ]{0,10}", after in "[a-z:/*} ]{0,10}", value in ".{0,20}",
    ) {
        let text = format!("{before}{{{{identity.entity.metadata.team}}}}{after}");
        if let Ok(filled) = filled(&text, &identity(&value, &[])) {
            let has_special = value.contains(['*', '?', '$', '{', '"', '\\', '/', ':']);
prop_assert!(!has_special, "{}", value);
            prop_assert_eq!(filled, vec![format!("{before}{value}{after}")]);
        }
    }

    #[test]
    fn selectors_print_as_they_are_written(text in "identity\\.(entity\\.(id|name|metadata\\.[a-z.]{1,9}|aliases\\.[a-z_]{1,9}\\.(name|metadata\\.[a-z.]{1,9}))|groups\\.names)") {
        let selector: Selector = text.parse().unwrap();
        prop_assert_eq!(selector.to_string(), text);
    }
}
