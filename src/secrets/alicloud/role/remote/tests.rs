use proptest::prelude::*;
use serde_json::json;

use super::*;

fn sent(json: &Value) -> Result<Vec<(String, String)>, String> {
    let policies = remote_policies(&json.to_string().into()).map_err(|error| error.to_string())?;
    Ok(policies
        .into_iter()
        .map(|policy| (policy.name, policy.kind))
        .collect())
}

fn pair(name: &str, kind: &str) -> (String, String) {
    (name.to_owned(), kind.to_owned())
}

#[test]
fn every_form_is_read_whole() {
    let expected = vec![pair("A", "System"), pair("B-2", "Custom"), pair("C", "System")];
    let objects = json!([{"name": "A", "type": "System"}, {"type": "Custom", "name": "B-2"}, {"name": "C", "type": "System"}]);
    let texts = json!(["name:A,type:System", "type:Custom,name:B-2", "name:C,type:System"]);
    for given in [
        json!("name:A,type:System,name:B-2,type:Custom,name:C,type:System"),
        json!("type:System,name:A,type:Custom,name:B-2,type:System,name:C"),
        json!("name:A,type:System,type:Custom,name:B-2,name:C,type:System"),
        json!(" name : A , type : System,\nname:B-2, type:Custom,\nname:C,type:System,\n"),
        json!("\u{feff}name:A,type:system,name:B-2,type:CUSTOM,name:C,type:System"),
        texts.clone(),
        json!(texts.to_string()),
        json!(["name:A,type:System,name:B-2,type:Custom", "name:C,type:System"]),
        objects.clone(),
        json!(objects.to_string()),
        json!(format!("\u{feff}{objects:#}\n")),
        json!([objects[0], "name:B-2,type:Custom", objects[2]]),
        json!([objects[0].to_string(), objects[1].to_string(), objects[2]]),
        json!([json!([objects[0], objects[1]]).to_string(), "name:C,type:System"]),
        json!([[objects[0], objects[1]], objects[2]]),
    ] {
        assert_eq!(sent(&given), Ok(expected.clone()), "{given}");
    }
    for one in [
        objects[0].clone(),
        json!(objects[0].to_string()),
        texts[0].clone(),
        json!([texts[0]]),
    ] {
        assert_eq!(sent(&one), Ok(vec![pair("A", "System")]), "{one}");
    }
    for none in [
        json!(null),
        json!(""),
        json!(" "),
        json!([]),
        json!("[]"),
        json!("null"),
    ] {
        let policies = sent(&none);
        // "null" was never JSON for this field, and is no pair either.
        assert!(
            policies == Ok(Vec::new()) || none == "null",
            "{none}: {policies:?}"
        );
    }
}

