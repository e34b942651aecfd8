//! The id of a RAM role.

use std::fmt;
use std::str::FromStr;

/// The id that RAM gave a role. A role that is deleted and created anew under the same name has another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleId(String);

/// The text is not the id of a RAM role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role id has 1 to 32 digits")]
pub(super) struct ParseRoleIdError;

impl FromStr for RoleId {
    type Err = ParseRoleIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseRoleIdError)
        }
    }
}

impl RoleId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
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
