use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;
use crate::framework::json::{Place, parse};

/// The refusal, or the warnings.
fn checked(text: &str) -> Result<Vec<String>, String> {
    match check(&parse(text).unwrap()) {
        Ok(warnings) => Ok(warnings
            .iter()
            .map(|finding| finding.shown(1, Some(text)))
            .collect()),
        Err(finding) => Err(finding.shown(1, Some(text))),
    }
}

fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut statement = json!({"Effect": "Allow", "Action": "oss:*", "Resource": "*"});
    change(&mut statement);
    json!({"Version": "1", "Statement": [statement]}).to_string()
}

fn without(member: &str) -> String {
    with(|statement| {
        statement.as_object_mut().unwrap().remove(member);
    })
}

#[test]
fn what_ram_refuses_is_refused_with_its_place() {
    let statement = json!([{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]);
    let set = |name: &str, value: Value| with(|statement| statement[name] = value);
    for (text, expected) in [
        (
            json!(null).to_string(),
            "document 1 (line 1 column 1): expected a policy document, which is an object, got null",
        ),
        (
            json!([]).to_string(),
            "document 1 (line 1 column 1): expected a policy document, which is an object, got a list",
        ),
        (
            json!({"Statement": statement}).to_string(),
            "document 1 (line 1 column 1): \"Version\" is missing: write \"Version\": \"1\"",
        ),
        (
            json!({"Version": "1"}).to_string(),
            "document 1 (line 1 column 1): \"Statement\" is missing",
        ),
        (
            "{\n  \"Version\": 1, \"Statement\": []}".to_owned(),
            "document 1, Version (line 2 column 14): RAM's only version is \"1\", as text; got 1",
        ),
        (
            json!({"Version": "2", "Statement": statement}).to_string(),
            "document 1, Version (line 1 column 77): RAM's only version is \"1\", as text; got \"2\"",
        ),
        (
            "{\"Version\": \"2012-10-17\",\"Statement\":[]}".to_owned(),
            "document 1, Version (line 1 column 13): RAM's only version is \"1\"; \"2012-10-17\" is a version of AWS, and so may be the rest",
        ),
        (
            "{\"version\": \"1\"}".to_owned(),
            "document 1 (line 1 column 2): \"version\" is not known here; did you mean \"Version\"?",
        ),
        (
            "{\"Version\":\"1\",\"Statements\":[]}".to_owned(),
            "document 1 (line 1 column 16): \"Statements\" is not known here; did you mean \"Statement\"?",
        ),
        (
            "{\"Version\":\"1\",\"Statement\":[]}".to_owned(),
            "document 1, Statement (line 1 column 28): needs at least one statement",
        ),
        (
            "{\"Version\":\"1\",\"Statement\":\"x\"}".to_owned(),
            "document 1, Statement (line 1 column 28): expected a list of statements, got a string",
        ),
        (
            "{\"Version\":\"1\",\"Statement\":[\"x\"]}".to_owned(),
            "document 1, statement 1 (line 1 column 29): expected a statement, which is an object, got a string",
        ),
        // Effect.
        (
            without("Effect"),
            "document 1, statement 1 (line 1 column 15): \"Effect\" is missing: write \"Effect\": \"Allow\" or \"Effect\": \"Deny\"",
        ),
        (
            set("Effect", json!("allow")),
            "document 1, statement 1, Effect (line 1 column 42): must be exactly \"Allow\" or \"Deny\"; got \"allow\"",
        ),
        (
            set("Effect", json!("ALLOW")),
            "document 1, statement 1, Effect (line 1 column 42): must be exactly \"Allow\" or \"Deny\"; got \"ALLOW\"",
        ),
        (
            set("Effect", json!("Alow")),
            "document 1, statement 1, Effect (line 1 column 42): must be exactly \"Allow\" or \"Deny\"; got \"Alow\"",
        ),
        (
            set("Effect", json!(["Allow"])),
            "document 1, statement 1, Effect (line 1 column 42): must be exactly \"Allow\" or \"Deny\"; got a list",
        ),
        (
            set("Efect", json!("Allow")),
            "document 1, statement 1 (line 1 column 33): \"Efect\" is not known here; did you mean \"Effect\"?",
        ),
        // Action.
        (
            without("Action"),
            "document 1, statement 1 (line 1 column 15): \"Action\" is missing: a statement needs Action or NotAction, \"*\" for all",
        ),
        (
            set("NotAction", json!("ram:*")),
            "document 1, statement 1 (line 1 column 50): has both \"Action\" and \"NotAction\"; write one of them",
        ),
        (
            set("Action", json!(7)),
            "document 1, statement 1, Action (line 1 column 25): expected a string or a list of strings, got a number",
        ),
        (
            set("Action", json!(["oss:*", null])),
            "document 1, statement 1, Action, value 2 (line 1 column 34): expected a string, got null",
        ),
        (
            set("Actions", json!([])),
            "document 1, statement 1 (line 1 column 33): \"Actions\" is not known here; did you mean \"Action\"?",
        ),
        // Resource.
        (
            without("Resource"),
            "document 1, statement 1 (line 1 column 15): \"Resource\" is missing: a statement needs Resource or NotResource, \"*\" for all",
        ),
        (
            set("NotResource", json!("*")),
            "document 1, statement 1 (line 1 column 50): has both \"Resource\" and \"NotResource\"; write one of them",
        ),
        (
            set("Resource", json!({"a": 1})),
            "document 1, statement 1, Resource (line 1 column 61): expected a string or a list of strings, got an object",
        ),
        (
            set("Resource", json!(["*", "arn:aws:s3:::b"])),
            "document 1, statement 1, Resource, value 2 (line 1 column 66): \"arn:aws:s3:::b\" is an ARN of AWS; RAM's are acs:<service>:<region>:<account id>:<resource>",
        ),
        (
            with(|statement| {
                *statement = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": []}})
            }),
            "document 1, statement 1 (line 1 column 15): a statement with \"Principal\" and without \"Resource\" is of a trust policy",
        ),
        // Condition.
        (
            set("Condition", json!([])),
            "document 1, statement 1, Condition (line 1 column 45): expected an object of operators, got a list",
        ),
        (
            set("Condition", json!({"acs:SourceIp": ["1.2.3.4"]})),
            "document 1, statement 1, Condition (line 1 column 46): \"acs:SourceIp\" stands where an operator is expected",
        ),
        (
            set("Condition", json!({"Bool": "true"})),
            "document 1, statement 1, Condition, Bool (line 1 column 53): expected an object of keys and values, got a string",
        ),
        (
            set("Condition", json!({"Bool": {"acs:SecureTransport": {"a": 1}}})),
            "document 1, statement 1, Condition, Bool, acs:SecureTransport (line 1 column 76): expected a string, a number, true or false, or a list of such, got an object",
        ),
        (
            set("Condition", json!({"StringEquals": {"a:b": ["x", null]}})),
            "document 1, statement 1, Condition, StringEquals, a:b (line 1 column 73): expected a string, a number",
        ),
        (
            set("Conditions", json!({})),
            "document 1, statement 1 (line 1 column 33): \"Conditions\" is not known here; did you mean \"Condition\"?",
        ),
        (
            set("condition", json!({})),
            "document 1, statement 1 (line 1 column 65): \"condition\" is not known here; did you mean \"Condition\"?",
        ),
    ] {
        let refusal = checked(&text).expect_err(&text);
        let beginning = refusal.get(..expected.len()).unwrap_or(&refusal);
        assert_eq!(beginning, expected, "{text}: {refusal}");
    }
}

#[test]
fn the_right_statement_is_named() {
    let good = json!({"Effect": "Deny", "NotAction": ["ram:*", "*"], "NotResource": ["acs:oss:*:*:b/*"]});
    let bad = json!({"Effect": "Deny", "Action": "*"});
    let text =
        serde_json::to_string_pretty(&json!({"Version": "1", "Statement": [good, good, bad, good]})).unwrap();
    let refusal = checked(&text).unwrap_err();
    assert!(
        refusal.starts_with("document 1, statement 3 (line 23 column 5): \"Resource\" is missing"),
        "{refusal}"
    );
}

#[test]
fn what_is_only_unknown_is_a_warning() {
    let set = |name: &str, value: Value| with(|statement| statement[name] = value);
    let condition = |value: Value| set("Condition", value);
    for (text, expected) in [
        (set("Sid", json!("x")), "(line 1 column 65): \"Sid\" is not among the members that RAM documents (it is one of AWS's); it is kept, and RAM may refuse or ignore it"),
        (set("Principal", json!("*")), "(line 1 column 50): \"Principal\" is not among the members that RAM documents for policies of users (it belongs to the trust policy of a role)"),
        (set("Reason", json!({"any": [1]})), "\"Reason\" is not among the members that RAM documents; it is kept"),
        ("{\"Version\":\"1\",\"Id\":\"x\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}".to_owned(), "document 1 (line 1 column 16): \"Id\" is not among the members"),
        ("{\"Version\":\"1\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}".to_owned(), "document 1, Statement (line 1 column 28): RAM documents a list of statements"),
        (set("Action", json!([])), "Action (line 1 column 25): is an empty list, which matches nothing"),
        (set("Action", json!("GetObject")), "Action (line 1 column 25): \"GetObject\" is not of the usual form <service>:<action>"),
        (set("Action", json!("oss:Get*, oss:Put*")), "\"oss:Get*, oss:Put*\" is not of the usual form"),
        (set("Action", json!("oss:Get\u{200b}Object")), "has a zero-width space (U+200B) in the string \"oss:Get\\u{200b}Object\", where nobody sees it"),
        (set("Action", json!("oss:GetObject ")), "\"oss:GetObject \" begins or ends with white space"),
        (set("Resource", json!("my-bucket/*")), "\"my-bucket/*\" is not of the usual form acs:<service>"),
        (set("Resource", json!("acs:oss:my-bucket")), "\"acs:oss:my-bucket\" is not of the usual form"),
        (set("Resource", json!("acs:oss:*:*:<your-bucket>/*")), "\"acs:oss:*:*:<your-bucket>/*\" looks like a placeholder"),
        (set("Resource", json!("acs:ram:*:123456789012****:user/x")), "looks like a number with hidden digits"),
        (condition(json!(null)), "Condition (line 1 column 45): is null"),
        (condition(json!({"StringEqual": {"acs:a": "b"}})), "(line 1 column 46): \"StringEqual\" is not among the operators that RAM documents (did you mean \"StringEquals\"?)"),
        (condition(json!({"ipaddress": {"acs:a": "b"}})), "\"ipaddress\" is not among the operators that RAM documents (did you mean \"IpAddress\"?)"),
        (condition(json!({"ForAnyValue:StringEquals": {"acs:a": "b"}})), "\"ForAnyValue:StringEquals\" is not among the operators that RAM documents; it is kept"),
        (condition(json!({"StringLike": {"SourceIp": "b"}})), "Condition, StringLike (line 1 column 60): \"SourceIp\" is not of the usual form <service>:<key>"),
        (condition(json!({"IpAddress": {"acs:SourceIp": ["192.0.2.1", "300.1.1.1"]}})), "Condition, IpAddress, acs:SourceIp (line 1 column 87): \"300.1.1.1\" is not an IP address or a range"),
        (condition(json!({"NotIpAddress": {"acs:SourceIp": "192.0.2.0/33"}})), "\"192.0.2.0/33\" is not an IP address"),
        (condition(json!({"DateLessThan": {"acs:CurrentTime": "tomorrow"}})), "\"tomorrow\" is not a time such as"),
        (condition(json!({"NumericEquals": {"a:b": "one"}})), "\"one\" is not a number"),
        (condition(json!({"Bool": {"acs:SecureTransport": "True"}})), "\"True\" is not \"true\" or \"false\""),
        (condition(json!({"Bool": {"acs:SecureTransport": ["true", "false"]}})), "has several values, of which Bool takes one"),
        (condition(json!({"StringEquals": {"a:b": []}})), "is an empty list"),
    ] {
        let warnings = checked(&text).expect(&text);
        assert!(warnings.len() == 1 && warnings[0].contains(expected), "{text}: {warnings:?}");
    }
}

#[test]
fn what_ram_documents_has_no_warning() {
    for condition in [
        json!({}),
        json!({"StringEquals": {"acs:ResourceTag/team": ["dev"], "oss:Prefix": ""}, "StringLike": {"oss:Prefix": "a/*"}}),
        json!({"IpAddress": {"acs:SourceIp": ["203.0.113.2", "2001:db8::/32"]}, "Bool": {"acs:MFAPresent": true}}),
        json!({"DateGreaterThan": {"acs:CurrentTime": "2019-08-12T17:00:00+08:00"}, "NumericLessThan": {"a:b": [1, "2.5"]}}),
    ] {
        let text = with(|statement| statement["Condition"] = condition);
        assert_eq!(checked(&text), Ok(Vec::new()), "{text}");
    }
    for (name, value) in [
        (
            "Resource",
            json!([
                "acs:oss:*:*:b/a:b",
                "acs:ecs:cn-hangzhou:1234567890123456:instance/*",
                "*"
            ]),
        ),
        (
            "Action",
            json!(["*", "oss:Get*", "ram:?etUser", "log:GetLogStoreLogs"]),
        ),
    ] {
        let text = with(|statement| statement[name] = value);
        assert_eq!(checked(&text), Ok(Vec::new()), "{text}");
    }
}

#[test]
fn warnings_are_few_however_large_the_document() {
    let actions: Vec<_> = (0..500).map(|n| format!("a{n}")).collect();
    assert_eq!(
        checked(&with(|statement| statement["Action"] = json!(actions)))
            .unwrap()
            .len(),
        10
    );
}

/// A statement as RAM documents them.
fn statement() -> impl Strategy<Value = Value> {
    let many = |one: &'static str| {
        prop_oneof![
            one.prop_map(Value::from),
            prop::collection::vec(one, 1..4).prop_map(Value::from),
        ]
    };
    let condition = prop::option::of((
        select(vec!["StringEquals", "StringLike", "StringNotEqualsIgnoreCase"]),
        "[a-z]{2,4}:[A-Za-z]{1,8}",
        many("[a-z0-9]{0,9}"),
    ));
    (
        select(vec!["Allow", "Deny"]),
        select(vec!["Action", "NotAction"]),
        many("[a-z]{2,5}:[A-Z][a-z]{0,9}\\*?"),
        select(vec!["Resource", "NotResource"]),
        many("(\\*|acs:[a-z]{2,4}:(\\*|cn-[a-z]{3,8})?:[0-9]{0,16}:[a-z/*?-]{1,12})"),
        condition,
    )
        .prop_map(|(effect, action, actions, resource, resources, condition)| {
            let mut statement = json!({"Effect": effect, action: actions, resource: resources});
            if let Some((operator, key, values)) = condition {
                statement["Condition"] = json!({operator: {key: values}});
            }
            statement
        })
        // Three hyphens or stars in a row are not of interest here.
        .prop_filter("no hidden digits", |statement| {
            !statement.to_string().contains("***")
        })
}

