//! Who may log in by a role.
//!
//! There are three kinds of bindings: ARNs (`arn` and `bound_arns` together), accounts, and role ids. A caller must
//! satisfy every kind that a role has, and any one binding of each kind. The name of a session is never looked at:
//! whoever assumes a role chooses it.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::alicloud::arn::{Identity, same_name};
use crate::alicloud::{AccountId, Arn, ParseArnError};

/// The bindings of a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bindings {
    /// Upstream's only binding.
    pub(super) arn: Option<RoleArn>,
    pub(super) arns: Vec<ArnPattern>,
    pub(super) account_ids: Vec<AccountId>,
    pub(super) role_ids: Vec<RoleId>,
}

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
    #[error("the role is bound to nobody")]
    Nobody,
    #[error("the role has bound_role_ids, and the caller is not a session of a RAM role")]
    NoRoleId,
    #[error("the caller's role id is not among the role's bound_role_ids")]
    RoleId,
}

impl Bindings {
    pub(super) fn is_empty(&self) -> bool {
        self.arn.is_none() && self.arns.is_empty() && self.account_ids.is_empty() && self.role_ids.is_empty()
    }

    /// Whether the caller may log in.
    pub(super) fn check(&self, caller: Caller<'_>) -> Result<(), NotBound> {
        if self.is_empty() {
            return Err(NotBound::Nobody);
        }
        let by_arn = self.arn.iter().any(|arn| arn.covers(caller.arn));
        if !by_arn && !self.arns.iter().any(|pattern| pattern.matches(caller.arn)) {
            if !self.arns.is_empty() {
                return Err(NotBound::ArnPattern);
            }
            if self.arn.is_some() {
                return Err(NotBound::Arn);
            }
        }
        if !self.account_ids.is_empty() && !self.account_ids.contains(caller.arn.account()) {
            return Err(NotBound::Account);
        }
        if !self.role_ids.is_empty() {
            let role_id = caller.role_id.ok_or(NotBound::NoRoleId)?;
            if !self.role_ids.iter().any(|bound| bound.as_str() == role_id) {
                return Err(NotBound::RoleId);
            }
        }
        Ok(())
    }
}

/// The ARN of a RAM role, as the Go plugin stores it. What is stored was checked less than what is written today, so
/// its parts are texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RoleArn {
    #[serde(rename = "AccountNumber")]
    account_number: String,
    #[serde(rename = "Type")]
    kind: u8,
    #[serde(rename = "RoleName")]
    role_name: String,
    #[serde(rename = "RoleAssumerName")]
    role_assumer_name: String,
    #[serde(rename = "Full")]
    full: String,
}

/// The Go plugin's numbers for `role` and `assumed-role`.
const ROLE: u8 = 0;
const ASSUMED_ROLE: u8 = 1;

impl RoleArn {
    /// Reads the ARN of a RAM role.
    pub(super) fn parse(text: &str) -> Result<Self, BindingError> {
        let arn = Arn::parse(text)?;
        match arn.identity() {
            Identity::Role(_) => {}
            // The spelling of AssumeRole's answer, which the Go plugin takes for the role's.
            Identity::AssumedRole { .. } if text.contains(":role/") => {}
            _ => return Err(BindingError::NoRole),
        }
        let session = match arn.identity() {
            Identity::AssumedRole { session, .. } => session.clone(),
            _ => String::new(),
        };
        Ok(Self {
            account_number: arn.account().to_string(),
            kind: ROLE,
            role_name: arn.role_name().unwrap_or_default().to_owned(),
            role_assumer_name: session,
            full: text.to_owned(),
        })
    }

    /// What is stored for a role that has no ARN. The Go plugin needs an object here, and must not let anybody in by it:
    /// it compares callers with ARNs of the other type only.
    fn none() -> Self {
        Self {
            kind: ASSUMED_ROLE,
            ..Self::default()
        }
    }

    /// The ARN as it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.full
    }

    /// The ARN of the role without a session.
    pub(super) fn role(&self) -> String {
        format!("acs:ram::{}:role/{}", self.account_number, self.role_name)
    }

    /// Whether the caller is a session of this role.
    fn covers(&self, caller: &Arn) -> bool {
        let Identity::AssumedRole { role, .. } = caller.identity() else {
            return false;
        };
        self.kind == ROLE
            && self.account_number == caller.account().as_str()
            && same_name(&self.role_name, role)
    }
}

