use serde_json::json;

use super::*;

mod public_documents;

/// Writes the field with a text, as the CLI does.
fn text(text: &str) -> Result<Vec<InlinePolicy>, String> {
    sent(&Value::from(text))
}

/// Writes the field with JSON.
fn sent(json: &Value) -> Result<Vec<InlinePolicy>, String> {
    inline_policies(&json.to_string().into()).map_err(|error| error.to_string())
}

fn document(action: &str) -> Value {
    json!({"Version": "1", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
}

#[test]
fn every_form_is_read_whole() {
    let (a, b, c) = (document("a:A"), document("b:B"), document("c:C"));
    let shown = |document: &Value| json!({"hash": "h", "policy_document": document});
    let three = json!([a, b, c]);
    for given in [
        three.clone(),
        json!(three.to_string()),
        json!(format!("\u{feff}\n{three:#}\n")),
        json!([a.to_string(), b, c.to_string()]),
        json!([json!([a, b]).to_string(), c.to_string()]),
        json!(json!([a.to_string(), b, c]).to_string()),
        json!([shown(&a), shown(&b), c]),
        json!(json!([shown(&a), {"policy_document": b, "hash": null}, c]).to_string()),
        json!([{"policy_document": a.to_string()}, b, c]),
        json!([[a, b], c]),
    ] {
        let shown = given.to_string();
        let policies = sent(&given).expect(&shown);
        let read: Vec<_> = policies.iter().map(|policy| policy.document.to_value()).collect();
        assert_eq!(json!(read), three, "{given}");
        assert!(
            policies
                .iter()
                .all(|policy| policy.id == "h" || policy.id.len() == 32),
            "{given}"
        );
    }
    for one in [
        json!(a),
        json!(a.to_string()),
        shown(&a),
        json!(shown(&a).to_string()),
        json!([[a]]),
    ] {
        assert_eq!(sent(&one).map(|policies| policies.len()), Ok(1), "{one}");
    }
    for none in [
        json!(null),
        json!(""),
        json!(" \n"),
        json!("null"),
        json!([]),
        json!("[]"),
        json!(["[]"]),
    ] {
        assert_eq!(sent(&none), Ok(Vec::new()), "{none}");
    }
}

#[test]
fn nothing_is_dropped() {
    let one = document("a:A");
    for (given, expected) in [
        (
            json!([null]),
            "inline_policies: document 1: expected a policy document, which is an object, got null",
        ),
        (
            json!(7),
            "inline_policies: document 1: expected a policy document, which is an object, got a number",
        ),
        (
            json!([one, ""]),
            "inline_policies: document 2: not valid JSON: the text is blank",
        ),
        (
            json!([one, one, "{"]),
            "inline_policies: document 3: not valid JSON: the text ends, and the { at line 1 column 1 is not closed",
        ),
        (
            json!([one, "policy.json"]),
            "inline_policies: document 2: this looks like a file name; to read a file write inline_policies=@policy.json",
        ),
        (
            json!([{"hash": 7, "policy_document": one}]),
            "inline_policies: document 1, hash: expected a string, got a number",
        ),
        (
            json!([one, {"hash": "h", "policy_document": one, "name": "x"}]),
            "inline_policies: document 2: \"name\" is not known beside \"policy_document\"; only \"hash\" is",
        ),
        (
            json!([{"policy_document": null}]),
            "inline_policies: document 1: expected a policy document, which is an object, got null",
        ),
        // Texts in texts in texts.
        (
            json!([json!(one.to_string()).to_string()]),
            "inline_policies: document 1 (line 1 column 1): expected a policy document, which is an object, got a string",
        ),
        // Where the document came as JSON, the server has written it anew: a place in that text helps nobody.
        (
            json!([{"Version": "1"}]),
            "inline_policies: document 1: \"Statement\" is missing",
        ),
        (
            json!([[{"Version": "1"}]]),
            "inline_policies: document 1: \"Statement\" is missing",
        ),
        (
            json!("[{\"Version\": \"1\"}]"),
            "inline_policies: document 1 (line 1 column 2): \"Statement\" is missing",
        ),
        (
            json!([one, "\n{\"Version\": \"1\"}"]),
            "inline_policies: document 2 (line 2 column 1): \"Statement\" is missing",
        ),
    ] {
        let refusal = sent(&given).expect_err(&given.to_string());
        assert!(refusal.starts_with(expected), "{given}: {refusal}");
    }
}

/// The inputs of public reports, and more of each kind.
#[test]
fn members_that_are_given_twice_are_refused_with_both_places() {
    let statement = |members: &str| format!("[{{\"Version\":\"1\",\"Statement\":[{{{members}}}]}}]");
    let allowed = "\"Effect\":\"Allow\",\"Action\":\"oss:GetObject\",\"Resource\":\"*\"";
    for (written, name) in [
        (
            "[{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"oss:GetObject\",\"Resource\":\"*\",\n\
             \"Condition\":{\"IpAddress\":{\"acs:SourceIp\":[\"203.0.113.2\"]}},\n\
             \"Condition\":{\"Bool\":{\"acs:SecureTransport\":[\"true\"]}}}]}]"
                .to_owned(),
            "\"Condition\" is given twice in one object, at line 2 column 1 and at line 3 column 1",
        ),
        (
            statement("\"Effect\":\"Deny\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\""),
            "\"Effect\" is given twice in one object, at line 1 column 31 and at line 1 column 47",
        ),
        (statement(&format!("{allowed},\"Action\":\"oss:*\"")), "\"Action\" is given twice"),
        (statement(&format!("{allowed},\"\\u0052esource\":\"x\"")), "\"Resource\" is given twice"),
        (
            statement(&format!("{allowed},\"Condition\":{{\"Bool\":{{\"a:b\":\"true\"}},\"Bool\":{{\"a:c\":\"true\"}}}}")),
            "\"Bool\" is given twice",
        ),
        (
            statement(&format!("{allowed},\"Condition\":{{\"IpAddress\":{{\"acs:SourceIp\":\"192.0.2.1\",\"acs:SourceIp\":\"::/0\"}}}}")),
            "\"acs:SourceIp\" is given twice",
        ),
        (format!("[{{\"Version\":\"1\",\"Statement\":[{{{allowed}}}],\"Statement\":[{{{allowed}}}]}}]"), "\"Statement\" is given twice"),
        ("[{\"hash\":\"a\",\"policy_document\":{},\"policy_document\":{}}]".to_owned(), "\"policy_document\" is given twice"),
        ("[{\"hash\":\"a\",\"hash\":\"b\",\"policy_document\":{}}]".to_owned(), "\"hash\" is given twice"),
    ] {
        let refusal = text(&written).expect_err(&written);
        let beginning = format!("inline_policies: not valid JSON: the member {name}");
        assert!(refusal.starts_with(&beginning), "{written}: {refusal}");
        // Also in a list of texts, where the number of the document is told.
        let refusal = sent(&json!([document("a:A"), written])).expect_err(&written);
        let beginning = format!("inline_policies: document 2: not valid JSON: the member {name}");
        assert!(refusal.starts_with(&beginning), "{written}: {refusal}");
    }
}

#[test]
fn file_names_are_recognised() {
    for name in [
        "policy.json",
        "EmptyFile.json",
        "./policies",
        "/etc/vault.d/policy.json",
        "~/p.json",
        "C:\\p.json",
        "p.txt\n",
    ] {
        let shown = name.trim().escape_debug();
        assert_eq!(
            text(name).unwrap_err(),
            format!(
                "inline_policies: this looks like a file name; to read a file write inline_policies=@{shown}"
            )
        );
    }
    for (name, place) in [
        ("@policy.json", ""),
        ("'@policy.json'", ""),
        ("\"@policy.json\"", "document 1: "),
    ] {
        assert_eq!(
            text(name).unwrap_err(),
            format!(
                "inline_policies: {place}@policy.json came as it is, and not as the content of the file: only the command line reads \
             files, where the value begins with @: inline_policies=@policy.json"
            )
        );
    }
    assert!(
        text("file://p.json")
            .unwrap_err()
            .ends_with("write inline_policies=@p.json")
    );
    assert!(
        text("not json")
            .unwrap_err()
            .contains("the word \"not\" at line 1 column 1 needs double quotes")
    );
}

#[test]
fn what_was_written_leaves_as_it_came() {
    let written = "[{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"a:A\",\"Resource\":\"<&>\",\"Condition\":\
                   {\"NumericEquals\":{\"a:b\":[9007199254740993,0.10,1E40]}}}]}]";
    let [policy] = &text(written).unwrap()[..] else {
        panic!()
    };
    assert_eq!(
        policy.document.text(),
        "{\"Statement\":[{\"Action\":\"a:A\",\"Condition\":{\"NumericEquals\":{\"a:b\":[9007199254740993,0.10,1E40]}},\
         \"Effect\":\"Allow\",\"Resource\":\"<&>\"}],\"Version\":\"1\"}"
    );
}
