use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

/// The same value as serde_json has it, where numbers are their digits as text.
fn value(node: &Node<'_>) -> Value {
    match &node.content {
        Content::Null => Value::Null,
        Content::Bool(flag) => (*flag).into(),
        Content::Number => serde_json::from_str(node.text).unwrap(),
        Content::String(text) => text.as_ref().into(),
        Content::Array(elements) => elements.iter().map(value).collect(),
        Content::Object(members) => members
            .iter()
            .map(|member| (member.name.clone().into_owned(), value(&member.value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

fn refusal(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

#[test]
fn each_mistake_is_named_with_its_place() {
    for (text, expected) in [
        ("", "the text is blank"),
        (" \n ", "the text is blank"),
        // Duplicates, at any depth, also where one of them is written with an escape.
        (
            r#"{"a":1,"a":2}"#,
            r#"the member "a" is given twice in one object, at line 1 column 2 and at line 1 column 8"#,
        ),
        (
            "{\n \"E\": 1,\n \"\\u0045\": 2}",
            r#"the member "E" is given twice in one object, at line 2 column 2 and at line 3 column 2"#,
        ),
        (
            r#"[{"x":[{"y":{"é":0,"z":1,"é":0}}]}]"#,
            r#"the member "é" is given twice in one object, at line 1 column 14 and at line 1 column 26"#,
        ),
        // Invisible characters.
        (
            "[{\n\u{a0}\u{a0}\"Version\": \"1\"}]",
            "a no-break space (U+00A0) at line 2 column 1, outside of a string: delete it, or write a blank",
        ),
        (
            "{\"a\":\u{200b}1}",
            "a zero-width space (U+200B) at line 1 column 6, outside of a string",
        ),
        (
            "{\"a\"\u{200d}:1}",
            "a zero-width joiner (U+200D) at line 1 column 5, outside of a string",
        ),
        (
            "{}\u{feff}",
            "a byte order mark (U+FEFF) at line 1 column 3, outside of a string",
        ),
        (
            "[1,\u{3000}2]",
            "an ideographic space (U+3000) at line 1 column 4",
        ),
        (
            "[1\u{2009}]",
            "white space that JSON does not know (U+2009) at line 1 column 3",
        ),
        (
            "[1,\u{b}2]",
            "white space that JSON does not know (U+000B) at line 1 column 4",
        ),
        ("[1,\u{0}2]", "a control character (U+0000) at line 1 column 4"),
        // Comments.
        (
            "{ // all\n}",
            "a comment (//) at line 1 column 3: JSON has no comments, so delete it",
        ),
        (
            "{\"a\": 1, /* b */ \"c\": 2}",
            "a comment (/*) at line 1 column 10",
        ),
        ("# policy\n{}", "a comment (#) at line 1 column 1"),
        ("{}\n// end", "a comment (//) at line 2 column 1"),
        ("[1 // one\n,2]", "a comment (//) at line 1 column 4"),
        // Commas.
        (
            "[1,2,]",
            "a comma at line 1 column 5 with nothing after it: JSON allows none before ] or }, so delete it",
        ),
        ("{\"a\":1,\n}", "a comma at line 1 column 7 with nothing after it"),
        ("[1,,2]", "',' at line 1 column 4, where a value is expected"),
        ("[1 2]", "'2' at line 1 column 4, where a comma or ] is expected"),
        (
            "{\"a\":1 \"b\":2}",
            "'\"' at line 1 column 8, where a comma or } is expected",
        ),
        ("{\"a\" 1}", "'1' at line 1 column 6, where a colon is expected"),
        ("{\"a\"=1}", "'=' at line 1 column 5, where a colon is expected"),
        (
            "{1:2}",
            "'1' at line 1 column 2, where a name in double quotes is expected",
        ),
        (
            "{]",
            "']' at line 1 column 2, where a name in double quotes is expected",
        ),
        // Quotes.
        (
            "{'a':1}",
            "a single quote ' (U+0027) at line 1 column 2: JSON takes only the straight double quote \"",
        ),
        (
            "{\u{201c}a\u{201d}:1}",
            "a curly quote \u{201c} (U+201C) at line 1 column 2",
        ),
        (
            "{\"a\u{201d}:\n1}",
            "a curly quote \u{201d} (U+201D) at line 1 column 4",
        ),
        (
            "[\"a\u{201d}]",
            "a curly quote \u{201d} (U+201D) at line 1 column 4",
        ),
        // Words of other languages.
        (
            "[True]",
            "the word \"True\" at line 1 column 2 is not JSON's: write true",
        ),
        (
            "{\"a\": None}",
            "the word \"None\" at line 1 column 7 is not JSON's: write null",
        ),
        (
            "[NaN]",
            "the word \"NaN\" at line 1 column 2 is no number of JSON",
        ),
        (
            "{Version: 1}",
            "the word \"Version\" at line 1 column 2 needs double quotes around it",
        ),
        (
            "[oss:Get*]",
            "the word \"oss:Get*\" at line 1 column 2 needs double quotes around it",
        ),
        (
            "nullx",
            "the word \"nullx\" at line 1 column 1 needs double quotes around it",
        ),
        (
            "[<your-bucket>]",
            "<your-bucket> at line 1 column 2 is a placeholder",
        ),
        // Numbers and strings.
        ("[...]", "... at line 1 column 2 is a placeholder"),
        ("{…}", "… at line 1 column 2 is a placeholder"),
        (
            "\u{fffd}\u{fffd}{\0",
            "bytes at line 1 column 1 that are no UTF-8: save the file as UTF-8",
        ),
        (
            "{\\\"a\\\": 1}",
            "a backslash before a quote at line 1 column 2: the text is escaped once too often",
        ),
        ("[01]", "01 at line 1 column 2 is no number of JSON"),
        ("[+1]", "+1 at line 1 column 2 is no number of JSON"),
        ("[.5]", ".5 at line 1 column 2 is no number of JSON"),
        ("[1.]", "1. at line 1 column 2 is no number of JSON"),
        (
            "[1e999]",
            "1e999 at line 1 column 2 is no number of JSON, or too large",
        ),
        (
            "[2024-01-01]",
            "2024-01-01 at line 1 column 2 is no number of JSON",
        ),
        (
            r#"["a\d"]"#,
            "a backslash at line 1 column 4 before something that JSON does not escape",
        ),
        (r#"["\ud800"]"#, "a backslash at line 1 column 2 before"),
        (r#"["\u12"]"#, "a backslash at line 1 column 2 before"),
        (
            "[\"a\nb\"]",
            "a line break inside a string at line 1 column 4: the closing quote is missing, or write \\n",
        ),
        (
            "[\"a\tb\"]",
            "a tab inside a string at line 1 column 4: write \\t",
        ),
        (
            "[\"\u{1}\"]",
            "a control character (U+0001) inside a string at line 1 column 3",
        ),
        // Ends.
        (
            "[{\"a\":1}",
            "the text ends, and the [ at line 1 column 1 is not closed",
        ),
        (
            "[\n {\"a\":",
            "the text ends, and the { at line 2 column 2 is not closed",
        ),
        (
            "[\"a",
            "the text ends, and the \" at line 1 column 2 is not closed",
        ),
        (
            "{} x",
            "there is more text after the end of the JSON, at line 1 column 4",
        ),
        (
            "{},{}",
            "there is a second value at line 1 column 3: several go into one list, [ ... , ... ]",
        ),
        ("{}\n{}", "there is a second value at line 2 column 1"),
        ("}", "'}' at line 1 column 1, where a value is expected"),
    ] {
        let refusal = refusal(text);
        let shorter = refusal.get(..expected.len()).unwrap_or(&refusal);
        assert_eq!(shorter, expected, "{text:?}: {refusal}");
    }
}

#[test]
fn a_byte_order_mark_at_the_beginning_is_left_out() {
    assert_eq!(value(&parse("\u{feff}[1]").unwrap()), serde_json::json!([1]));
    assert!(refusal("\u{feff}[x").contains("at line 1 column 2 "));
}

#[test]
fn nodes_know_their_text_and_place() {
    let text = "\u{feff}[ {\"é\": -1.50} ,\n\t\"a\\nb\"]";
    let root = parse(text).unwrap();
    let Content::Array(elements) = &root.content else {
        panic!("{root:?}")
    };
    let place = |start| Place::in_text(text, start).to_string();
    let member = elements[0].member("é").unwrap();
    assert_eq!(
        (place(member.start), place(member.value.start)),
        ("line 1 column 4".into(), "line 1 column 9".into())
    );
    assert_eq!(
        (member.value.text, member.value.type_name()),
        ("-1.50", "a number")
    );
    assert_eq!(
        (elements[1].as_str(), place(elements[1].start)),
        (Some("a\nb"), "line 2 column 2".into())
    );
    assert_eq!(elements[1].text, r#""a\nb""#);
}

#[test]
fn depth_is_bounded() {
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(&nested(64)).is_ok());
    assert_eq!(
        refusal(&nested(65)),
        "nested more than 64 levels deep at line 1 column 65"
    );
    assert_eq!(
        refusal(&"[{\"a\":".repeat(100_000)),
        "nested more than 64 levels deep at line 1 column 193"
    );
}

#[test]
fn names_of_files_are_recognised() {
    for name in [
        "policy.json",
        "./policy",
        "/etc/vault/policy.json",
        "~/p",
        "C:\\policies\\p.json",
        "EmptyFile.json",
        " a b.txt\n",
        "'policy.json'",
    ] {
        let refusal = parse_text("inline_policies", name).unwrap_err().to_string();
        let plain = name.trim().trim_matches('\'').escape_debug().to_string();
        assert_eq!(
            refusal,
            format!("this looks like a file name; to read a file write inline_policies=@{plain}")
        );
    }
    for name in ["@policy.json", "'@policies'", "@/etc/p.json"] {
        let refusal = parse_text("f", name).unwrap_err().to_string();
        assert!(refusal.contains("only the command line reads files"), "{refusal}");
    }
    assert!(
        parse_text("f", "file://p.json")
            .unwrap_err()
            .to_string()
            .ends_with("write f=@p.json")
    );
    for other in [
        "not json",
        "{\"a\":x.json",
        "[",
        "AliyunOSSReadOnlyAccess",
        "1.5.",
        "Version=1.json",
    ] {
        let refusal = parse_text("f", other).unwrap_err().to_string();
        assert!(refusal.starts_with("not valid JSON: "), "{refusal}");
    }
}

/// A value as text, with blanks wherever JSON allows them.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_reads_as_by_serde_json(sent in json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&sent) } else { serde_json::to_string(&sent) }.unwrap();
        let root = parse(&text).unwrap();
        prop_assert_eq!(value(&root), serde_json::from_str::<Value>(&text).unwrap());
        prop_assert_eq!(root.text, text.as_str());
    }

    #[test]
    fn what_serde_json_refuses_is_refused(text in "[\\[\\]{},:\"\\\\a0-9.eE+ nul\\u{a0}/-]{0,12}") {
        let ours = parse(&text).map(|root| value(&root));
        let theirs = serde_json::from_str::<Value>(&text);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Ok(_), Err(error)) => prop_assert!(false, "{}: {}", text, error),
            (Err(error), Ok(_)) => prop_assert!(matches!(error.mistake, Mistake::Duplicate(..)), "{}: {}", text, error),
            (Err(error), Err(_)) => prop_assert!(!error.to_string().chars().any(char::is_control)),
        }
    }

    #[test]
    fn one_member_given_twice_is_found(sent in json(), name in "[a-z]{1,3}", spaces in "[ \n]{0,3}") {
        let text = format!("[{sent},{{\"{name}\":{sent},{spaces}\"{name}\":1}}]");
        let error = parse(&text).unwrap_err();
        let second = Place::in_text(&text, text.rfind(&format!("\"{name}\"")).unwrap());
        prop_assert_eq!(error.place, second);
        prop_assert!(matches!(error.mistake, Mistake::Duplicate(..)));
    }
}
