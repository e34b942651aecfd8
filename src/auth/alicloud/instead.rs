//! The ARN to write in place of one that cannot be bound as it is written.

use std::fmt;

use crate::alicloud::Arn;

/// What binds the RAM role or RAM user that somebody meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instead {
    /// Whether sessions of the role were named, by a name or by a wildcard.
    session: bool,
    /// The ARN. Its account is a placeholder where the one that was written stands for several.
    arn: String,
    /// Whether only `bound_arns` takes it: it is of a user, or ends in a `*`.
    only_in_bound_arns: bool,
}

impl Instead {
    /// Finds it for a text that is not accepted. `None` if the text does not tell which role or user is meant.
    pub(super) fn of(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.splitn(5, ':').collect();
        let [acs, service, _, account, resource] = fields[..] else {
            return None;
        };
        let is_one_of = |text: &str, words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
        if !is_one_of(acs, &["acs"]) || !is_one_of(service, &["ram", "sts"]) {
            return None;
        }
        let names: Vec<&str> = resource.split('/').collect();
        let (kind, names) = names.split_first()?;
        let of_role = is_one_of(kind, &["role"]);
        let session =
            is_one_of(kind, &["assumed-role", "assumed_role", "assumedrole"]) || of_role && names.len() > 1;
        let (kind, name) = match names {
            _ if session => ("role", role_of_session(names)?),
            [name] if of_role => ("role", *name),
            [name] if is_one_of(kind, &["user"]) => ("user", *name),
            _ => return None,
        };
        let is_any = session && account.chars().all(is_wildcard);
        // Checked with some account where there is none yet.
        let checked = if is_any { "00000" } else { account };
        let (beginning, wildcard) = match name.strip_suffix('*') {
            Some(beginning) => (beginning, "x"),
            None => (name, ""),
        };
        Arn::parse(&format!("acs:ram::{checked}:{kind}/{beginning}{wildcard}")).ok()?;
        let account = if is_any { "<account id>" } else { account };
        let arn = format!("acs:ram::{account}:{kind}/{name}");
        (arn != text).then(|| Self {
            session,
            arn,
            only_in_bound_arns: kind == "user" || !wildcard.is_empty(),
        })
    }

    /// The same, for a caller who wrote `arn`.
    pub(super) fn for_arn(&self) -> String {
        let place = if self.only_in_bound_arns {
            " in bound_arns"
        } else {
            ""
        };
        format!("{self}{place}")
    }
}

impl fmt::Display for Instead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.session {
            "this is a session of a role, and sessions are bound by their role"
        } else {
            "acs, ram, role and user are written in lower case, and the third field is empty"
        })?;
        write!(f, "; write {}", self.arn)
    }
}

/// The role in what follows the kind of a session. RAM has no paths: what is before the role's name is not of it.
fn role_of_session<'a>(names: &[&'a str]) -> Option<&'a str> {
    let is_any = |name: &&str| name.chars().all(is_wildcard);
    let before_session = match names.iter().rposition(|name| !is_any(name)) {
        // The last name is the session's, unless it is the only one.
        Some(last) if last > 0 && last + 1 == names.len() => names.get(..last)?,
        _ => names,
    };
    let role = before_session.iter().rev().find(|name| !is_any(name));
    role.or(names.first()).copied()
}

fn is_wildcard(character: char) -> bool {
    matches!(character, '*' | '?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_answered_with_the_arn_of_its_role() {
        for (text, role) in [
            ("acs:ram::11111:assumed-role/Dev/*", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:assumed-role/Dev/**", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:assumed-role/Dev/*/*", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:assumed-role/Dev/alice", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:assumed-role/Dev/a*", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:assumed-role/Dev/*a*", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:assumed-role/Dev/?", "acs:ram::11111:role/Dev"),
            (
                "acs:ram::11111:assumed-role/Dev/i-????",
                "acs:ram::11111:role/Dev",
            ),
            ("acs:ram::11111:assumed-role/Dev/", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:assumed-role/Dev", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:Assumed-Role/Dev/*", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:ASSUMED-ROLE/Dev/*", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:AssumedRole/Dev/*", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:assumed_role/Dev/*", "acs:ram::11111:role/Dev"),
            ("ACS:RAM::11111:assumed-role/Dev/*", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:assumed-role/Dev-*", "acs:ram::11111:role/Dev-*"),
            ("acs:ram::11111:assumed-role/Dev-*/*", "acs:ram::11111:role/Dev-*"),
            ("acs:ram::11111:assumed-role/*", "acs:ram::11111:role/*"),
            ("acs:ram::11111:assumed-role/*/*", "acs:ram::11111:role/*"),
            ("acs:ram::11111:assumed-role/*/alice", "acs:ram::11111:role/*"),
            ("acs:sts::11111:assumed-role/Dev/*", "acs:ram::11111:role/Dev"),
            (
                "acs:sts:cn-hangzhou:11111:assumed-role/Dev/*",
                "acs:ram::11111:role/Dev",
            ),
            ("acs:ram::11111:role/Dev/alice", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:role/Dev/*", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:Role/Dev/*", "acs:ram::11111:role/Dev"),
            (
                "acs:ram::11111:assumed-role/team/Dev/*",
                "acs:ram::11111:role/Dev",
            ),
            (
                "acs:ram::11111:assumed-role/team/a/Dev/alice",
                "acs:ram::11111:role/Dev",
            ),
            (
                "acs:ram::11111:assumed-role/Dev/*/alice",
                "acs:ram::11111:role/Dev",
            ),
            ("acs:ram::*:assumed-role/Dev/*", "acs:ram::<account id>:role/Dev"),
            ("acs:ram:::assumed-role/Dev/*", "acs:ram::<account id>:role/Dev"),
        ] {
            let instead = Instead::of(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((instead.arn.as_str(), instead.session), (role, true), "{text}");
            let shown = instead.for_arn();
            assert_eq!(shown.ends_with(" in bound_arns"), role.ends_with('*'), "{shown}");
        }
    }

    #[test]
    fn what_is_spelt_otherwise_is_answered_with_the_right_spelling() {
        for (text, arn) in [
            ("acs:ram::11111:Role/Dev", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:ROLE/Dev-*", "acs:ram::11111:role/Dev-*"),
            ("Acs:Ram::11111:role/Dev", "acs:ram::11111:role/Dev"),
            ("acs:sts::11111:role/Dev", "acs:ram::11111:role/Dev"),
            ("acs:ram:cn-hangzhou:11111:role/Dev", "acs:ram::11111:role/Dev"),
            ("acs:ram::11111:User/alice", "acs:ram::11111:user/alice"),
        ] {
            let instead = Instead::of(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((instead.arn.as_str(), instead.session), (arn, false), "{text}");
        }
    }

    #[test]
    fn nothing_is_guessed() {
        for text in [
            "",
            "*",
            "acs:ram::x:assumed-role/Dev/*",
            "acs:ram::11111:assumed-role/D v/*",
            "acs:ram::11111:assumed-role/D*v/*",
            "acs:ram::11111:assumed-role/",
            "acs:ram::11111:assumed-role",
            "acs:ram::11111:assumed-role/?",
            "acs:ram::11111:assumed-role//",
            "acs:ram::11111:user/a/b",
            "acs:ram::11111:group/*",
            "acs:ram::*:role/Dev",
            "acs:ram::11111:role/Dev",
            "acs:ram::11111:user/alice",
            "acs:ecs::11111:role/Dev/*",
            "arn:aws:sts::11111:assumed-role/Dev/*",
        ] {
            assert_eq!(Instead::of(text), None, "{text}");
        }
    }
}
