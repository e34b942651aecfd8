use proptest::prelude::*;
use time::OffsetDateTime;

use super::*;
use crate::framework::Entity;
use crate::secrets::identity::Identity;

/// 2025-11-22 22:20:00, a Saturday.
const NOW: i64 = 1_763_850_000;

fn render(source: &str) -> Rendered {
    let values = Values {
        display_name: "token-alice",
        role_name: "deploy",
        now: OffsetDateTime::from_unix_timestamp(NOW).unwrap(),
        identity: IdentityValues::Example("bob"),
    };
    let template: Template = source.parse().unwrap_or_else(|error| panic!("{source}: {error}"));
    template.render(&values).unwrap()
}

#[test]
fn functions_are_those_of_vault() {
    for (source, expected) in [
        ("", ""),
        ("plain", "plain"),
        ("{{.DisplayName}}", "token-alice"),
        ("{{ .RoleName }}", "deploy"),
        ("a-{{ .RoleName }}-b", "a-deploy-b"),
        ("{{ (.RoleName) }}", "deploy"),
        ("{{ .DisplayName | truncate 5 }}", "token"),
        ("{{ truncate 99 .DisplayName }}", "token-alice"),
        ("{{ .DisplayName | truncate_sha256 11 }}", "token-alice"),
        // The hash of "ken-alice", in its first eight digits.
        ("{{ .DisplayName | truncate_sha256 10 }}", "to4c900986"),
        ("{{ .RoleName | uppercase }}", "DEPLOY"),
        ("{{ \"ABC\" | lowercase }}", "abc"),
        ("{{ .DisplayName | replace \"-\" \"_\" }}", "token_alice"),
        ("{{ .DisplayName | replace \"alice\" \"\" }}", "token-"),
        ("{{ .RoleName | sha256 | truncate 16 }}", "b7bd55c11b781b0c"),
        ("{{ .RoleName | base64 }}", "ZGVwbG95"),
        ("{{ unix_time }}", "1763850000"),
        ("{{ unix_time_millis }}", "1763850000000"),
        ("{{ timestamp \"2006-01-02T15:04:05Z\" }}", "2025-11-22T22:20:00Z"),
        (
            "{{ timestamp `Mon Monday Jan January 06` }}",
            "Sat Saturday Nov November 25",
        ),
        (
            "{{ printf \"%s-%v%%\" .RoleName unix_time }}",
            "deploy-1763850000%",
        ),
        (
            "{{ printf \"%s-%s\" (printf \"%s\" .RoleName | truncate 3) \"x\" | uppercase }}",
            "DEP-X",
        ),
        ("{{ \"a\\\"b\\\\\" }}{{ `c\"` }}", "a\"b\\c\""),
        ("{{ 7 }}", "7"),
        ("{{ identity.entity.name | uppercase }}-x", "BOB-x"),
        // White space around the whole is left out, and on the side of a sign.
        ("\n {{ .RoleName }} \n", "deploy"),
        ("a {{- .RoleName }} b", "adeploy b"),
        ("a {{- .RoleName -}} b", "adeployb"),
        ("a {{\n.RoleName\n}} b", "a deploy b"),
        ("a }} b", "a }} b"),
    ] {
        assert_eq!(render(source).text, expected, "{source}");
        assert_eq!(source.parse::<Template>().unwrap().to_string(), source);
    }
}

#[test]
fn randomness_is_new_each_time_and_what_is_left_of_it_is_known() {
    for (source, length, is_unique) in [
        ("{{ random 10 }}", 10, true),
        ("{{ random 64 }}", 64, true),
        ("{{ random 20 | uppercase }}", 20, true),
        (
            "{{ printf \"%s-%s\" .RoleName (random 20) | truncate 17 }}",
            17,
            true,
        ),
        (
            "{{ printf \"%s-%s\" .RoleName (random 20) | truncate 16 }}",
            16,
            false,
        ),
        ("{{ random 9 }}{{ random 9 }}", 18, false),
        ("{{ random 20 | base64 }}", 28, false),
        ("{{ uuid }}", 36, true),
        ("{{ uuid | truncate 16 }}", 16, true),
        ("{{ uuid | truncate 15 }}", 15, false),
        ("{{ unix_time_millis }}", 13, false),
    ] {
        let (first, second) = (render(source), render(source));
        assert_eq!(
            (first.text.len(), first.is_unique()),
            (length, is_unique),
            "{source}"
        );
        assert!(!is_unique || first.text != second.text, "{source}");
    }
}

