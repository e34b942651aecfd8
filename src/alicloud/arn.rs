//! Names of RAM identities, always valid.

use std::fmt;
use std::str::FromStr;

use crate::cloud::checked_text;

checked_text! {
    /// The number of an account: 5 to 20 decimal digits. Kept as text: 20 digits may not fit into 64 bits.
    pub struct AccountId, |text| {
        let fits = (5..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then_some(()).ok_or(ParseArnError::Account)
    } => ParseArnError;
}

/// The ARN of an identity: an account, a user, a group, a role, or a session of a role.
///
/// `Display` gives back the text that was read, letter by letter. Compare roles with [`Self::is_same_role`]: the letter
/// case of role names differs between answers of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn {
    account: AccountId,
    identity: Identity,
}

/// Whom an ARN names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// The account itself.
    Root,
    /// A RAM user.
    User(String),
    /// A group of users.
    Group(String),
    /// A role.
    Role(String),
    /// A session of a role.
    AssumedRole {
        /// The role.
        role: String,
        /// Chosen by whoever assumed the role: never decide on it.
        session: String,
        /// Which of the three spellings was read.
        spelling: Spelling,
    },
}

/// How a session of a role is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spelling {
    /// `acs:ram::<account>:assumed-role/<role>/<session>`, by GetCallerIdentity.
    AssumedRole,
    /// `acs:ram::<account>:role/<role>/<session>`, by AssumeRole.
    Role,
    /// `acs:sts::<account>:assumed-role/<role>/<session>`, by a sample of the SAML documentation.
    Sts,
}

impl Arn {
    /// Reads an ARN.
    ///
    /// Names are held to the documented characters, and also `_` in roles and groups and `@` in users,
    /// which older documents allow: refusing a name that exists would lock its owner out.
    ///
    /// # Errors
    /// Names the broken rule.
    pub fn parse(text: &str) -> Result<Self, ParseArnError> {
        if text.len() > 512 {
            return Err(ParseArnError::TooLong);
        }
        let fields: Vec<&str> = text.splitn(5, ':').collect();
        let [acs, service, region, account, resource] = fields.as_slice() else {
            return Err(ParseArnError::Fields);
        };
        if *acs != "acs" {
            return Err(ParseArnError::Prefix);
        }
        let sts = match *service {
            "ram" => false,
            "sts" => true,
            _ => return Err(ParseArnError::Service),
        };
        if !region.is_empty() {
            return Err(ParseArnError::Region);
        }
        let account = AccountId::parse(account)?;
        let parts: Vec<&str> = resource.split('/').collect();
        let identity = match (parts.as_slice(), sts) {
            (["assumed-role", role, session], true) => assumed(role, session, Spelling::Sts)?,
            (["assumed-role", role, session], false) => assumed(role, session, Spelling::AssumedRole)?,
            (["role", role, session], false) => assumed(role, session, Spelling::Role)?,
            (_, true) => return Err(ParseArnError::Resource),
            (["root"], false) => Identity::Root,
            (["user", name], false) => Identity::User(named(name, b"._-@", ParseArnError::UserName)?),
            (["group", name], false) => Identity::Group(named(name, b"._-", ParseArnError::GroupName)?),
            (["role", name], false) => Identity::Role(named(name, b"._-", ParseArnError::RoleName)?),
            _ => return Err(ParseArnError::Resource),
        };
        Ok(Self { account, identity })
    }

    /// The ARN of a role of an account.
    ///
    /// # Errors
    /// The name is none for a role.
    pub fn role(account: AccountId, name: &str) -> Result<Self, ParseArnError> {
        Ok(Self {
            account,
            identity: Identity::Role(named(name, b"._-", ParseArnError::RoleName)?),
        })
    }

    /// The account it belongs to.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Whom it names.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The role, of a role or a session of one.
    #[must_use]
    pub fn role_name(&self) -> Option<&str> {
        match &self.identity {
            Identity::Role(role) | Identity::AssumedRole { role, .. } => Some(role),
            _ => None,
        }
    }

    /// The role behind a role or a session of one, as `acs:ram::<account>:role/<role>`.
    #[must_use]
    pub fn to_role(&self) -> Option<Self> {
        let identity = Identity::Role(self.role_name()?.to_owned());
        Some(Self {
            account: self.account.clone(),
            identity,
        })
    }

