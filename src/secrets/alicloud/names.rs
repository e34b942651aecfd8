//! Names for what the engine makes in the cloud: users, policies and role sessions.
//!
//! A name tells people where it came from, whatever the display name and the role name hold, and is never made twice:
//! `vault-<display name>-<role>-<unix seconds>-<10 random characters>`. The fixed beginning lets the operator narrow
//! the engine's own RAM permissions to `user/vault-*` and `policy/vault-*`. Letters are lower case, because RAM finds
//! some names regardless of case.

use crate::framework::Error;

const PREFIX: &str = "vault-";

/// The limit of RAM for user names and of STS for session names.
const MAX_LENGTH: usize = 64;

/// 36^10 is about 2^51: among 5,000 users, the most that an account has, a clash in the same second is not to be seen.
const RANDOM_LENGTH: usize = 10;

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// A name for a RAM user: letters, digits, `.`, `-` and `_`.
pub(super) fn user(display_name: &str, role: &str, now: u64) -> Result<String, Error> {
    assemble(display_name, role, now, |c| matches!(c, '.' | '_'))
}

/// A name for a role session, which may hold `@` too.
pub(super) fn session(display_name: &str, role: &str, now: u64) -> Result<String, Error> {
    assemble(display_name, role, now, |c| matches!(c, '.' | '_' | '@'))
}

/// A name for the policy of `user` that is made from the role's document at this place, with this id: letters, digits
/// and `-` only. The place keeps two documents of one role apart, whatever their ids.
pub(super) fn policy(user: &str, place: usize, id: &str) -> String {
    // The id of an entry that the Go plugin or an API client wrote may be anything.
    format!(
        "{}-{place}-{}",
        sanitised(user, |_| false),
        cut(&sanitised(id, |_| false), 32)
    )
}

/// Whether a user may be one of ours, by its name.
pub(super) fn is_ours(user: &str) -> bool {
    user.starts_with(PREFIX)
}

/// Whether a policy was made for this user, by its name. A user's name is never made twice, so no other user's policy
/// begins with it.
pub(super) fn is_policy_of(user: &str, policy: &str) -> bool {
    let place = policy
        .strip_prefix(sanitised(user, |_| false).as_str())
        .and_then(|rest| rest.strip_prefix('-'));
    place.is_some_and(|place| place.starts_with(|c: char| c.is_ascii_digit()))
}

fn assemble(display_name: &str, role: &str, now: u64, also: fn(char) -> bool) -> Result<String, Error> {
    let tail = format!("{now}-{}", random()?);
    let room = MAX_LENGTH.saturating_sub(PREFIX.len() + tail.len() + 2);
    let (display_name, role) = (sanitised(display_name, also), sanitised(role, also));
    // Each may use half of the room and what the other leaves.
    let half = room / 2;
    let display_name = cut(&display_name, half.max(room.saturating_sub(role.len())));
    let role = cut(&role, room.saturating_sub(display_name.len()));
    let parts = [display_name, role, &tail];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(format!("{PREFIX}{}", parts.join("-")))
}

/// Lower case, every run of other characters one hyphen, none at the ends.
fn sanitised(text: &str, also: fn(char) -> bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || also(c) {
            clean.push(c.to_ascii_lowercase());
        } else if !clean.ends_with('-') {
            clean.push('-');
        }
    }
    clean.trim_matches('-').to_owned()
}

/// At most `length` characters of ASCII text, without a hyphen at the end.
fn cut(text: &str, length: usize) -> &str {
    text.get(..length.min(text.len()))
        .unwrap_or_default()
        .trim_end_matches('-')
}

fn random() -> Result<String, Error> {
    let mut text = String::with_capacity(RANDOM_LENGTH);
    while text.len() < RANDOM_LENGTH {
        for byte in bytes()? {
            // 252 is the largest multiple of 36 in a byte: taking the rest would favour some characters.
            if let (true, Some(c)) = (byte < 252, ALPHABET.get(usize::from(byte % 36)))
                && text.len() < RANDOM_LENGTH
            {
                text.push(char::from(*c));
            }
        }
    }
    Ok(text)
}

/// A fresh id for an inline policy: 32 hexadecimal digits, as the Go plugin makes them.
pub(super) fn policy_id() -> Result<String, Error> {
    Ok(format!("{:032x}", u128::from_be_bytes(bytes()?)))
}

fn bytes() -> Result<[u8; 16], Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::internal("the system gives no random bytes").with_source(error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_763_850_000;

    #[test]
    fn names_tell_where_they_come_from() {
        let name = user("token", "policy-based", NOW).unwrap();
        assert!(name.starts_with("vault-token-policy-based-1763850000-"), "{name}");
        let name = user("oidc-Alice@Example.com: x", "a.b_c", NOW).unwrap();
        assert!(
            name.starts_with("vault-oidc-alice-example.com-x-a.b_c-"),
            "{name}"
        );
        let name = session("oidc-alice@example.com", "r", NOW).unwrap();
        assert!(name.starts_with("vault-oidc-alice@example.com-r-"), "{name}");
        assert!(user("", "", NOW).unwrap().starts_with("vault-1763850000-"));
    }

    #[test]
    fn a_long_half_leaves_room_for_the_other() {
        let name = user(&"d".repeat(80), &"r".repeat(80), NOW).unwrap();
        assert_eq!(name.len(), 64);
        assert!(name.contains("dddd-rrrr"), "{name}");
        let name = user(&"d".repeat(80), "role", NOW).unwrap();
        assert!(name.contains("d-role-"), "{name}");
    }

    #[test]
    fn names_of_one_second_differ() {
        let names: HashSet<_> = (0..2000).map(|_| user("token", "r", NOW).unwrap()).collect();
        assert_eq!(names.len(), 2000);
    }

    proptest! {
        #[test]
        fn ram_accepts_every_name(display in ".*", role in ".*", id in ".*") {
            let name = user(&display, &role, NOW).unwrap();
            prop_assert!(name.len() <= 64 && !name.is_empty());
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{}", name);
            let session = session(&display, &role, NOW).unwrap();
            prop_assert!((2..=64).contains(&session.len()));
            prop_assert!(session.chars().all(|c| c.is_ascii_alphanumeric() || "._-@".contains(c)), "{}", session);
            let policy = policy(&name, 10, &id);
            prop_assert!((1..=128).contains(&policy.len()));
            prop_assert!(policy.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{}", policy);
            prop_assert!(is_ours(&name) && is_policy_of(&name, &policy));
            prop_assert!(!is_policy_of(&user(&display, &role, NOW).unwrap(), &policy));
        }
    }
}