#[test]
fn what_is_no_template_is_refused_when_it_is_read() {
    for (source, refusal) in [
        ("{{ .RoleName", "is not followed by"),
        ("{{ .RoleName }", "'}' is not expected"),
        ("{{ \"x }}", "a quote has no end"),
        ("{{ \"\\n\" }}", "after a backslash"),
        (
            "{{ .Role }}",
            "\".Role\" is not known: values are .DisplayName, .RoleName and those of identity; functions are random,",
        ),
        ("{{ .DisplayName.Secret }}", "is not known"),
        (
            "{{ identity.entity.x }}",
            "is not known: write {{identity.entity.id}}",
        ),
        ("{{ identity.groups.names }}", "is a list"),
        ("{{ call .RoleName }}", "\"call\" is not known"),
        ("{{ if .RoleName }}x{{ end }}", "\"if\" is not known"),
        ("{{ range 9 }}{{ end }}", "\"range\" is not known"),
        ("{{ $x := 7 }}", "'$' is not expected"),
        ("{{ /* x */ }}", "'/' is not expected"),
        ("{{ }}", "expected a value or a function"),
        ("{{ | truncate 5 }}", "expected a value or a function"),
        ("{{ (.RoleName }}", "expected \")\""),
        ("{{ .RoleName ) }}", "without a further \")\""),
        ("{{ .RoleName .RoleName }}", "a function before its arguments"),
        ("{{ random }}", "random is written as random 20"),
        ("{{ random 0 }}", "random is written as"),
        ("{{ random 65 }}", "random is written as"),
        ("{{ random .RoleName }}", "random is written as"),
        ("{{ truncate 0 .RoleName }}", "truncate is written as"),
        ("{{ truncate .RoleName 5 }}", "truncate is written as"),
        (
            "{{ truncate_sha256 8 .RoleName }}",
            "truncate_sha256 is written as",
        ),
        ("{{ uppercase }}", "uppercase is written as"),
        ("{{ replace \"\" \"x\" .RoleName }}", "replace is written as"),
        (
            "{{ random 10 | truncate 9 | replace \"0\" \"x\" }}",
            "replace is written as",
        ),
        ("{{ replace .RoleName \"x\" .RoleName }}", "replace is written as"),
        ("{{ unix_time 7 }}", "unix_time is written as"),
        (
            "{{ timestamp \"3PM\" }}",
            "timestamp: \"3PM\" is not known in a format",
        ),
        ("{{ timestamp .RoleName }}", "timestamp is written as"),
        ("{{ printf \"%s\" }}", "printf is written as"),
        ("{{ printf \"%d\" 7 }}", "printf is written as"),
        ("{{ printf \"x\" .RoleName }}", "printf is written as"),
        ("{{ printf \"%\" }}", "printf is written as"),
        ("{{ random 99999999999999999999999 }}", "a smaller number"),
    ] {
        let error = source.parse::<Template>().expect_err(source).to_string();
        assert!(error.contains(refusal), "{source}: {error}");
    }
}

#[test]
fn work_is_bounded() {
    let deep = |n: usize| format!("{{{{ {}.RoleName{} }}}}", "(".repeat(n), ")".repeat(n));
    assert!(deep(8).parse::<Template>().is_ok());
    assert_eq!(deep(9).parse::<Template>(), Err(TemplateError::TooDeep));
    let chain = |n: usize| format!("{{{{ .RoleName{} }}}}", " | uppercase".repeat(n));
    assert!(chain(31).parse::<Template>().is_ok());
    assert_eq!(chain(32).parse::<Template>(), Err(TemplateError::TooDeep));
    assert!("x".repeat(1024).parse::<Template>().is_ok());
    assert_eq!("x".repeat(1025).parse::<Template>(), Err(TemplateError::TooLong));
    // Each makes hundreds of what there was.
    let with = "y".repeat(300);
    let grows = format!("{{{{ .RoleName | replace \"y\" \"{with}\" | replace \"y\" \"{with}\" }}}}");
    let template: Template = grows.parse().unwrap();
    let values = Values {
        display_name: "",
        role_name: "yyy",
        now: OffsetDateTime::UNIX_EPOCH,
        identity: IdentityValues::None,
    };
    assert!(matches!(
        template.render(&values),
        Err(RenderError::TooLong(4096))
    ));
}

#[test]
fn values_of_an_identity_are_the_callers_or_none() {
    let entity = Entity {
        name: "alice".to_owned(),
        ..Entity::default()
    };
    let identity = Identity::new(entity, vec![]);
    let render = |source: &str, identity| {
        let template: Template = source.parse().unwrap();
        let values = Values {
            display_name: "",
            role_name: "",
            now: OffsetDateTime::UNIX_EPOCH,
            identity,
        };
        template.render(&values).map(|rendered| rendered.text)
    };
    let name = "{{ identity.entity.name }}";
    assert!(name.parse::<Template>().unwrap().has_identity());
    assert!(
        !"{{ \"identity.entity.name\" }}"
            .parse::<Template>()
            .unwrap()
            .has_identity()
    );
    assert_eq!(render(name, IdentityValues::Of(&identity)).unwrap(), "alice");
    assert!(matches!(
        render(name, IdentityValues::None),
        Err(RenderError::NoIdentity)
    ));
    let missing = render(
        "{{ identity.entity.metadata.team }}",
        IdentityValues::Of(&identity),
    );
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .starts_with("{{identity.entity.metadata.team}}: ")
    );
}

#[test]
fn a_template_is_stored_as_it_was_written() {
    let source = " {{ .RoleName }}\n";
    let template: Template = source.parse().unwrap();
    let stored = serde_json::to_string(&template).unwrap();
    assert_eq!(stored, "\" {{ .RoleName }}\\n\"");
    assert_eq!(serde_json::from_str::<Template>(&stored).unwrap(), template);
    assert!(serde_json::from_str::<Template>("\"{{\"").is_err());
}

proptest! {
    #[test]
    fn every_text_is_taken_or_refused_and_evaluation_is_bounded(
        source in "([a-z ]|\\{\\{|\\}\\}|-|\\(|\\)|\\||\\.RoleName|\\.DisplayName|random|truncate|replace|printf|uuid|timestamp|\"%s\"|\"2006\"|`x`| [0-9]{1,3} ){0,40}",
        name in ".{0,100}",
    ) {
        if let Ok(template) = source.parse::<Template>() {
            let values = Values { display_name: &name, role_name: &name, now: OffsetDateTime::UNIX_EPOCH, identity: IdentityValues::Example("x") };
            if let Ok(rendered) = template.render(&values) {
                prop_assert!(rendered.text.len() <= 4096);
                prop_assert_eq!(rendered.text.trim(), &rendered.text);
            }
        }
    }

    #[test]
    fn a_text_without_actions_is_itself(text in "[^{]{0,100}") {
        prop_assert_eq!(render(&text).text, text.trim());
    }
}