    /// Whether both name the same role, be it itself or by a session of it: same account, and same role name by
    /// [`same_name`].
    #[must_use]
    pub fn is_same_role(&self, other: &Self) -> bool {
        match (self.role_name(), other.role_name()) {
            (Some(one), Some(two)) => self.account == other.account && same_name(one, two),
            _ => false,
        }
    }
}

/// Whether two names of RAM are the same. Letter case does not matter: ARNs were seen in lower case where the console
/// shows mixed case, and RAM has no two names that differ by case only.
#[must_use]
pub fn same_name(one: &str, two: &str) -> bool {
    one.eq_ignore_ascii_case(two)
}

fn assumed(role: &str, session: &str, spelling: Spelling) -> Result<Identity, ParseArnError> {
    let role = named(role, b"._-", ParseArnError::RoleName)?;
    // Names that STS answers, not names that are asked for: those of SAML and OIDC users have more characters.
    let fits = (2..=64).contains(&session.len()) && session.bytes().all(|b| matches!(b, b' '..=b'~'));
    if !fits {
        return Err(ParseArnError::SessionName);
    }
    let session = session.to_owned();
    Ok(Identity::AssumedRole {
        role,
        session,
        spelling,
    })
}

/// 1 to 64 letters, digits and the given other characters.
fn named(name: &str, other: &[u8], error: ParseArnError) -> Result<String, ParseArnError> {
    let fits = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || other.contains(&b));
    if fits { Ok(name.to_owned()) } else { Err(error) }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = &self.account;
        match &self.identity {
            Identity::Root => write!(f, "acs:ram::{account}:root"),
            Identity::User(name) => write!(f, "acs:ram::{account}:user/{name}"),
            Identity::Group(name) => write!(f, "acs:ram::{account}:group/{name}"),
            Identity::Role(name) => write!(f, "acs:ram::{account}:role/{name}"),
            Identity::AssumedRole {
                role,
                session,
                spelling,
            } => {
                let (service, kind) = match spelling {
                    Spelling::AssumedRole => ("ram", "assumed-role"),
                    Spelling::Role => ("ram", "role"),
                    Spelling::Sts => ("sts", "assumed-role"),
                };
                write!(f, "acs:{service}::{account}:{kind}/{role}/{session}")
            }
        }
    }
}

