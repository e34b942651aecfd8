//! Who may log in by a role.
//!
//! There are three kinds of bindings: ARNs (`arn` and `bound_arns` together), accounts, and role ids. A caller must
//! satisfy every kind that a role has, and any one binding of each kind. The name of a session is never looked at:
//! whoever assumes a role chooses it.

use super::role::Role;
use crate::alicloud::Arn;

/// What bindings are compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) arn: &'a Arn,
    /// Of role sessions.
    pub(super) role_id: Option<&'a str>,
}

/// The binding that a caller does not satisfy. Nothing of the role is in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotBound {
    #[error("the caller's account is not among the role's bound_account_ids")]
    Account,
    // Upstream's text.
    #[error("the caller's arn does not match the role's arn")]
    Arn,
    #[error("the caller's arn matches none of the role's bound_arns")]
    ArnPattern,
    #[error("the role has no bindings, so no login is allowed")]
    Nobody,
    #[error("the role has bound_role_ids, and the caller is not a session of a RAM role")]
    NoRoleId,
    #[error("the caller's role id is not among the role's bound_role_ids")]
    RoleId,
}

impl Role {
    /// Whether the caller may log in by this role.
    pub(super) fn check_bindings(&self, caller: Caller<'_>) -> Result<(), NotBound> {
        if self.has_no_binding() {
            return Err(NotBound::Nobody);
        }
        let by_arn = self.arn.iter().any(|arn| arn.covers(caller.arn));
        if !by_arn && !self.bound_arns.iter().any(|pattern| pattern.matches(caller.arn)) {
            if !self.bound_arns.is_empty() {
                return Err(NotBound::ArnPattern);
            }
            if self.arn.is_some() {
                return Err(NotBound::Arn);
            }
        }
        if !self.bound_account_ids.is_empty() && !self.bound_account_ids.contains(caller.arn.account()) {
            return Err(NotBound::Account);
        }
        if !self.bound_role_ids.is_empty() {
            let role_id = caller.role_id.ok_or(NotBound::NoRoleId)?;
            if !self.bound_role_ids.iter().any(|bound| bound.as_str() == role_id) {
                return Err(NotBound::RoleId);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::alicloud::AccountId;
    use crate::auth::alicloud::arn_pattern::ArnPattern;
    use crate::auth::alicloud::role_arn::RoleArn;
    use crate::auth::alicloud::role_id::RoleId;

    fn arn(text: &str) -> Arn {
        Arn::parse(text).unwrap()
    }

    fn patterns(texts: &[&str]) -> Vec<ArnPattern> {
        texts
            .iter()
            .map(|text| text.parse::<ArnPattern>().unwrap())
            .collect()
    }

    fn check(role: &Role, caller: &str, role_id: Option<&str>) -> Result<(), NotBound> {
        role.check_bindings(Caller {
            arn: &arn(caller),
            role_id,
        })
    }

    const SESSION: &str = "acs:ram::11111:assumed-role/Dev-Role/i-1";
    const USER: &str = "acs:ram::11111:user/alice";
    const ROOT: &str = "acs:ram::11111:root";

    #[test]
    fn an_arn_covers_the_sessions_of_its_role() {
        let bindings = Role {
            arn: Some(RoleArn::parse("acs:ram::11111:role/dev-role").unwrap()),
            ..Role::default()
        };
        for caller in [
            SESSION,
            "acs:sts::11111:assumed-role/dev-role/xx",
            "acs:ram::11111:role/DEV-ROLE/xx",
        ] {
            assert_eq!(check(&bindings, caller, None), Ok(()), "{caller}");
        }
        for caller in [
            "acs:ram::11112:assumed-role/dev-role/xx",
            "acs:ram::11111:assumed-role/dev-role2/xx",
            "acs:ram::11111:assumed-role/dev-rol/xx",
            "acs:ram::11111:user/dev-role",
            "acs:ram::11111:role/dev-role",
            ROOT,
        ] {
            assert_eq!(check(&bindings, caller, None), Err(NotBound::Arn), "{caller}");
        }
    }

    #[test]
    fn patterns_match_names_of_one_account_and_kind() {
        for (pattern, caller, matches) in [
            ("acs:ram::11111:role/dev-role", SESSION, true),
            ("acs:ram::11111:role/dev-*", SESSION, true),
            ("acs:ram::11111:role/DEV-*", SESSION, true),
            ("acs:ram::11111:role/*", SESSION, true),
            ("acs:ram::11111:role/dev-role*", SESSION, true),
            ("acs:ram::11111:role/dev-role1*", SESSION, false),
            ("acs:ram::11111:role/dev-", SESSION, false),
            ("acs:ram::11112:role/*", SESSION, false),
            ("acs:ram::11111:user/*", SESSION, false),
            ("acs:ram::11111:user/*", USER, true),
            ("acs:ram::11111:user/Alice", USER, true),
            ("acs:ram::11111:user/al", USER, false),
            ("acs:ram::11111:role/*", USER, false),
            ("acs:ram::11111:user/*", ROOT, false),
            ("acs:ram::11111:role/*", ROOT, false),
            ("acs:ram::11111:user/*", "acs:ram::11111:group/alice", false),
        ] {
            let bindings = Role {
                bound_arns: patterns(&[pattern]),
                ..Role::default()
            };
            assert_eq!(
                check(&bindings, caller, None).is_ok(),
                matches,
                "{pattern} {caller}"
            );
        }
    }

    #[test]
    fn every_kind_that_is_given_must_be_satisfied() {
        let account = |id: &str| vec![AccountId::parse(id).unwrap()];
        let role_id = |id: &str| vec![id.parse::<RoleId>().unwrap()];
        let all = Role {
            arn: Some(RoleArn::parse("acs:ram::22222:role/other").unwrap()),
            bound_arns: patterns(&["acs:ram::33333:user/*", "acs:ram::11111:role/dev-*"]),
            bound_account_ids: account("11111"),
            bound_role_ids: role_id("300"),
            ..Role::default()
        };
        assert_eq!(check(&all, SESSION, Some("300")), Ok(()));
        assert_eq!(check(&all, SESSION, Some("301")), Err(NotBound::RoleId));
        assert_eq!(check(&all, SESSION, None), Err(NotBound::NoRoleId));
        assert_eq!(
            check(&all, "acs:ram::22222:assumed-role/other/xx", Some("300")),
            Err(NotBound::Account)
        );
        assert_eq!(
            check(&all, "acs:ram::33333:user/bob", None),
            Err(NotBound::Account)
        );
        assert_eq!(check(&all, USER, Some("300")), Err(NotBound::ArnPattern));

        let accounts = Role {
            bound_account_ids: account("11111"),
            ..Role::default()
        };
        for caller in [SESSION, USER, ROOT] {
            assert_eq!(check(&accounts, caller, None), Ok(()), "{caller}");
        }
        let role_ids = Role {
            bound_role_ids: role_id("300"),
            ..Role::default()
        };
        assert_eq!(check(&role_ids, SESSION, Some("300")), Ok(()));
        assert_eq!(check(&role_ids, USER, None), Err(NotBound::NoRoleId));
        assert_eq!(
            check(&Role::default(), SESSION, Some("300")),
            Err(NotBound::Nobody)
        );
    }

    fn name() -> impl Strategy<Value = String> {
        "[A-Za-z0-9._-]{1,12}"
    }

    proptest! {
        #[test]
        fn the_session_decides_nothing(one in "[a-z@.]{2,9}", two in "[A-Z0-9_-]{2,9}", bound in name(), role in name()) {
            let bindings = Role { bound_arns: patterns(&[&format!("acs:ram::11111:role/{bound}*")]), ..Role::default() };
            let answer = |session: &str| check(&bindings, &format!("acs:ram::11111:assumed-role/{role}/{session}"), None);
            prop_assert_eq!(answer(&one), answer(&two));
        }
    }
}