/// The string that Terraform's provider documents, which the Go plugin read as its last policy.
#[test]
fn several_policies_in_one_string() {
    let given = json!("name:AliyunOSSReadOnlyAccess,type:System,name:AliyunECSReadOnlyAccess,type:System");
    let expected = ["AliyunOSSReadOnlyAccess", "AliyunECSReadOnlyAccess"].map(|name| pair(name, "System"));
    assert_eq!(sent(&given), Ok(expected.to_vec()));
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    for (given, expected) in [
        // The same key twice in one policy.
        (
            json!("name:A,name:B,type:System"),
            "policy type is required in \"name:A,name:B,type:System\": \"A\" has none; write name:",
        ),
        (
            json!("name:A,type:System,type:Custom"),
            "policy name is required in \"name:A,type:System,type:Custom\" for a type of \"Custom\"",
        ),
        (
            json!("type:System,type:Custom,name:A"),
            "policy name is required in \"type:System,type:Custom,name:A\" for a type of \"System\"",
        ),
        (
            json!("name:A,type:System,name:B"),
            "policy type is required in \"name:A,type:System,name:B\": \"B\" has none",
        ),
        (
            json!(["name:A,type:System", "name:A,name:B"]),
            "element 2: policy type is required in \"name:A,name:B\": \"A\" has none",
        ),
        (
            json!("[{\"name\":\"A\",\"type\":\"System\",\"name\":\"B\",\"type\":\"Custom\"}]"),
            "not valid JSON: the member \"name\" is given twice in one object, at line 1 column 3 and at line 1 column 30",
        ),
        (
            json!("{\"name\":\"A\",\"type\":\"System\",\"type\":\"Custom\"}"),
            "not valid JSON: the member \"type\" is given twice",
        ),
        (
            json!("[{\"name\":\"A\",\"\\u006eame\":\"B\",\"type\":\"Custom\"}]"),
            "not valid JSON: the member \"name\" is given twice",
        ),
        (
            json!(["name:A,type:System", "{\"name\":\"A\",\"name\":\"B\"}"]),
            "element 2: not valid JSON: the member \"name\" is given twice",
        ),
        // Other spellings.
        (
            json!("name=A,type=System"),
            "unable to recognize pair \"name=A\" in \"name=A,type=System\": write name:<name>,type:<System or Custom> for each policy",
        ),
        (
            json!("AliyunOSSReadOnlyAccess"),
            "unable to recognize pair \"AliyunOSSReadOnlyAccess\"",
        ),
        (
            json!("acs:ram:*:system:policy/AliyunOSSReadOnlyAccess"),
            "unable to recognize pair \"acs:ram:*:system:policy/AliyunOSSReadOnlyAccess\" in \"acs:ram:*:system:policy/AliyunOSSReadOnlyAccess\": this is an ARN; write name:AliyunOSSReadOnlyAccess,type:System",
        ),
        (
            json!(["acs:ram::1234567890123456:policy/app"]),
            "element 1: unable to recognize pair \"acs:ram::1234567890123456:policy/app\" in \"acs:ram::1234567890123456:policy/app\": this is an ARN; write name:app,type:Custom",
        ),
        (
            json!("policies.json"),
            "unable to recognize pair \"policies.json\" in \"policies.json\": this looks like a file name; to read a file write remote_policies=@policies.json",
        ),
        (
            json!("name:A:B,type:System"),
            "unable to recognize pair \"name:A:B\"",
        ),
        (
            json!("Name:A,Type:System"),
            "invalid key: \"Name\" in \"Name:A,Type:System\"; a policy has a name and a type",
        ),
        (json!("name:A,kind:System"), "invalid key: \"kind\""),
        (
            json!("name:A,type:System;name:B,type:Custom"),
            "unable to recognize pair \"type:System;name:B\"",
        ),
        (
            json!([{"name": "A", "type": "System", "hash": "h"}]),
            "element 1: invalid key: \"hash\"; a policy has a name and a type",
        ),
        (
            json!([{"PolicyName": "A", "PolicyType": "System"}]),
            "element 1: invalid key: \"PolicyName\"",
        ),
        (
            json!({"AliyunOSSReadOnlyAccess": "System"}),
            "invalid key: \"AliyunOSSReadOnlyAccess\"",
        ),
        // What is missing, and what is of another type.
        (
            json!(["name:A,type:System", {"name": "B"}]),
            "element 2: policy type is required: \"B\" has none",
        ),
        (json!({}), "policy name is required"),
        (json!("name:,type:System"), "policy name is required"),
        (json!("name:A,type:"), "policy type is required"),
        (
            json!([{"name": 7, "type": "System"}]),
            "element 1: name: expected a string, got a number",
        ),
        (
            json!([{"name": "A", "type": null}]),
            "element 1: type: expected a string, got null",
        ),
        (
            json!(["name:A,type:System", null]),
            "element 2: expected a policy, got null: write name:",
        ),
        (
            json!(["name:A,type:System", ""]),
            "element 2: policy name is required",
        ),
        (json!([true]), "element 1: expected a policy, got a boolean"),
        (json!(7), "expected a policy, got a number"),
        // After the JSON.
        (
            json!("[{\"name\":\"A\",\"type\":\"System\"}] x"),
            "not valid JSON: there is more text after the end of the JSON, at line 1 column 32",
        ),
        (
            json!("{\"name\":\"A\",\"type\":\"System\"},{\"name\":\"B\",\"type\":\"System\"}"),
            "not valid JSON: there is a second value at line 1 column 29",
        ),
        (
            json!("[{\"name\":\"A\",\"type\":\"System\",}]"),
            "not valid JSON: a comma at line 1 column 29 with nothing after it",
        ),
        (
            json!("[{name=\"A\",type=\"System\"}]"),
            "not valid JSON: the word \"name\" at line 1 column 3 needs double quotes",
        ),
        // Values.
        (
            json!("name:A,type:managed"),
            "policy type \"managed\" of \"A\" must be System or Custom",
        ),
        (
            json!("name:A_b,type:Custom"),
            "policy name \"A_b\" must be 1 to 128 letters, digits and hyphens",
        ),
        (
            json!("name:A\u{200b},type:Custom"),
            "policy name \"A\\u{200b}\" must be",
        ),
    ] {
        let refusal = sent(&given).expect_err(&given.to_string());
        let expected = format!("remote_policies: {expected}");
        assert!(refusal.starts_with(&expected), "{given}: {refusal}\n{expected}");
    }
}

proptest! {
    #[test]
    fn no_policy_is_lost(
        policies in prop::collection::vec(("[A-Za-z0-9-]{1,20}", prop::sample::select(vec!["System", "Custom"]), any::<bool>()), 1..6),
        form in 0..3,
    ) {
        let texts: Vec<_> = policies
            .iter()
            .map(|(name, kind, name_first)| {
                if *name_first { format!("name:{name},type:{kind}") } else { format!("type:{kind},name:{name}") }
            })
            .collect();
        let objects: Vec<_> = policies.iter().map(|(name, kind, _)| json!({"name": name, "type": kind})).collect();
        let given = match form { 0 => json!(texts.join(",")), 1 => json!(texts), _ => json!(json!(objects).to_string()) };
        let expected: Vec<_> = policies.iter().map(|(name, kind, _)| pair(name, kind)).collect();
        prop_assert_eq!(sent(&given), Ok(expected));
    }
}
