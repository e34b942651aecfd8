use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::finding::Problem;
use super::super::limits::MAX_BYTES;
use super::*;

fn document(text: &str) -> Result<PolicyDocument, Problem> {
    PolicyDocument::new(&parse(text).unwrap(), MAX_BYTES).map_err(|finding| finding.problem)
}

fn statement() -> Value {
    json!({"Effect": "Allow", "Action": "oss:*", "Resource": "*"})
}

#[test]
fn a_document_is_stored_as_go_stores_it_and_sent_plain() {
    let sent = " {\"Version\" : \"1\", \"b\" : [ -0, 1.50, 12345678901234567890.10 ],\n \"Statement\": [{\"Effect\":\"Allow\",\
                \"Action\":\"oss:*\", \"Resource\":\"<\\u0026\\/\u{fc}\"}], \"a b\": {} } ";
    let document = document(sent).unwrap();
    assert_eq!(
        serde_json::to_string(&document).unwrap(),
        "{\"Statement\":[{\"Action\":\"oss:*\",\"Effect\":\"Allow\",\"Resource\":\"\\u003c\\u0026/\u{fc}\"}],\"Version\":\"1\",\
         \"a b\":{},\"b\":[-0,1.50,12345678901234567890.10]}"
    );
    assert_eq!(
        document.text(),
        "{\"Statement\":[{\"Action\":\"oss:*\",\"Effect\":\"Allow\",\"Resource\":\"<&/\u{fc}\"}],\"Version\":\"1\",\
         \"a b\":{},\"b\":[-0,1.50,12345678901234567890.10]}"
    );
}

#[test]
fn size_is_that_of_the_text_that_ram_gets() {
    // Escapes of Go's, white space and \u escapes do not count; bytes of UTF-8 do.
    let of_bytes = |bytes: usize, filler: &str| {
        let mut statement = statement();
        statement["Resource"] = "".into();
        let empty = json!({"Version": "1", "Statement": [&statement]})
            .to_string()
            .len();
        statement["Resource"] = filler.repeat((bytes - empty) / filler.len()).into();
        json!({"Version": "1", "Statement": [&statement]})
    };
    for filler in ["x", "<", "&"] {
        let pretty = serde_json::to_string_pretty(&of_bytes(6144, filler)).unwrap();
        assert!(pretty.len() > 6144 && document(&pretty).is_ok(), "{filler}");
        assert_eq!(
            document(&of_bytes(6145, filler).to_string()).unwrap_err(),
            Problem::TooLong {
                length: 6145,
                longest: 6144
            },
            "{filler}"
        );
    }
    let umlauts = of_bytes(6144, "\u{fc}");
    assert!(document(&umlauts.to_string()).is_ok() && umlauts.to_string().chars().count() < 3200);
    assert!(matches!(
        document(&of_bytes(6146, "\u{fc}").to_string()),
        Err(Problem::TooLong { .. })
    ));
}

#[test]
fn depth_is_bounded() {
    let nested = |levels| (4..levels).fold(json!([]), |inner, _| json!([inner]));
    let with = |levels| {
        let mut statement = statement();
        statement["Note"] = nested(levels);
        json!({"Version": "1", "Statement": [statement]}).to_string()
    };
    assert!(document(&with(32)).is_ok());
    assert_eq!(document(&with(33)).unwrap_err(), Problem::TooDeep);
}

#[test]
fn what_is_stored_is_never_checked() {
    for stored in [
        "null",
        "{}",
        "[1]",
        "{\"a\":1,\"a\":2}",
        "{\"Statement\":[{\"Effect\":\"allow\"}]}",
    ] {
        let document: PolicyDocument = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&document).unwrap(), stored);
        assert_eq!(
            (document.text().as_str(), document.warnings(1)),
            (stored, Vec::new())
        );
    }
}

proptest! {
    #[test]
    fn a_rewritten_document_means_the_same(keys in prop::collection::vec("[a-z\\PC]{2,9}", 0..4), text in ".*", n: i64) {
        let mut value = json!({"Version": "1", "Statement": [statement()]});
        for key in keys {
            value["Statement"][0]["Sid"][key] = json!([text, n, {"x": null}]);
        }
        let document = document(&value.to_string()).unwrap();
        prop_assert_eq!(document.text(), value.to_string());
        prop_assert_eq!(document.to_value(), value);
    }
}
