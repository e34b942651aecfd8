//! Randomness of the operating system: nonces, and the jitter of pauses.

use std::fmt::Write as _;
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

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
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
    fn jitter_stays_under_its_ceiling() {
        for _ in 0..100 {
            assert!(jitter(Duration::from_millis(200)) <= Duration::from_millis(200));
        }
    }
}
