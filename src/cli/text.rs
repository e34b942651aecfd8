//! Makes texts of others fit for a terminal.

use crate::cloud::encode::encode;

/// Longest text that is shown, in characters. A refusal lists what is wrong, and may quote STS.
const LONGEST: usize = 2000;

/// The text on one line, bounded, without what moves the cursor or hides other text.
pub(super) fn printable(text: &str) -> String {
    let shown: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c })
        .collect();
    let mut line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

/// Marks that reorder or hide text on a terminal.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text without a secret, in any spelling that a signed request has: plain, encoded once, encoded twice.
pub(super) fn hide(mut text: String, secret: &str) -> String {
    // An empty text would be "found" everywhere.
    if secret.is_empty() {
        return text;
    }
    let once = encode(secret);
    let twice = encode(&once);
    for spelling in [twice.as_str(), once.as_str(), secret] {
        text = text.replace(spelling, "[hidden]");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_bounded_line() {
        assert_eq!(
            printable("1 error occurred:\n\t* a\u{1b}[31m\u{202e}b\n\n"),
            "1 error occurred: * a [31m b"
        );
        assert_eq!(printable(&"é".repeat(3000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn a_secret_is_hidden_in_every_spelling() {
        let text = "a to/k b to%2Fk c to%252Fk".to_owned();
        assert_eq!(hide(text, "to/k"), "a [hidden] b [hidden] c [hidden]");
        assert_eq!(hide("a".to_owned(), ""), "a");
    }
}