impl Default for RoleArn {
    fn default() -> Self {
        Self {
            account_number: String::new(),
            kind: ROLE,
            role_name: String::new(),
            role_assumer_name: String::new(),
            full: String::new(),
        }
    }
}

/// Reads the stored object; null, and an object that names nothing, are no ARN.
pub(super) fn stored_arn(stored: serde_json::Value) -> Result<Option<RoleArn>, serde_json::Error> {
    let arn: Option<RoleArn> = serde_json::from_value(stored)?;
    Ok(arn.filter(|arn| !arn.full.is_empty() || !arn.account_number.is_empty()))
}

/// Writes the stored object.
pub(super) fn serialize_arn<S: Serializer>(arn: Option<&RoleArn>, serializer: S) -> Result<S::Ok, S::Error> {
    match arn {
        Some(arn) => arn.serialize(serializer),
        None => RoleArn::none().serialize(serializer),
    }
}

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

impl ArnPattern {
    /// Reads `acs:ram::<account>:role/<name>` or `…:user/<name>`, where the name may end in one `*`.
    pub(super) fn parse(text: &str) -> Result<Self, BindingError> {
        let (arn, wildcard) = match text.strip_suffix('*') {
            // With a letter in its place the beginning of a name is a name, and is checked like one.
            Some(beginning) if !beginning.contains('*') => (Arn::parse(&format!("{beginning}x"))?, true),
            None if !text.contains('*') => (Arn::parse(text)?, false),
            _ => return Err(BindingError::Wildcard),
        };
        let (entity, mut name) = match arn.identity() {
            Identity::Role(name) => (Entity::Role, name.clone()),
            Identity::User(name) => (Entity::User, name.clone()),
            _ => return Err(BindingError::NoRoleOrUser),
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

    /// The ARN, unless this stands for many.
    pub(super) fn exact(&self) -> Option<String> {
        (!self.wildcard).then(|| self.to_string())
    }

    fn matches(&self, caller: &Arn) -> bool {
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

/// The id that RAM gave a role, which a role made anew under the same name does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleId(String);

impl RoleId {
    pub(super) fn parse(text: &str) -> Result<Self, BindingError> {
        let fits = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(BindingError::RoleId)
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BindingError {
    #[error(transparent)]
    Arn(#[from] ParseArnError),
    #[error("expected the arn of a role, acs:ram::<account id>:role/<name>")]
    NoRole,
    #[error(
        "expected the arn of a role or a user, acs:ram::<account id>:role/<name> or …:user/<name>; sessions are bound by \
         their role, and whole accounts by bound_account_ids"
    )]
    NoRoleOrUser,
    #[error("a role id has 1 to 32 digits")]
    RoleId,
    #[error("an arn can have one *, as its last character")]
    Wildcard,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arn(text: &str) -> Arn {
        Arn::parse(text).unwrap()
    }

    fn patterns(texts: &[&str]) -> Vec<ArnPattern> {
        texts
            .iter()
            .map(|text| ArnPattern::parse(text).unwrap())
            .collect()
    }

    fn check(bindings: &Bindings, caller: &str, role_id: Option<&str>) -> Result<(), NotBound> {
        bindings.check(Caller {
            arn: &arn(caller),
            role_id,
        })
    }

    const SESSION: &str = "acs:ram::11111:assumed-role/Dev-Role/i-1";
    const USER: &str = "acs:ram::11111:user/alice";
    const ROOT: &str = "acs:ram::11111:root";

    #[test]
    fn an_arn_covers_the_sessions_of_its_role() {
        let bindings = Bindings {
            arn: Some(RoleArn::parse("acs:ram::11111:role/dev-role").unwrap()),
            ..Bindings::default()
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
            let bindings = Bindings {
                arns: patterns(&[pattern]),
                ..Bindings::default()
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
        let role_id = |id: &str| vec![RoleId::parse(id).unwrap()];
        let all = Bindings {
            arn: Some(RoleArn::parse("acs:ram::22222:role/other").unwrap()),
            arns: patterns(&["acs:ram::33333:user/*", "acs:ram::11111:role/dev-*"]),
            account_ids: account("11111"),
            role_ids: role_id("300"),
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

        let accounts = Bindings {
            account_ids: account("11111"),
            ..Bindings::default()
        };
        for caller in [SESSION, USER, ROOT] {
            assert_eq!(check(&accounts, caller, None), Ok(()), "{caller}");
        }
        let role_ids = Bindings {
            role_ids: role_id("300"),
            ..Bindings::default()
        };
        assert_eq!(check(&role_ids, SESSION, Some("300")), Ok(()));
        assert_eq!(check(&role_ids, USER, None), Err(NotBound::NoRoleId));
        assert_eq!(
            check(&Bindings::default(), SESSION, Some("300")),
            Err(NotBound::Nobody)
        );
    }

    #[test]
    fn what_is_no_binding_is_refused() {
        for (text, error) in [
            ("", BindingError::Arn(ParseArnError::Fields)),
            ("*", BindingError::Arn(ParseArnError::Fields)),
            ("acs:ram::*:role/dev", BindingError::Wildcard),
            ("acs:ram::11111:role/*dev", BindingError::Wildcard),
            ("acs:ram::11111:role/a*b*", BindingError::Wildcard),
            ("acs:ram::11111:role/**", BindingError::Wildcard),
            ("acs:ram::11111*", BindingError::Arn(ParseArnError::Fields)),
            ("acs:ram::11111:*", BindingError::Arn(ParseArnError::Resource)),
            ("acs:ram::11111:role*", BindingError::Arn(ParseArnError::Resource)),
            (
                "acs:ram::11111:assumed-role/dev/*",
                BindingError::Arn(ParseArnError::SessionName),
            ),
            ("acs:ram::11111:assumed-role/dev/ab*", BindingError::NoRoleOrUser),
            ("acs:ram::11111:assumed-role/dev/ab", BindingError::NoRoleOrUser),
            ("acs:ram::11111:role/dev/ab", BindingError::NoRoleOrUser),
            ("acs:ram::11111:root", BindingError::NoRoleOrUser),
            ("acs:ram::11111:group/*", BindingError::NoRoleOrUser),
            ("acs:ram::11111:role/", BindingError::Arn(ParseArnError::RoleName)),
            (
                "arn:aws:iam::11111:role/x",
                BindingError::Arn(ParseArnError::Prefix),
            ),
        ] {
            assert_eq!(ArnPattern::parse(text), Err(error), "{text}");
        }
        for text in [
            "acs:ram::11111:user/a",
            ROOT,
            SESSION,
            "acs:sts::11111:assumed-role/a/bb",
        ] {
            assert_eq!(RoleArn::parse(text), Err(BindingError::NoRole), "{text}");
        }
        assert!(RoleArn::parse("acs:ram::11111:role/*").is_err());
        for text in ["", "a", "1 ", "-1", &"1".repeat(33)] {
            assert_eq!(RoleId::parse(text), Err(BindingError::RoleId), "{text}");
        }
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
            let pattern = ArnPattern::parse(&format!("acs:ram::{account}:{kind}/{beginning}*")).unwrap();
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
            let pattern = ArnPattern::parse(&format!("acs:ram::11111:user/{one}")).unwrap();
            let caller = arn(&format!("acs:ram::11111:user/{two}"));
            prop_assert_eq!(pattern.matches(&caller), one.eq_ignore_ascii_case(&two));
        }

        #[test]
        fn the_session_decides_nothing(one in "[a-z@.]{2,9}", two in "[A-Z0-9_-]{2,9}", bound in name(), role in name()) {
            let bindings = Bindings { arns: patterns(&[&format!("acs:ram::11111:role/{bound}*")]), ..Bindings::default() };
            let answer = |session: &str| check(&bindings, &format!("acs:ram::11111:assumed-role/{role}/{session}"), None);
            prop_assert_eq!(answer(&one), answer(&two));
        }

        #[test]
        fn a_pattern_prints_as_it_was_written(text in "acs:ram::[0-9]{5}:(role|user)/[A-Za-z0-9._-]{0,4}\\*?") {
            if let Ok(pattern) = ArnPattern::parse(&text) {
                prop_assert_eq!(pattern.to_string(), text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = (ArnPattern::parse(&text), RoleArn::parse(&text), RoleId::parse(&text));
        }
    }
}
