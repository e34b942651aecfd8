//! Randomness of the operating system: nonces, ids, the random part of names, and the jitter of pauses.

use std::time::Duration;

/// A nonce of 128 random bits as 32 lower-case hex digits, the form that the official clients use.
///
/// # Errors
/// The operating system gave no random bytes.
pub fn nonce() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

/// A random (version 4) UUID, in lower case.
///
/// # Errors
/// The operating system gave no random bytes.
pub fn uuid() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    // RFC 9562, section 5.4.
    let number = (u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let mut uuid = format!("{number:032x}");
    for at in [20, 16, 12, 8] {
        uuid.insert(at, '-');
    }
    Ok(uuid)
}

/// So many digits and lower-case letters, each equally likely.
///
/// # Errors
/// The operating system gave no random bytes.
pub fn alphanumeric(length: usize) -> Result<String, getrandom::Error> {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // The largest multiple of 36 in a byte: taking the rest would favour some characters.
    const UNBIASED: u8 = 252;
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        let drawn = bytes.iter().filter(|byte| **byte < UNBIASED);
        let characters = drawn.filter_map(|byte| ALPHABET.get(usize::from(byte % 36)));
        text.extend(characters.take(length - text.len()).map(|c| char::from(*c)));
    }
    Ok(text)
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for half in [byte >> 4, byte & 0xf] {
            let first = if half < 10 { b'0' } else { b'a' - 10 };
            out.push(char::from(first + half));
        }
    }
    out
}

/// A pause between zero and the ceiling. Without randomness it is the ceiling: pausing too long does no harm.
pub(crate) fn jitter(ceiling: Duration) -> Duration {
    getrandom::u32().map_or(ceiling, |drawn| {
        ceiling.mul_f64(f64::from(drawn) / f64::from(u32::MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_32_hex_digits_and_differ() {
        let (one, two) = (nonce().unwrap(), nonce().unwrap());
        assert_ne!(one, two);
        assert!(
            one.len() == 32
                && one
                    .bytes()
                    .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
        );
    }

    #[test]
    fn ids_are_version_4_uuids() {
        let id = uuid().unwrap();
        let parts: Vec<_> = id.split('-').collect();
        assert_eq!(
            parts.iter().map(|part| part.len()).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
        assert!(parts[2].starts_with('4'), "{id}");
        assert!(parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
        assert_ne!(id, uuid().unwrap());
    }

    #[test]
    fn random_text_has_its_length_and_all_characters() {
        let text = alphanumeric(5000).unwrap();
        assert_eq!(text.len(), 5000);
        let seen: std::collections::BTreeSet<_> = text.chars().collect();
        assert_eq!(
            seen.into_iter().collect::<String>(),
            "0123456789abcdefghijklmnopqrstuvwxyz"
        );
    }

    #[test]
    fn jitter_stays_under_its_ceiling() {
        for _ in 0..100 {
            assert!(jitter(Duration::from_millis(200)) <= Duration::from_millis(200));
        }
    }
}
