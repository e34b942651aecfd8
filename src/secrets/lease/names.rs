//! Names for what an engine makes in a cloud: users and sessions.
//!
//! A name tells people where it came from, whatever the display name and the role name hold, and is never made twice:
//! `vault-<display name>-<role>-<unix seconds>-<10 random characters>`. The fixed beginning lets the operator narrow
//! the engine's own permissions to `user/vault-*` and `policy/vault-*`. Letters are lower case, because clouds find some
//! names regardless of case.

use crate::cloud::random::alphanumeric;
use crate::framework::{Context, Error};
use crate::secrets::lease::clock::now;

/// What names begin with.
pub const PREFIX: &str = "vault-";

/// 36^10 is about 2^51: among 5,000 users, the most that an account has, a clash in the same second is not to be seen.
const RANDOM_LENGTH: usize = 10;

/// Digits of the seconds since 1970, from 2001 on.
const TIME_LENGTH: usize = 10;

/// What a cloud takes as a name of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// In bytes.
    pub longest: usize,
    /// The characters beside letters, digits and hyphens.
    pub also: &'static [char],
}

/// What clouds take as the name of a user, and Vault as a part of a path, so that each user can be named in one.
pub const USER: Rules = Rules {
    longest: 64,
    also: &['.', '_'],
};

/// A new name for the caller of this request and its role.
///
/// # Errors
/// The operating system gave no random bytes.
pub fn unique(context: &Context, role: &str, rules: Rules) -> Result<String, Error> {
    assemble(&context.request.display_name, role, now(context), rules)
}

/// What comes after a name that is made here and a hyphen, whatever user the name is of.
#[must_use]
pub fn after_unique(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(PREFIX)?;
    rest.rmatch_indices('-').find_map(|(at, _)| {
        // The end of the time of issue.
        let (before, after) = (rest.get(..at)?, rest.get(at + 1..)?);
        let time = before.rsplit('-').next()?;
        let (random, after) = after.split_once('-')?;
        let is_time = time.len() >= TIME_LENGTH && time.bytes().all(|b| b.is_ascii_digit());
        let is_random = random.len() == RANDOM_LENGTH && random.bytes().all(|b| b.is_ascii_alphanumeric());
        (is_time && is_random).then_some(after)
    })
}

fn assemble(display_name: &str, role: &str, now: u64, rules: Rules) -> Result<String, Error> {
    let random = alphanumeric(RANDOM_LENGTH)
        .map_err(|error| Error::internal("the OS random source failed").with_source(error))?;
    let tail = format!("{now}-{random}");
    let space = rules.longest.saturating_sub(PREFIX.len() + tail.len() + 2);
    let (display_name, role) = (sanitized(display_name, rules.also), sanitized(role, rules.also));
    // Each may use half of the space and what the other leaves.
    let half = space / 2;
    let display_name = cut(&display_name, half.max(space.saturating_sub(role.len())));
    let role = cut(&role, space.saturating_sub(display_name.len()));
    let parts = [display_name, role, &tail];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(format!("{PREFIX}{}", parts.join("-")))
}

/// Lower case, every run of other characters one hyphen, none at the ends.
#[must_use]
pub fn sanitized(text: &str, also: &[char]) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || also.contains(&c) {
            clean.push(c.to_ascii_lowercase());
        } else if !clean.ends_with('-') {
            clean.push('-');
        }
    }
    clean.trim_matches('-').to_owned()
}

/// At most `length` characters of ASCII text, without a hyphen at the end.
#[must_use]
pub fn cut(text: &str, length: usize) -> &str {
    text.get(..length.min(text.len()))
        .unwrap_or_default()
        .trim_end_matches('-')
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_763_850_000;

    fn name(display_name: &str, role: &str) -> String {
        assemble(display_name, role, NOW, USER).unwrap()
    }

    #[test]
    fn names_tell_where_they_come_from() {
        for (display_name, role, start) in [
            ("token", "policy-based", "vault-token-policy-based-1763850000-"),
            (
                "oidc-Alice@Example.com: x",
                "a.b_c",
                "vault-oidc-alice-example.com-x-a.b_c-",
            ),
            ("", "", "vault-1763850000-"),
        ] {
            let name = name(display_name, role);
            assert!(name.starts_with(start), "{name}");
        }
        let rules = Rules {
            longest: 64,
            also: &['@'],
        };
        let name = assemble("oidc-alice@example", "r", NOW, rules).unwrap();
        assert!(name.starts_with("vault-oidc-alice@example-r-"), "{name}");
    }

    #[test]
    fn a_long_half_leaves_space_for_the_other() {
        let both = name(&"d".repeat(80), &"r".repeat(80));
        assert_eq!(both.len(), 64);
        assert!(both.contains("dddd-rrrr"), "{both}");
        let one = name(&"d".repeat(80), "role");
        assert!(one.contains("d-role-"), "{one}");
    }

    #[test]
    fn names_of_one_second_differ() {
        let names: HashSet<_> = (0..2000).map(|_| name("token", "r")).collect();
        assert_eq!(names.len(), 2000);
    }

    #[test]
    fn what_hangs_on_a_name_is_told_from_other_names() {
        for name in [
            name("token", "r"),
            name("", ""),
            name("a.b", "1763850000-0123456789"),
        ] {
            assert_eq!(after_unique(&format!("{name}-1-x")), Some("1-x"), "{name}");
        }
        for other in [
            &name("token", "r"),
            "vault-1-x",
            "app-1763850000-0123456789-1",
            "vault-u-1763850000-short-1",
            "vault-",
            "",
        ] {
            assert_eq!(after_unique(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_name_keeps_the_rules(display_name in ".*", role in ".*") {
            let name = name(&display_name, &role);
            prop_assert!(name.len() <= USER.longest && name.starts_with(PREFIX));
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{}", name);
        }
    }
}
