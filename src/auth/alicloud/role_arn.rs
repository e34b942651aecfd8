//! The ARN in `arn`: one RAM role, stored as the Go plugin stores it.

use serde::{Deserialize, Serialize};

use crate::alicloud::arn::{Identity, same_name};
use crate::alicloud::{AccountId, Arn, ParseArnError};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParseRoleArnError {
    #[error(transparent)]
    Arn(#[from] ParseArnError),
    #[error("expected the arn of a role, acs:ram::<account id>:role/<name>")]
    NoRole,
}

impl RoleArn {
    /// Reads the ARN of a RAM role. An ARN whose third field is filled is read as the Go plugin reads it, which takes any
    /// account and name then: existing configurations have such ARNs, as the tests of Terraform's provider do.
    pub(super) fn parse(text: &str) -> Result<Self, ParseRoleArnError> {
        match Arn::parse(text) {
            Ok(arn) => Self::of(&arn, text),
            Err(ParseArnError::Region) => Self::with_third_field(text),
            Err(error) => Err(error.into()),
        }
    }

    fn of(arn: &Arn, text: &str) -> Result<Self, ParseRoleArnError> {
        let session = match arn.identity() {
            Identity::Role(_) => "",
            // The spelling of AssumeRole's answer, which the Go plugin takes for the role's.
            Identity::AssumedRole { session, .. } if text.contains(":role/") => session,
            _ => return Err(ParseRoleArnError::NoRole),
        };
        Ok(Self {
            account_number: arn.account().to_string(),
            kind: ROLE,
            role_name: arn.role_name().unwrap_or_default().to_owned(),
            role_assumer_name: session.to_owned(),
            full: text.to_owned(),
        })
    }

    fn with_third_field(text: &str) -> Result<Self, ParseRoleArnError> {
        let fields: Vec<_> = text.split(':').collect();
        let ["acs", "ram", _, account, resource] = fields.as_slice() else {
            return Err(ParseRoleArnError::NoRole);
        };
        let name = resource.strip_prefix("role/").ok_or(ParseRoleArnError::NoRole)?;
        let (name, session) = name.split_once('/').unwrap_or((name, ""));
        if name.is_empty() || text.contains('*') {
            return Err(ParseArnError::RoleName.into());
        }
        Ok(Self {
            account_number: (*account).to_owned(),
            kind: ROLE,
            role_name: name.to_owned(),
            role_assumer_name: session.to_owned(),
            full: text.to_owned(),
        })
    }

    /// Why no caller can be a session of this role, if none can.
    pub(super) fn matches_nobody(&self) -> Option<ParseArnError> {
        AccountId::parse(&self.account_number)
            .and_then(|account| Arn::role(account, &self.role_name))
            .err()
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
        for text in [
            "acs:ram::11111:user/a",
            "acs:ram::11111:root",
            "acs:ram::11111:assumed-role/Dev-Role/i-1",
            "acs:sts::11111:assumed-role/a/bb",
            "acs:ram:cn-hangzhou:11111:user/a",
            "acs:ram:cn-hangzhou:11111:assumed-role/a/bb",
        ] {
            assert_eq!(RoleArn::parse(text), Err(ParseRoleArnError::NoRole), "{text}");
        }
        for text in [
            "",
            "acs:ram::11111:role/*",
            "acs:ram::x:role/a",
            "acs:ram:cn-hangzhou:11111:role/dev-*",
            "acs:ram:cn-hangzhou:11111:role/",
        ] {
            assert!(
                matches!(RoleArn::parse(text), Err(ParseRoleArnError::Arn(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn the_third_field_is_not_looked_at() {
        let caller = Arn::parse("acs:ram::11111:assumed-role/dev/i-1").unwrap();
        let text = "acs:ram:cn-hangzhou:11111:role/Dev";
        let arn = RoleArn::parse(text).unwrap();
        assert_eq!((arn.as_str(), arn.matches_nobody()), (text, None));
        assert!(arn.covers(&caller));
    }

    #[test]
    fn an_odd_arn_of_the_go_plugin_is_taken_and_matches_nobody() {
        for (text, account, name, why) in [
            (
                "acs:ram:123456:tf:role/-1234567890",
                "tf",
                "-1234567890",
                ParseArnError::Account,
            ),
            (
                "acs:ram:123456:12345:role/a b",
                "12345",
                "a b",
                ParseArnError::RoleName,
            ),
        ] {
            let arn = RoleArn::parse(text).unwrap();
            assert_eq!(arn.matches_nobody(), Some(why), "{text}");
            let stored = serde_json::to_value(&arn).unwrap();
            assert_eq!(
                (&stored["AccountNumber"], &stored["RoleName"], &stored["Full"]),
                (&account.into(), &name.into(), &text.into())
            );
        }
    }
}
