//! The rules of Vault's `tokenutil`, one table each.

use serde_json::json;

use super::*;
use crate::framework::error::Kind;
use crate::framework::field::FieldValues;
use crate::framework::response::{Alias, LeaseOptions};

/// What a write of these fields makes of the parameters, by way of the field table.
fn write(data: Value, mut stored: TokenParameters) -> Result<TokenParameters, String> {
    let fields: Vec<_> = TokenParameters::fields()
        .into_iter()
        .chain(TokenParameters::deprecated_fields())
        .collect();
    let collected =
        FieldValues::collect(&fields, data.as_object().unwrap(), &[]).map_err(|e| e.to_string())?;
    assert!(collected.ignored.is_empty(), "{:?}", collected.ignored);
    let mut arguments: Map<String, Value> = collected.values.parse().unwrap();
    let arguments_left = TokenArguments::take_from(&mut arguments).unwrap();
    assert!(arguments.is_empty());
    stored.apply(arguments_left).map_err(|error| {
        assert_eq!(error.kind(), Kind::BadRequest);
        error.to_string()
    })?;
    Ok(stored)
}

fn written(data: Value) -> TokenParameters {
    write(data, TokenParameters::default()).unwrap()
}

fn shown(parameters: &TokenParameters) -> Value {
    let mut data = Map::new();
    parameters.show(&mut data);
    Value::Object(data)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn nothing_given_changes_nothing() {
    assert_eq!(written(json!({})), TokenParameters::default());
    let stored =
        written(json!({"token_type": "batch", "token_ttl": 5, "policies": "a", "token_bound_cidrs": "::1"}));
    assert_eq!(write(json!({}), stored.clone()).unwrap(), stored);
    // An explicit null of a duration is not given; one of another field is its zero value.
    assert_eq!(write(json!({"token_ttl": null}), stored.clone()).unwrap(), stored);
    assert_eq!(
        write(json!({"token_policies": null}), stored).unwrap().policies,
        Some(vec![])
    );
}

#[test]
fn everything_given_is_shown_again() {
    let parameters = written(json!({
        "token_bound_cidrs": "10.1.2.3/8, 127.0.0.1/32",
        "token_explicit_max_ttl": "3h",
        "token_max_ttl": 7200,
        "token_no_default_policy": "true",
        "token_num_uses": "7",
        "token_period": "1h",
        "token_policies": ["B", " a"],
        "token_ttl": "30m",
        "token_type": "service",
        "alias_metadata": ["team=x"],
    }));
    assert_eq!(
        shown(&parameters),
        json!({
            "token_bound_cidrs": ["10.1.2.3/8", "127.0.0.1"],
            "token_explicit_max_ttl": 10800,
            "token_max_ttl": 7200,
            "token_no_default_policy": true,
            "token_num_uses": 7,
            "token_period": 3600,
            "token_policies": ["B", "a"],
            "token_strictly_bind_ip": false,
            "token_ttl": 1800,
            "token_type": "service",
            "alias_metadata": {"team": "x"},
        })
    );
}

#[test]
fn each_rule_is_told_and_the_first_broken_one_wins() {
    for (data, refusal) in [
        (
            json!({"token_bound_cidrs": "foo", "token_num_uses": -1}),
            "token_bound_cidrs: \"foo\": expected an IP address",
        ),
        (
            json!({"token_bound_cidrs": ["10.0.0.0/8", ""]}),
            "token_bound_cidrs: \"\": ",
        ),
        (
            json!({"token_bound_cidrs": "10.0.0.0/8,"}),
            "token_bound_cidrs: \"\": ",
        ),
        (
            json!({"token_max_ttl": -1}),
            "Field validation failed: error converting input for field \"token_max_ttl\"",
        ),
        (
            json!({"token_period": "-1h"}),
            "Field validation failed: error converting input for field \"token_period\"",
        ),
        (
            json!({"token_type": "default-service", "token_num_uses": -1}),
            "invalid 'token_type' value \"default-service\"",
        ),
        (
            json!({"token_type": "default-batch"}),
            "invalid 'token_type' value",
        ),
        (json!({"token_type": "Batch"}), "invalid 'token_type' value"),
        (
            json!({"token_num_uses": -1, "token_type": "batch", "token_period": 1}),
            "'token_num_uses' cannot be negative",
        ),
        (
            json!({"token_type": "batch", "token_period": 1, "token_num_uses": 1}),
            "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens",
        ),
        (
            json!({"token_type": "batch", "token_num_uses": 1, "token_ttl": 2, "token_max_ttl": 1}),
            "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count",
        ),
        (
            json!({"token_ttl": 2, "token_max_ttl": 1, "token_strictly_bind_ip": true, "token_bound_cidrs": "::1"}),
            "'token_ttl' cannot be greater than 'token_max_ttl'",
        ),
        (
            json!({"token_strictly_bind_ip": true, "token_bound_cidrs": "::1"}),
            "'token_strictly_bind_ip' cannot be used together with 'token_bound_cidrs'",
        ),
        // The old names, after all of these.
        (json!({"bound_cidrs": "foo"}), "bound_cidrs: \"foo\": "),
        (json!({"ttl": 2, "max_ttl": 1}), "ttl exceeds max ttl"),
        (
            json!({"token_type": "batch", "period": 1}),
            "'token_type' cannot be 'batch'",
        ),
        (
            json!({"token_strictly_bind_ip": true, "bound_cidrs": "::1"}),
            "'token_strictly_bind_ip' cannot be used",
        ),
    ] {
        let error = write(data.clone(), TokenParameters::default()).unwrap_err();
        assert!(error.starts_with(refusal), "{data}: {error}");
    }
}

#[test]
fn what_only_looks_wrong_is_taken() {
    for (data, kind) in [
        (json!({"token_type": ""}), TokenType::Default),
        (json!({"token_type": "default"}), TokenType::Default),
        (json!({"token_type": null}), TokenType::Default),
        (
            json!({"token_type": "service", "token_period": 5, "token_num_uses": 5}),
            TokenType::Service,
        ),
        (
            json!({"token_type": "batch", "token_explicit_max_ttl": 5}),
            TokenType::Batch,
        ),
        (json!({"token_ttl": 5, "token_max_ttl": 5}), TokenType::Default),
        (json!({"token_ttl": 5, "token_max_ttl": 0}), TokenType::Default),
        (
            json!({"token_strictly_bind_ip": true, "token_bound_cidrs": ""}),
            TokenType::Default,
        ),
    ] {
        assert_eq!(written(data.clone()).token_type, kind, "{data}");
    }
}

#[test]
fn a_rule_looks_at_the_stored_values_too() {
    let batch = written(json!({"token_type": "batch"}));
    assert!(write(json!({"token_num_uses": 1}), batch.clone()).is_err());
    assert!(write(json!({"token_num_uses": 1, "token_type": "service"}), batch).is_ok());
    let hour = written(json!({"token_ttl": "1h"}));
    assert!(write(json!({"token_max_ttl": "30m"}), hour.clone()).is_err());
    assert_eq!(
        write(json!({"max_ttl": "30m"}), hour).unwrap_err(),
        "ttl exceeds max ttl"
    );
}

/// Parameter and twin, by whether each was given, from a stored pair.
#[test]
fn twins_follow_vaults_table() {
    let stored = written(json!({"ttl": 100, "policies": "stored", "bound_cidrs": "10.0.0.1", "period": 9}));
    assert_eq!((stored.ttl, stored.twins.ttl), (seconds(100), seconds(100)));
    for (data, new, old) in [
        (json!({}), 100, 100),
        (json!({"ttl": 1}), 1, 1),
        (json!({"token_ttl": 2, "ttl": 1}), 2, 2),
        (json!({"token_ttl": 2}), 2, 0),
        (json!({"token_ttl": 0}), 0, 0),
        (json!({"ttl": 0}), 0, 0),
        (json!({"ttl": null}), 100, 100),
        (json!({"token_ttl": null, "ttl": 1}), 1, 1),
    ] {
        let parameters = write(data.clone(), stored.clone()).unwrap();
        assert_eq!(
            (parameters.ttl, parameters.twins.ttl),
            (seconds(new), seconds(old)),
            "{data}"
        );
        assert_eq!(parameters.twins.period, seconds(9), "{data}");
    }
    for (data, new, old) in [
        (
            json!({"policies": "Y, x ,y,,"}),
            vec!["x", "y"],
            Some(vec!["x", "y"]),
        ),
        (json!({"policies": "a, ROOT"}), vec!["root"], Some(vec!["root"])),
        (json!({"policies": ""}), vec![], Some(vec![])),
        (json!({"token_policies": "Y,x"}), vec!["Y", "x"], None),
        (
            json!({"token_policies": "Y,x", "policies": "z"}),
            vec!["Y", "x"],
            Some(vec!["Y", "x"]),
        ),
    ] {
        let parameters = write(data.clone(), stored.clone()).unwrap();
        let texts = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parameters.policies, Some(texts(new)), "{data}");
        assert_eq!(parameters.twins.policies, old.map(texts), "{data}");
    }
    let address = |text: &str| Some(vec![BoundAddress::parse(text).unwrap()]);
    for (data, new, old) in [
        (json!({"bound_cidrs": "::2/128"}), address("::2"), address("::2")),
        (json!({"token_bound_cidrs": "::3"}), address("::3"), None),
        (
            json!({"token_bound_cidrs": "::3", "bound_cidrs": "nonsense"}),
            address("::3"),
            address("::3"),
        ),
        (json!({"bound_cidrs": []}), Some(vec![]), Some(vec![])),
    ] {
        let parameters = write(data.clone(), stored.clone()).unwrap();
        assert_eq!(
            (parameters.bound_cidrs, parameters.twins.bound_cidrs),
            (new, old),
            "{data}"
        );
    }
}

