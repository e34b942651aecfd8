//! JSON as Go's `encoding/json` writes it, so that an entry written here and one written by a Go plugin are the same
//! bytes: compact, `<`, `>`, `&`, U+2028 and U+2029 escaped in strings, one newline at the end (as
//! `logical.StorageEntryJSON` has it, which encodes through an `Encoder`).

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Encodes `value` as Go would.
pub fn to_go_json<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(256);
    value.serialize(&mut Serializer::with_formatter(&mut out, GoFormatter))?;
    out.push(b'\n');
    Ok(out)
}

struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, special)) = rest.char_indices().find_map(|(at, c)| escape(c).map(|e| (at, e))) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            writer.write_all(special.as_bytes())?;
            rest = from
                .chars()
                .next()
                .map_or("", |c| from.get(c.len_utf8()..).unwrap_or_default());
        }
        writer.write_all(rest.as_bytes())
    }
}

fn escape(c: char) -> Option<&'static str> {
    match c {
        '<' => Some("\\u003c"),
        '>' => Some("\\u003e"),
        '&' => Some("\\u0026"),
        '\u{2028}' => Some("\\u2028"),
        '\u{2029}' => Some("\\u2029"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(value: &Value) -> String {
        String::from_utf8(to_go_json(value).unwrap()).unwrap()
    }

    #[test]
    fn html_characters_and_line_separators_are_escaped() {
        assert_eq!(
            text(&json!("a<b>&c\u{2028}\u{2029}é")),
            "\"a\\u003cb\\u003e\\u0026c\\u2028\\u2029é\"\n"
        );
        assert_eq!(text(&json!("\u{1}\n\t\"\\/")), "\"\\u0001\\n\\t\\\"\\\\/\"\n");
    }

    #[test]
    fn objects_are_compact_and_sorted() {
        let value: Value =
            serde_json::from_str(r#"{ "b": 12345678901234567890, "a": [1.5, true] }"#).unwrap();
        assert_eq!(text(&value), "{\"a\":[1.5,true],\"b\":12345678901234567890}\n");
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(s in ".*") {
            let encoded = to_go_json(&s).unwrap();
            proptest::prop_assert_eq!(serde_json::from_slice::<String>(&encoded).unwrap(), s);
            for forbidden in *b"<>&" {
                proptest::prop_assert!(!encoded.contains(&forbidden));
            }
        }
    }
}