proptest! {
    #[test]
    fn every_document_of_the_grammar_is_taken(statements in prop::collection::vec(statement(), 1..5), pretty: bool) {
        let document = json!({"Version": "1", "Statement": statements});
        let text = if pretty { serde_json::to_string_pretty(&document).unwrap() } else { document.to_string() };
        prop_assert_eq!(checked(&text), Ok(Vec::new()), "{}", text);
    }

    #[test]
    fn one_mistake_is_found_where_it_is(
        statements in prop::collection::vec(statement(), 1..5),
        which: prop::sample::Index,
        mistake in 0..8,
    ) {
        let mut statements = statements;
        let number = which.index(statements.len());
        let statement = statements[number].as_object_mut().unwrap();
        // The mark is where the mistake is.
        let marked = match mistake {
            0 => { statement["Effect"] = "MARK".into(); "\"MARK\"" }
            1 => { statement.insert("Efect".into(), json!(1)); "\"Efect\"" }
            2 => { statement.insert("resource".into(), json!(1)); "\"resource\"" }
            3 => { statement.insert("Condition".into(), json!({"Bool": {"a:b": {"MARK": 1}}})); "{\"MARK\":1}" }
            4 => { statement.insert("Condition".into(), json!({"acs:MARK": "x"})); "\"acs:MARK\"" }
            5 => { statement.remove("NotResource"); statement.insert("Resource".into(), json!(["*", "arn:MARK"])); "\"arn:MARK\"" }
            6 => { statement.remove("NotAction"); statement.insert("Action".into(), json!([["MARK"]])); "[\"MARK\"]" }
            _ => { statement.remove("Effect"); statement.insert("A".into(), json!("MARK")); "{\"A\":\"MARK\"" }
        };
        let text = json!({"Version": "1", "Statement": statements}).to_string();
        let place = Place::in_text(&text, text.find(marked).unwrap());
        let refusal = checked(&text).unwrap_err();
        let named = format!("document 1, statement {}", number + 1);
        prop_assert!(refusal.starts_with(&named) && refusal.contains(&format!("({place}): ")), "{}: {}", text, refusal);
    }
}
