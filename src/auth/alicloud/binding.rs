//! Who may log in by a role.
//!
//! There are three kinds of bindings: ARNs (`arn` and `bound_arns` together), accounts, and role ids. A caller must
//! satisfy every kind that a role has, and any one binding of each kind. The name of a session is never looked at:
//! whoever assumes a role chooses it. Tags narrow them down: the caller's RAM role must have all that a role is bound to.

use super::role::Role;
use super::tag::Tags;
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
    #[error("the role has bound_tags, and the caller is not a session of a RAM role")]
    NoTags,
    #[error("the caller's role id is not among the role's bound_role_ids")]
    RoleId,
    #[error("the caller's RAM role does not have all of the role's bound_tags")]
    Tags,
    #[error(
        "the role has bound_tags, and the caller's RAM role is not in the account of this mount's credentials, or was deleted"
    )]
    UnseenTags,
}

impl Role {
    /// Whether the caller may log in by this role, as far as its tags are not concerned: these are asked for after that.
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
        if !self.bound_tags.is_empty() && caller.role_id.is_none() {
            return Err(NotBound::NoTags);
        }
        Ok(())
    }

    /// Whether the caller's RAM role has the tags. `None` stands for one that the mount's credentials do not see.
    pub(super) fn check_tags(&self, tags: Option<&Tags>) -> Result<(), NotBound> {
        let tags = match tags {
            _ if self.bound_tags.is_empty() => return Ok(()),
            Some(tags) => tags,
            None => return Err(NotBound::UnseenTags),
        };
        let has_all = self
            .bound_tags
            .iter()
            .all(|(key, value)| tags.get(key) == Some(value));
        has_all.then_some(()).ok_or(NotBound::Tags)
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

    #[test]
    fn tags_are_compared_as_they_are_and_all_of_them_must_be_there() {
        let pairs = |pairs: &[(&str, &str)]| -> Tags {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect()
        };
        let has = pairs(&[("team", "Blue"), ("env", "*"), ("note", "")]);
        for (bound, allowed) in [
            (&[("team", "Blue")][..], true),
            (&[("team", "Blue"), ("env", "*"), ("note", "")], true),
            (&[("team", "blue")], false),
            (&[("Team", "Blue")], false),
            (&[("team", "*")], false),
            (&[("team", "Blue ")], false),
            (&[("team", "")], false),
            (&[("t*", "Blue")], false),
            (&[("env", "prod")], false),
            (&[("other", "")], false),
            (&[("team", "Blue"), ("other", "x")], false),
        ] {
            let role = Role {
                bound_account_ids: vec![AccountId::parse("11111").unwrap()],
                bound_tags: pairs(bound),
                ..Role::default()
            };
            assert_eq!(role.check_tags(Some(&has)).is_ok(), allowed, "{bound:?}");
            assert_eq!(role.check_tags(Some(&pairs(&[]))), Err(NotBound::Tags));
            assert_eq!(role.check_tags(None), Err(NotBound::UnseenTags));
            assert_eq!(check(&role, SESSION, Some("300")), Ok(()));
            for (caller, role_id) in [(USER, None), (ROOT, None), (SESSION, None)] {
                assert_eq!(check(&role, caller, role_id), Err(NotBound::NoTags), "{caller}");
            }
        }
        let only_tags = Role {
            bound_tags: has,
            ..Role::default()
        };
        assert_eq!(check(&only_tags, SESSION, Some("300")), Err(NotBound::Nobody));
        assert_eq!(Role::default().check_tags(None), Ok(()));
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
