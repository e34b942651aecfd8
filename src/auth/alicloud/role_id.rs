//! The id of a RAM role.

use crate::cloud::checked_text;

checked_text! {
    /// The id that RAM gave a role. A role that is deleted and created anew under the same name has another one.
    pub(super) struct RoleId, check => ParseRoleIdError;
}

/// The text is not the id of a RAM role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role id has 1 to 32 digits")]
pub(super) struct ParseRoleIdError;

fn check(text: &str) -> Result<(), ParseRoleIdError> {
    let fits = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some(()).ok_or(ParseRoleIdError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_id_has_digits() {
        assert!("300000000000000001".parse::<RoleId>().is_ok());
        for text in ["", "a", "1 ", "-1", &"1".repeat(33)] {
            assert_eq!(text.parse::<RoleId>(), Err(ParseRoleIdError), "{text}");
        }
    }
}
