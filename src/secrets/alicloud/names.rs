//! Names of RAM users, policies and role sessions.

use crate::framework::{Context, Error};
use crate::secrets::lease::names::{Rules, USER, after_unique, cut, sanitized, unique};

/// The rules of STS for session names.
const SESSION: Rules = Rules {
    longest: 64,
    also: &['.', '_', '@'],
};

/// A name for the RAM user of a role.
pub(super) fn user(context: &Context, role: &str) -> Result<String, Error> {
    unique(context, role, USER)
}

/// A name for a session of a role.
pub(super) fn session(context: &Context, role: &str) -> Result<String, Error> {
    unique(context, role, SESSION)
}

/// A name for the policy of `user` that is made from the role's document of this number, with this id: letters, digits
/// and `-` only. The number keeps two documents of one role apart, whatever their ids.
pub(super) fn policy(user: &str, number: usize, id: &str) -> String {
    // The id of an entry that the Go plugin or an API client wrote may be anything.
    format!(
        "{}-{number}-{}",
        sanitized(user, &[]),
        cut(&sanitized(id, &[]), 32)
    )
}

/// Whether a policy was made for this user, by its name. A user's name is never made twice, so no other user's policy
/// begins with it.
pub(super) fn is_policy_of(user: &str, policy: &str) -> bool {
    let number = policy
        .strip_prefix(sanitized(user, &[]).as_str())
        .and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(is_numbered)
}

/// Whether a policy was made for a user of any mount, by its name.
pub(super) fn is_policy_of_any_user(policy: &str) -> bool {
    after_unique(policy).is_some_and(is_numbered)
}

fn is_numbered(rest: &str) -> bool {
    rest.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ram_accepts_the_name_of_every_policy(user in "vault-[a-z0-9._-]{1,58}", id in ".*") {
            let policy = policy(&user, 10, &id);
            prop_assert!((1..=128).contains(&policy.len()));
            prop_assert!(policy.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{}", policy);
            prop_assert!(is_policy_of(&user, &policy));
            let another = format!("{user}x");
            prop_assert!(!is_policy_of(&another, &policy));
            prop_assert!(!is_policy_of_any_user(&another));
        }
    }
}
