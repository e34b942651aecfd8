//! The rules of Vault's `tokenutil`, one table each.

use serde_json::json;

use std::collections::BTreeMap;

use super::address::BoundAddress;
use super::*;
use crate::framework::error::{Kind, Status};
use crate::framework::response::{Alias, Auth, LeaseOptions};

/// Parameters with their deprecated fields.
type Both = (TokenParameters, DeprecatedFields);

/// What a write of these fields makes of the parameters, by way of the field table.
fn write(data: Value, mut stored: Both) -> Result<Both, String> {
    let fields: Vec<_> = TokenParameters::fields().collect();
    let collected =
        FieldValues::collect(&fields, data.as_object().unwrap(), "", &[]).map_err(|e| e.to_string())?;
    assert!(collected.ignored.is_empty(), "{:?}", collected.ignored);
    let (token, old) = &mut stored;
    token.merge(old, &collected.values).map_err(|error| {
        assert_eq!(error.kind(), Kind::BadRequest);
        error.to_string()
    })?;
    Ok(stored)
}

fn written(data: Value) -> Both {
    write(data, Both::default()).unwrap()
}

fn shown((token, old): &Both) -> Value {
    Value::Object(token.shown(old))
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn nothing_given_changes_nothing() {
    assert_eq!(written(json!({})), Both::default());
    let stored =
        written(json!({"token_type": "batch", "token_ttl": 5, "policies": "a", "token_bound_cidrs": "::1"}));
    assert_eq!(write(json!({}), stored.clone()).unwrap(), stored);
    // An explicit null of a duration is not given; one of another field is its zero value.
    assert_eq!(write(json!({"token_ttl": null}), stored.clone()).unwrap(), stored);
    assert_eq!(
        write(json!({"token_policies": null}), stored).unwrap().0.policies,
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
        let error = write(data.clone(), Both::default()).unwrap_err();
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
        assert_eq!(written(data.clone()).0.token_type, kind, "{data}");
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

/// Parameter and deprecated field, by whether each was given, from a stored pair.
#[test]
fn deprecated_fields_follow_vaults_table() {
    let stored = written(json!({"ttl": 100, "policies": "stored", "bound_cidrs": "10.0.0.1", "period": 9}));
    assert_eq!((stored.0.ttl, stored.1.ttl), (seconds(100), seconds(100)));
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
        let (parameters, old_fields) = write(data.clone(), stored.clone()).unwrap();
        assert_eq!(
            (parameters.ttl, old_fields.ttl),
            (seconds(new), seconds(old)),
            "{data}"
        );
        assert_eq!(old_fields.period, seconds(9), "{data}");
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
        let (parameters, old_fields) = write(data.clone(), stored.clone()).unwrap();
        let texts = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parameters.policies, Some(texts(new)), "{data}");
        assert_eq!(old_fields.policies, old.map(texts), "{data}");
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
        let (parameters, old_fields) = write(data.clone(), stored.clone()).unwrap();
        assert_eq!(
            (parameters.bound_cidrs, old_fields.bound_cidrs),
            (new, old),
            "{data}"
        );
    }
}

#[test]
fn deprecated_fields_are_shown_when_they_are_set() {
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
    let (parameters, _) = written(json!({
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
    let (parameters, _) = written(json!({"token_strictly_bind_ip": true}));
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
    let (bound, _) = written(json!({"token_bound_cidrs": "10.0.0.0/8,192.0.2.7"}));
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
        let stored = serde_json::from_value::<TokenParameters>(json!({"token_type": value}));
        stored.map(|parameters| parameters.token_type)
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
fn a_stored_value_of_the_wrong_type_is_refused() {
    for name in [
        "token_ttl",
        "token_num_uses",
        "token_no_default_policy",
        "token_policies",
        "alias_metadata",
    ] {
        let stored = json!({name: {"n": 1}});
        assert!(
            serde_json::from_value::<TokenParameters>(stored).is_err(),
            "{name}"
        );
    }
    assert!(serde_json::from_value::<DeprecatedFields>(json!({"ttl": "1h"})).is_err());
}

#[test]
fn every_stored_member_may_be_null_or_missing() {
    let parameters = TokenParameters::default();
    let Value::Object(mut members) = serde_json::to_value(&parameters).unwrap() else {
        panic!("an object")
    };
    members.extend(["token_strictly_bind_ip", "alias_metadata"].map(|name| (name.to_owned(), Value::Null)));
    members.values_mut().for_each(|value| *value = Value::Null);
    assert_eq!(
        serde_json::from_value::<TokenParameters>(members.into()).unwrap(),
        parameters
    );
    assert_eq!(serde_json::from_str::<TokenParameters>("{}").unwrap(), parameters);
}

#[test]
fn the_table_has_every_field_once_and_described() {
    let fields: Vec<_> = TokenParameters::fields().collect();
    let mut names: Vec<_> = fields.iter().map(|field| field.name()).collect();
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
        let normal = settings::normal_policies(&policies);
        proptest::prop_assert_eq!(&settings::normal_policies(&normal), &normal);
        if normal.iter().any(|policy| policy == "root") {
            proptest::prop_assert_eq!(normal.len(), 1);
        }
    }
}
