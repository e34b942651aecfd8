//! The ARN in `arn`: one RAM role, stored as the Go plugin stores it.

use serde::{Deserialize, Serialize};

use super::instead::Instead;
use crate::alicloud::arn::{Identity, same_name};
use crate::alicloud::{AccountId, Arn, ParseArnError};
use crate::framework::Excerpt;

/// The ARN of a RAM role. The Go plugin checked less than is checked today, so its parts are texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// The Go plugin's numbers for `role`, which is its default, and `assumed-role`.
const ROLE: u8 = 0;
const ASSUMED_ROLE: u8 = 1;

/// Why a text cannot be the ARN of a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParseRoleArnError {
    #[error(transparent)]
    Arn(#[from] ParseArnError),
    #[error("expected the arn of a role, acs:ram::<account id>:role/<name>, and users belong in bound_arns")]
    NoRole,
    #[error("{}", .0.for_arn())]
    WriteInstead(Instead),
}

impl RoleArn {
    /// Reads the ARN of a RAM role as the Go plugin reads it: it looks neither at the third field nor at account and name.
    /// Existing configurations have such ARNs, as the tests of Terraform's provider do; [`Self::warning`] says what is odd.
    pub(super) fn parse(text: &str) -> Result<Self, ParseRoleArnError> {
        let rule = match Arn::parse(text) {
            Err(ParseArnError::TooLong) => return Err(ParseArnError::TooLong.into()),
            Err(rule) => rule.into(),
            Ok(_) => ParseRoleArnError::NoRole,
        };
        Self::read(text).ok_or_else(|| Instead::of(text).map_or(rule, ParseRoleArnError::WriteInstead))
    }

    fn read(text: &str) -> Option<Self> {
        let fields: Vec<_> = text.split(':').collect();
        let ["acs", "ram", _, account, resource] = fields[..] else {
            return None;
        };
        let mut names = resource.strip_prefix("role/")?.split('/');
        Some(Self {
            account_number: account.to_owned(),
            kind: ROLE,
            role_name: names.next().unwrap_or_default().to_owned(),
            role_assumer_name: names.next().unwrap_or_default().to_owned(),
            full: text.to_owned(),
        })
    }

    /// What is odd about the ARN, if anything is.
    pub(super) fn warning(&self) -> Option<String> {
        let shown = Excerpt(&self.full);
        let (account, name) = (&self.account_number, &self.role_name);
        if name.contains('*') {
            return Some(format!(
                "arn: no caller can match {shown}: a * is no wildcard here; bound_arns takes one as the last character"
            ));
        }
        match AccountId::parse(account).and_then(|account| Arn::role(account, name)) {
            Err(rule) => Some(format!(
                "arn: no caller can match {shown}: {rule}; the form is acs:ram::<account id>:role/<name>"
            )),
            Ok(role) if self.full.matches('/').count() > 1 => Some(format!(
                "arn: sessions are bound by their role, so {shown} is the same as {role}"
            )),
            Ok(_) => None,
        }
    }

    /// The ARN as it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.full
    }

    /// Whether the caller is a session of this role.
    pub(super) fn covers(&self, caller: &Arn) -> bool {
        let Identity::AssumedRole { role, .. } = caller.identity() else {
            return false;
        };
        self.kind == ROLE
            && self.account_number == caller.account().as_str()
            && same_name(&self.role_name, role)
    }

    /// What is stored for a role that has no ARN. The Go plugin needs an object here, and must not let anybody in by it:
    /// it compares callers with ARNs of the other type only.
    fn none() -> Self {
        Self {
            kind: ASSUMED_ROLE,
            ..Self::default()
        }
    }
}

/// The stored object: `#[serde(with = "role_arn::stored")]`.
pub(super) mod stored {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::RoleArn;

    /// Writes an object also for a role without an ARN.
    pub(in crate::auth::alicloud) fn serialize<S: Serializer>(
        arn: &Option<RoleArn>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match arn {
            Some(arn) => arn.serialize(serializer),
            None => RoleArn::none().serialize(serializer),
        }
    }