impl FromStr for Arn {
    type Err = ParseArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The rule that an ARN broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseArnError {
    /// The account is no number of 5 to 20 digits.
    #[error("the account of an arn has 5 to 20 digits")]
    Account,
    /// Not five fields.
    #[error("an arn has five fields between colons: acs:ram::<account>:<resource>")]
    Fields,
    /// A group name with wrong characters or length.
    #[error("a group name has 1 to 64 letters, digits, hyphens, dots and underscores")]
    GroupName,
    /// The first field is not `acs`.
    #[error("an arn starts with acs:")]
    Prefix,
    /// The third field is not empty.
    #[error("the third field of an identity's arn is empty: RAM has no regions")]
    Region,
    /// Not `root`, `user/…`, `group/…`, `role/…` or `assumed-role/…/…`.
    #[error(
        "the resource of an identity's arn is root, user/<name>, group/<name>, role/<name> or assumed-role/<role>/<session>"
    )]
    Resource,
    /// A role name with wrong characters or length.
    #[error("a role name has 1 to 64 letters, digits, hyphens, dots and underscores")]
    RoleName,
    /// A service other than `ram` and, for sessions, `sts`.
    #[error("the service of an identity's arn is ram")]
    Service,
    /// A session name with wrong characters or length.
    #[error("a session name has 2 to 64 printable ASCII characters without a slash")]
    SessionName,
    /// More than 512 bytes.
    #[error("an arn has at most 512 bytes")]
    TooLong,
    /// A user name with wrong characters or length.
    #[error("a user name has 1 to 64 letters, digits and any of . _ - @")]
    UserName,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_identity_is_read_and_written_back() {
        for text in [
            "acs:ram::1234567890123456:root",
            "acs:ram::1234567890123456:user/vault-token-role.1_x",
            "acs:ram::1234567890123456:group/app-readers",
            "acs:ram::1234567890123456:role/Vault-Role.1",
            "acs:ram::1234567890123456:assumed-role/Vault-Role.1/alice@example.com",
            "acs:ram::1234567890123456:assumed-role/Vault-Role.1/alice+dev=x,y:z@example.com",
            "acs:ram::1234567890123456:role/adminrole/alice",
            "acs:sts::1234567890123456:assumed-role/AdminRole/alice",
        ] {
            let arn = Arn::parse(text).unwrap();
            assert_eq!(arn.to_string(), text);
        }
    }

    #[test]
    fn each_rule_is_named() {
        for (text, error) in [
            ("", ParseArnError::Fields),
            ("acs:ram::12345", ParseArnError::Fields),
            ("arn:ram::12345:root", ParseArnError::Prefix),
            ("acs:ecs::12345:root", ParseArnError::Service),
            ("acs:ram:cn-hangzhou:12345:root", ParseArnError::Region),
            ("acs:ram::1234:root", ParseArnError::Account),
            ("acs:ram::****:root", ParseArnError::Account),
            ("acs:ram::123456789012345678901:root", ParseArnError::Account),
            ("acs:ram::12345:Root", ParseArnError::Resource),
            ("acs:ram::12345:root/", ParseArnError::Resource),
            ("acs:ram::12345:role", ParseArnError::Resource),
            ("acs:ram::12345:role/", ParseArnError::RoleName),
            ("acs:ram::12345:role/*", ParseArnError::RoleName),
            ("acs:ram::12345:role/a:b", ParseArnError::RoleName),
            ("acs:ram::12345:role/a/b/c", ParseArnError::Resource),
            ("acs:ram::12345:role/a/b", ParseArnError::SessionName),
            ("acs:ram::12345:assumed-role/a", ParseArnError::Resource),
            ("acs:ram::12345:assumed-role/a/b\nc", ParseArnError::SessionName),
            ("acs:ram::12345:assumed-role/a/éé", ParseArnError::SessionName),
            ("acs:ram::12345:user/a b", ParseArnError::UserName),
            ("acs:ram::12345:user/a/b", ParseArnError::Resource),
            ("acs:ram::12345:group/é", ParseArnError::GroupName),
            ("acs:sts::12345:role/a", ParseArnError::Resource),
            ("acs:ram::12345:policy/a", ParseArnError::Resource),
        ] {
            assert_eq!(Arn::parse(text), Err(error), "{text}");
        }
        assert_eq!(Arn::parse(&"a".repeat(513)), Err(ParseArnError::TooLong));
    }

    #[test]
    fn a_session_is_of_its_role_whatever_the_letter_case() {
        let role = Arn::parse("acs:ram::12345:role/AdminRole").unwrap();
        let session = Arn::parse("acs:ram::12345:assumed-role/adminrole/bob").unwrap();
        assert!(role.is_same_role(&session));
        assert_eq!(
            session.to_role().unwrap().to_string(),
            "acs:ram::12345:role/adminrole"
        );
        for other in [
            "acs:ram::12346:role/AdminRole",
            "acs:ram::12345:user/AdminRole",
            "acs:ram::12345:root",
        ] {
            assert!(!role.is_same_role(&Arn::parse(other).unwrap()), "{other}");
        }
        let root = Arn::parse("acs:ram::12345:root").unwrap();
        assert!(!root.is_same_role(&root));
    }

    fn name() -> impl Strategy<Value = String> {
        "[A-Za-z0-9._-]{2,64}"
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_back(text in "(acs|arn)?:?(ram|sts)?:?:[0-9*]{0,22}:?(root|user/|role/|assumed-role/)[a-z/:@.]{0,12}") {
            if let Ok(arn) = Arn::parse(&text) {
                prop_assert_eq!(arn.to_string(), text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            let _ = Arn::parse(&text);
        }

        #[test]
        fn every_valid_session_is_read(account in "[0-9]{5,20}", role in name(), session in name()) {
            let arn = Arn::parse(&format!("acs:ram::{account}:assumed-role/{role}/{session}")).unwrap();
            prop_assert_eq!(arn.account().as_str(), account);
            prop_assert_eq!(arn.role_name(), Some(role.as_str()));
        }
    }
}
