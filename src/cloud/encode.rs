//! Percent-encoding as signatures demand it: everything but `A–Z a–z 0–9 - _ . ~`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The text with every byte outside the unreserved set of RFC 3986 written as `%XX`, upper-case.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode_into(&mut out, text);
    out
}

/// As [`encode`], appended to a buffer that the caller sized; three bytes a byte of text always suffice.
pub fn encode_into(out: &mut String, text: &str) {
    out.extend(utf8_percent_encode(text, ESCAPED));
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_frequent_mistakes_are_not_made() {
        for (plain, encoded) in [
            (" ", "%20"),
            ("*", "%2A"),
            ("~", "~"),
            ("+", "%2B"),
            ("/", "%2F"),
            ("!'()", "%21%27%28%29"),
            ("\n\t", "%0A%09"),
            ("é", "%C3%A9"),
            ("😀", "%F0%9F%98%80"),
        ] {
            assert_eq!(encode(plain), encoded);
        }
    }

    proptest! {
        #[test]
        fn decoding_gives_the_text_back(text in ".*") {
            let encoded = encode(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b)));
            prop_assert_eq!(percent_decode_str(&encoded).decode_utf8().unwrap(), text);
        }
    }
}