#[test]
fn twins_are_shown_when_they_are_set() {
    let all = shown(&written(json!({
        "policies": "a", "ttl": 1, "max_ttl": 2, "period": 3, "bound_cidrs": "10.0.0.0/8",
    })));
    assert_eq!(all["policies"], all["token_policies"]);
    assert_eq!(
        (&all["ttl"], &all["max_ttl"], &all["period"]),
        (&json!(1), &json!(2), &json!(3))
    );
    assert_eq!(all["bound_cidrs"], json!(["10.0.0.0/8"]));
    for name in ["policies", "ttl", "max_ttl", "period", "bound_cidrs"] {
        assert!(
            shown(&written(json!({"policies": ""}))).get(name).is_none(),
            "{name}"
        );
    }
}

#[test]
fn a_login_gets_what_the_role_says() {
    let parameters = written(json!({
        "token_bound_cidrs": "10.0.0.0/8", "token_explicit_max_ttl": 5, "token_max_ttl": 4, "token_ttl": 3,
        "token_no_default_policy": true, "token_num_uses": 2, "token_period": 1, "token_policies": "p",
        "token_type": "service", "alias_metadata": {"team": "x", "account_id": "forged"},
    }));
    let metadata = BTreeMap::from([("account_id".to_owned(), "1".to_owned())]);
    let alias = Alias {
        metadata,
        ..Alias::default()
    };
    let mut auth = Auth {
        alias: Some(alias),
        ..Auth::default()
    };
    parameters.populate(&mut auth, None).unwrap();
    let expected = Auth {
        lease: LeaseOptions {
            ttl: seconds(3),
            max_ttl: seconds(4),
            renewable: true,
            ..LeaseOptions::default()
        },
        policies: vec!["p".to_owned()],
        period: seconds(1),
        num_uses: 2,
        bound_cidrs: vec!["10.0.0.0/8".to_owned()],
        explicit_max_ttl: seconds(5),
        token_type: TokenType::Service,
        no_default_policy: true,
        alias: Some(Alias {
            metadata: [("account_id", "1"), ("team", "x")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            ..Alias::default()
        }),
        ..Auth::default()
    };
    assert!(auth == expected, "{auth:?}");
}

#[test]
fn a_strictly_bound_token_is_bound_to_its_login() {
    let parameters = written(json!({"token_strictly_bind_ip": true}));
    let mut auth = Auth::default();
    parameters
        .populate(&mut auth, Some("[2001:DB8::1]:4711"))
        .unwrap();
    assert_eq!(auth.bound_cidrs, ["2001:db8::1"]);
    for client in [None, Some(""), Some("nowhere")] {
        assert_eq!(
            parameters.populate(&mut auth, client).unwrap_err().kind(),
            Kind::Coded(Status::FORBIDDEN)
        );
        assert!(parameters.check_address(client).is_err(), "{client:?}");
    }
    assert!(parameters.check_address(Some("10.0.0.1")).is_ok());
}

#[test]
fn a_login_from_elsewhere_is_denied() {
    let bound = written(json!({"token_bound_cidrs": "10.0.0.0/8,192.0.2.7"}));
    for (client, allowed) in [
        (Some("10.9.9.9"), true),
        (Some("192.0.2.7:50000"), true),
        (Some("192.0.2.8"), false),
        (Some("::1"), false),
        (Some("not an address"), false),
        (None, false),
    ] {
        let answer = bound.check_address(client);
        assert_eq!(answer.is_ok(), allowed, "{client:?}");
        if let Err(error) = answer {
            assert_eq!(error.kind(), Kind::Coded(Status::FORBIDDEN));
            assert!(error.message().starts_with("permission denied"), "{error}");
        }
        assert!(TokenParameters::default().check_address(client).is_ok());
    }
}

#[test]
fn stored_types_are_numbers_and_were_words() {
    let read = |value: Value| {
        let mut map = Map::from_iter([("token_type".to_owned(), value)]);
        TokenParameters::take_stored(&mut map).map(|parameters| parameters.token_type)
    };
    for (stored, kind) in [
        (json!(0), TokenType::Default),
        (json!(2), TokenType::Batch),
        (json!(4), TokenType::DefaultBatch),
        (json!("default-service"), TokenType::DefaultService),
        (json!("batch"), TokenType::Batch),
        (json!(""), TokenType::Default),
        (Value::Null, TokenType::Default),
    ] {
        assert_eq!(read(stored.clone()).unwrap(), kind, "{stored}");
    }
    for stored in [json!(5), json!(-1), json!("root"), json!([])] {
        assert!(read(stored.clone()).is_err(), "{stored}");
    }
}

#[test]
fn a_stored_value_of_the_wrong_type_is_named_and_not_quoted() {
    for name in [
        "token_ttl",
        "token_num_uses",
        "token_no_default_policy",
        "token_policies",
        "alias_metadata",
        "ttl",
    ] {
        let mut map = Map::from_iter([(name.to_owned(), json!({"hush": 1}))]);
        let error = TokenParameters::take_stored(&mut map).unwrap_err().to_string();
        assert!(error.contains(name) && !error.contains("hush"), "{error}");
    }
}

#[test]
fn the_table_has_every_field_once_and_described() {
    let fields: Vec<_> = TokenParameters::fields()
        .into_iter()
        .chain(TokenParameters::deprecated_fields())
        .collect();
    let mut names: Vec<_> = fields.iter().map(Field::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), fields.len());
    for field in &fields {
        assert!(!field.description.is_empty(), "{}", field.name());
        assert_eq!(
            field.deprecated,
            !field.name().starts_with("token_") && field.name() != "alias_metadata"
        );
    }
}

proptest::proptest! {
    #[test]
    fn old_policies_are_normal_whatever_is_sent(policies in proptest::collection::vec("[ a-cA-C]{0,4}|root|ROOT ", 0..6)) {
        let normal = normal_policies(&policies);
        proptest::prop_assert_eq!(&normal_policies(&normal), &normal);
        if normal.iter().any(|policy| policy == "root") {
            proptest::prop_assert_eq!(normal.len(), 1);
        }
    }
}
