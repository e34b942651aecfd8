//! An ARN in `bound_arns`: one RAM role or RAM user, or all whose names begin alike.

use std::fmt;
use std::str::FromStr;

use super::instead::Instead;
use crate::alicloud::arn::{Identity, same_name};
use crate::alicloud::{AccountId, Arn, ParseArnError};

/// A RAM role or RAM user, or with a trailing `*` those of one account whose names begin so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArnPattern {
    account: AccountId,
    entity: Entity,
    /// The name, or its beginning.
    name: String,
    wildcard: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entity {
    Role,
    User,
}

/// Why a text cannot be in `bound_arns`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParseArnPatternError {
    #[error(transparent)]
    Arn(#[from] ParseArnError),
    #[error(
        "expected the arn of a role or a user, acs:ram::<account id>:role/<name> or …:user/<name>; sessions are bound by \
         their role, and whole accounts by bound_account_ids"
    )]
    NoRoleOrUser,
    #[error("{0}")]
    WriteInstead(Instead),
    #[error("an arn can have one *, as its last character")]
    Wildcard,
}

impl FromStr for ArnPattern {
    type Err = ParseArnPatternError;

    /// Reads `acs:ram::<account>:role/<name>` or `…:user/<name>`, where the name may end in one `*`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text).map_err(|rule| Instead::of(text).map_or(rule, ParseArnPatternError::WriteInstead))
    }
}

impl ArnPattern {
    /// Reads a pattern, or names the broken rule.
    fn read(text: &str) -> Result<Self, ParseArnPatternError> {
        let (arn, wildcard) = match text.strip_suffix('*') {
            // With a letter in its place the beginning of a name is a name, and is checked like one.
            Some(beginning) if !beginning.contains('*') => (Arn::parse(&format!("{beginning}x"))?, true),
            None if !text.contains('*') => (Arn::parse(text)?, false),
            _ => return Err(ParseArnPatternError::Wildcard),
        };
        let (entity, mut name) = match arn.identity() {
            Identity::Role(name) => (Entity::Role, name.clone()),
            Identity::User(name) => (Entity::User, name.clone()),
            _ => return Err(ParseArnPatternError::NoRoleOrUser),
        };
        if wildcard {
            name.pop();
        }
        Ok(Self {
            account: arn.account().clone(),
            entity,
            name,
            wildcard,
        })
    }

    /// Whether the caller is such a user, or a session of such a role.
    pub(super) fn matches(&self, caller: &Arn) -> bool {
        let name = match (self.entity, caller.identity()) {
            (Entity::Role, Identity::AssumedRole { role, .. }) => role,
            (Entity::User, Identity::User(name)) => name,
            _ => return false,
        };
        let compared = if self.wildcard {
            name.get(..self.name.len())
        } else {
            Some(name.as_str())
        };
        self.account == *caller.account() && compared.is_some_and(|name| same_name(name, &self.name))
    }
}

impl fmt::Display for ArnPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entity = match self.entity {
            Entity::Role => "role",
            Entity::User => "user",
        };
        let wildcard = if self.wildcard { "*" } else { "" };
        write!(f, "acs:ram::{}:{entity}/{}{wildcard}", self.account, self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arn(text: &str) -> Arn {
        Arn::parse(text).unwrap()
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (text, error) in [
            ("", ParseArnPatternError::Arn(ParseArnError::Fields)),
            ("*", ParseArnPatternError::Arn(ParseArnError::Fields)),
            ("acs:ram::*:role/dev", ParseArnPatternError::Wildcard),
            ("acs:ram::11111:role/*dev", ParseArnPatternError::Wildcard),
            ("acs:ram::11111:role/a*b*", ParseArnPatternError::Wildcard),
            ("acs:ram::11111:role/**", ParseArnPatternError::Wildcard),
            (
                "acs:ram::11111*",
                ParseArnPatternError::Arn(ParseArnError::Fields),
            ),
            (
                "acs:ram::11111:*",
                ParseArnPatternError::Arn(ParseArnError::Resource),
            ),
            (
                "acs:ram::11111:role*",
                ParseArnPatternError::Arn(ParseArnError::Resource),
            ),
            ("acs:ram::11111:root", ParseArnPatternError::NoRoleOrUser),
            ("acs:ram::11111:group/*", ParseArnPatternError::NoRoleOrUser),
            (
                "acs:ram::11111:role/",
                ParseArnPatternError::Arn(ParseArnError::RoleName),
            ),
            (
                "acs:ram::11111:user/a/b",
                ParseArnPatternError::Arn(ParseArnError::Resource),
            ),
            (
                "arn:aws:iam::11111:role/x",
                ParseArnPatternError::Arn(ParseArnError::Prefix),
            ),
        ] {
            assert_eq!(text.parse::<ArnPattern>(), Err(error), "{text}");
        }
    }

    #[test]
    fn what_can_be_written_instead_is_told() {
        let error = "acs:ram::11111:Assumed-Role/Dev/*"
            .parse::<ArnPattern>()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "this is a session of a role, and sessions are bound by their role; write acs:ram::11111:role/Dev"
        );
        let error = "acs:ram:cn-hangzhou:11111:user/a"
            .parse::<ArnPattern>()
            .unwrap_err();
        assert!(
            error.to_string().ends_with("write acs:ram::11111:user/a"),
            "{error}"
        );
    }

    fn name() -> impl Strategy<Value = String> {
        "[A-Za-z0-9._-]{1,12}"
    }

    proptest! {
        #[test]
        fn a_pattern_never_leaves_its_account(
            account in "[0-9]{5,8}", other in "[0-9]{5,8}", beginning in "[A-Za-z0-9._-]{0,3}", kind in "role|user",
            caller in name(), session in "[a-z]{2,5}",
        ) {
            let pattern = format!("acs:ram::{account}:{kind}/{beginning}*").parse::<ArnPattern>().unwrap();
            for text in [
                format!("acs:ram::{other}:assumed-role/{caller}/{session}"),
                format!("acs:sts::{other}:assumed-role/{caller}/{session}"),
                format!("acs:ram::{other}:user/{caller}"),
                format!("acs:ram::{other}:root"),
            ] {
                if pattern.matches(&arn(&text)) {
                    prop_assert_eq!(&account, &other);
                    prop_assert!(caller.to_ascii_lowercase().starts_with(&beginning.to_ascii_lowercase()));
                    prop_assert_eq!(text.contains(":user/"), kind == "user");
                }
            }
        }

        #[test]
        fn an_exact_pattern_matches_one_name(one in name(), two in name()) {
            let pattern = format!("acs:ram::11111:user/{one}").parse::<ArnPattern>().unwrap();
            let caller = arn(&format!("acs:ram::11111:user/{two}"));
            prop_assert_eq!(pattern.matches(&caller), one.eq_ignore_ascii_case(&two));
        }

        #[test]
        fn a_pattern_prints_as_it_was_written(text in "acs:ram::[0-9]{5}:(role|user)/[A-Za-z0-9._-]{0,4}\\*?") {
            if let Ok(pattern) = text.parse::<ArnPattern>() {
                prop_assert_eq!(pattern.to_string(), text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = text.parse::<ArnPattern>();
        }
    }
}
