//! Makes texts of the cloud fit for logs and error messages.

use secrecy::ExposeSecret;

use crate::cloud::credentials::Credentials;
use crate::cloud::encode::encode;

/// Longest message that is shown, in characters.
const LONGEST: usize = 300;

/// No secret is shorter, in bytes. A word of a few letters would be found in codes by chance.
const SHORTEST_SECRET: usize = 8;

const HIDDEN: &str = "[hidden]";

/// A cloud's message on one line, bounded, printable, and without the caller's secret or token in any spelling.
pub(crate) fn message(text: &str, credentials: Option<&Credentials>) -> String {
    let mut text = text.to_owned();
    for secret in credentials.into_iter().flat_map(secrets) {
        // Messages quote parameters as sent or as signed: plain, encoded once, encoded twice.
        let once = encode(&secret);
        let twice = encode(&once);
        for spelling in [twice, once, secret] {
            text = text.replace(&spelling, HIDDEN);
        }
    }
    let printable = text
        .chars()
        .map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c });
    let mut short: String = printable.take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    let short = short.trim();
    if short.is_empty() {
        "refused without a reason".to_owned()
    } else {
        short.to_owned()
    }
}

fn secrets(credentials: &Credentials) -> Vec<String> {
    let token = credentials
        .security_token
        .as_ref()
        .map(|token| token.expose_secret());
    // An empty text would be "found" everywhere.
    let all = [Some(credentials.access_key_secret.expose_secret()), token];
    all.into_iter()
        .flatten()
        .filter(|secret| !secret.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Characters that reorder or hide text on a terminal.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// An identifier of the cloud (a code, a request id) if it looks like one and has none of the caller's secrets in it.
pub(crate) fn identifier(text: &str, credentials: Option<&Credentials>) -> Option<String> {
    let fits = (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    let quotes = || {
        credentials
            .into_iter()
            .flat_map(secrets)
            .any(|secret| secret.len() >= SHORTEST_SECRET && text.contains(&secret))
    };
    (fits && !quotes()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_and_token_are_hidden_in_every_spelling() {
        let credentials = Credentials::new("id", "s3cr+t").with_token("to/k en=");
        let text = "a s3cr+t b s3cr%2Bt c to%252Fk%2520en%253D d to/k en=";
        assert_eq!(
            message(text, Some(&credentials)),
            "a [hidden] b [hidden] c [hidden] d [hidden]"
        );
    }

    #[test]
    fn a_message_is_one_bounded_line() {
        assert_eq!(message("a\nb\u{1b}[31m\u{202e}c", None), "a b [31m c");
        assert_eq!(message(&"é".repeat(400), None).chars().count(), 301);
        assert_eq!(message(" ", None), "refused without a reason");
    }

    #[test]
    fn identifiers_have_no_odd_characters() {
        assert_eq!(identifier("A1-b.c_d", None).as_deref(), Some("A1-b.c_d"));
        assert_eq!(identifier("", None), None);
        assert_eq!(identifier("a b", None), None);
        assert_eq!(identifier(&"a".repeat(129), None), None);
    }

    #[test]
    fn an_identifier_with_a_secret_in_it_is_none() {
        let credentials = Credentials::new("id", "s3cr3t-s3cr3t").with_token("t0ken-t0ken");
        for text in ["s3cr3t-s3cr3t", "EntityNotExist.s3cr3t-s3cr3t", "R-t0ken-t0ken-1"] {
            assert_eq!(identifier(text, Some(&credentials)), None);
        }
        assert!(identifier("EntityNotExist.id", Some(&credentials)).is_some());
        assert!(identifier("EntityNotExist.User", Some(&Credentials::new("id", "s"))).is_some());
    }
}