    /// Reads null, and an object that names nothing, as no ARN.
    pub(in crate::auth::alicloud) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<RoleArn>, D::Error> {
        let arn: Option<RoleArn> = Option::deserialize(deserializer)?;
        Ok(arn.filter(|arn| !arn.full.is_empty() || !arn.account_number.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_arn_of_a_role_is_taken() {
        for (text, told) in [
            ("", "an arn has five fields"),
            ("vault-target", "an arn has five fields"),
            ("arn:aws:iam::11111:role/a", "an arn starts with acs:"),
            ("acs:ecs::11111:role/a", "the service of an identity's arn is ram"),
            ("acs:ram::11111:user/a", "users belong in bound_arns"),
            ("acs:ram::11111:root", "expected the arn of a role"),
            ("acs:ram::11111:group/a", "expected the arn of a role"),
            ("acs:ram::11111:role", "the resource of an identity's arn is"),
            (
                "acs:ram:cn-hangzhou:11111:user/a",
                "write acs:ram::11111:user/a in bound_arns",
            ),
            (
                "acs:ram::11111:assumed-role/Dev/i-1",
                "write acs:ram::11111:role/Dev",
            ),
            (
                "acs:ram::11111:assumed-role/Dev/*",
                "write acs:ram::11111:role/Dev",
            ),
            (
                "acs:ram::11111:Assumed-Role/Dev/*",
                "write acs:ram::11111:role/Dev",
            ),
            (
                "acs:ram::11111:assumed-role/team/Dev/*",
                "write acs:ram::11111:role/Dev",
            ),
            (
                "acs:ram::11111:assumed-role/*",
                "write acs:ram::11111:role/* in bound_arns",
            ),
            ("acs:sts::11111:assumed-role/a/bb", "write acs:ram::11111:role/a"),
            (
                "acs:ram:cn-hangzhou:11111:assumed-role/a/bb",
                "write acs:ram::11111:role/a",
            ),
            ("acs:ram::11111:ROLE/Dev", "write acs:ram::11111:role/Dev"),
        ] {
            let error = RoleArn::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        let long = format!("acs:ram::11111:role/{}", "a".repeat(500));
        assert_eq!(RoleArn::parse(&long), Err(ParseArnError::TooLong.into()));
    }

    #[test]
    fn neither_the_third_field_nor_a_session_is_looked_at() {
        let caller = Arn::parse("acs:ram::11111:assumed-role/dev/i-1").unwrap();
        for (text, warning) in [
            ("acs:ram:cn-hangzhou:11111:role/Dev", None),
            (
                "acs:ram::11111:role/Dev/*",
                Some("acs:ram::11111:role/Dev/* is the same as acs:ram::11111:role/Dev"),
            ),
            (
                "acs:ram::11111:role/Dev/alice",
                Some("acs:ram::11111:role/Dev/alice is the same as acs:ram::11111:role/Dev"),
            ),
        ] {
            let arn = RoleArn::parse(text).unwrap();
            let shown = arn.warning();
            assert_eq!(shown.is_some(), warning.is_some(), "{shown:?}");
            assert!(
                shown.unwrap_or_default().ends_with(warning.unwrap_or_default()),
                "{text}"
            );
            assert_eq!(arn.as_str(), text);
            assert!(arn.covers(&caller));
        }
    }

    #[test]
    fn an_odd_arn_of_the_go_plugin_is_taken_and_matches_nobody() {
        for (text, account, name, why) in [
            (
                "acs:ram:123456:tf:role/-1234567890",
                "tf",
                "-1234567890",
                "5 to 20 digits",
            ),
            (
                "acs:ram::tf:role/-1234567890",
                "tf",
                "-1234567890",
                "5 to 20 digits",
            ),
            ("acs:ram::1234:role/dev", "1234", "dev", "5 to 20 digits"),
            ("acs:ram:::role/dev", "", "dev", "5 to 20 digits"),
            ("acs:ram:a:b:role/c/d/e", "b", "c", "5 to 20 digits"),
            ("acs:ram:123456:12345:role/a b", "12345", "a b", "a role name has"),
            ("acs:ram::12345:role/", "12345", "", "a role name has"),
            ("acs:ram::12345:role/dev+1", "12345", "dev+1", "a role name has"),
            (
                "acs:ram::12345:role/d\u{e9}v",
                "12345",
                "d\u{e9}v",
                "a role name has",
            ),
            (
                "acs:ram::12345:role/dev-*",
                "12345",
                "dev-*",
                "bound_arns takes one",
            ),
            ("acs:ram::*:role/*", "*", "*", "bound_arns takes one"),
        ] {
            let arn = RoleArn::parse(text).unwrap();
            let warning = arn.warning().unwrap();
            assert!(warning.starts_with("arn: no caller can match "), "{warning}");
            assert!(warning.contains(why), "{text}: {warning}");
            let stored = serde_json::to_value(&arn).unwrap();
            assert_eq!(
                (&stored["AccountNumber"], &stored["RoleName"], &stored["Full"]),
                (&account.into(), &name.into(), &text.into())
            );
        }
    }
}
