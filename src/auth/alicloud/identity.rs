//! What a login makes of a caller's identity: token metadata and the entity alias.

use std::collections::BTreeMap;

use super::binding::Caller;
use super::config::{MetadataField, RamAlias};
use super::tag::{TagKey, Tags};
use crate::alicloud::CallerIdentity;
use crate::alicloud::arn::Identity;
use crate::framework::{Alias, Error, Excerpt, Status};

/// Keys of the token metadata that a renewal needs. Tokens of the Go plugin have them too.
pub(super) const ARN: &str = "arn";
pub(super) const ROLE_ID: &str = "role_id";
pub(super) const ROLE_NAME: &str = "role_name";

/// STS's words for the kinds of identities.
const ACCOUNT: &str = "Account";
const USER: &str = "RAMUser";
const SESSION: &str = "AssumedRoleUser";

/// Checks STS's answer against itself, as far as the client has not: what kind of identity it is, and whose ids these are.
/// An entity is found by its ids, so that no kind of identity may have those of another.
pub(super) fn check(identity: &CallerIdentity) -> Result<(), Error> {
    let kind = match identity.arn.identity() {
        Identity::Root => ACCOUNT,
        Identity::User(_) => USER,
        Identity::AssumedRole { .. } => SESSION,
        Identity::Role(_) | Identity::Group(_) => {
            return Err(contradiction("its arn is not that of a caller"));
        }
    };
    // A new word for an old kind would be no contradiction.
    let known = [ACCOUNT, USER, SESSION].contains(&identity.identity_type.as_str());
    if known && identity.identity_type != kind {
        return Err(contradiction("its identity type is not that of its arn"));
    }
    let principal = identity.principal_id.as_deref();
    let (role_id, user_id) = (identity.role_id.as_deref(), identity.user_id.as_deref());
    if ![role_id, user_id].into_iter().flatten().all(is_id) {
        return Err(contradiction("an id has characters that no id has"));
    }
    let is_session = matches!(identity.arn.identity(), Identity::AssumedRole { .. });
    if !is_session && role_id.is_some() {
        return Err(contradiction(
            "it has the id of a role and is not a session of one",
        ));
    }
    let Some(principal) = principal else {
        return Ok(());
    };
    match identity.arn.identity() {
        Identity::AssumedRole { .. } => {
            // The session after the colon is not compared: letter case was seen to differ between the parts of an answer.
            let (role, session) = principal.split_once(':').unwrap_or((principal, ""));
            if role_id.is_some_and(|id| id != role) {
                return Err(contradiction("its principal id is not that of its role id"));
            }
            if !is_id(role) || !is_session_name(session) {
                return Err(contradiction("its principal id is not that of a session"));
            }
        }
        _ if !is_id(principal) || user_id.is_some_and(|id| id != principal) => {
            return Err(contradiction("its principal id is not that of its user id"));
        }
        Identity::Root if principal != identity.account_id.as_str() => {
            return Err(contradiction("its principal id is not that of its account"));
        }
        _ => {}
    }
    Ok(())
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether it can be a session's name. SAML has more characters than AssumeRole; those that patterns and paths use are
/// none of them.
fn is_session_name(text: &str) -> bool {
    (2..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic() && !matches!(byte, b'*' | b'/'))
}

fn contradiction(what: &str) -> Error {
    Error::coded(
        Status::BAD_GATEWAY,
        format!("inconsistent response from STS: {what}"),
    )
}

/// An answer that says whose the request was, only not by the id that the configuration wants.
fn lacking(id: &str, by: RamAlias) -> Error {
    Error::coded(
        Status::BAD_GATEWAY,
        format!(
            "STS's answer has no {id}, which ram_alias={by} needs; an operator can set ram_alias=arn or \
             ram_alias=role_arn in the configuration of this mount"
        ),
    )
}

/// What the bindings of a role are compared with.
pub(super) fn caller(identity: &CallerIdentity) -> Caller<'_> {
    Caller {
        arn: &identity.arn,
        role_id: identity.role_id.as_deref(),
    }
}

/// The token metadata, with upstream's keys. What an identity does not have is blank, as upstream has it.
pub(super) fn metadata(identity: &CallerIdentity, role_name: &str) -> BTreeMap<String, String> {
    let optional = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        ("account_id", identity.account_id.to_string()),
        ("user_id", optional(&identity.user_id)),
        (ROLE_ID, optional(&identity.role_id)),
        (ARN, identity.arn.to_string()),
        ("identity_type", identity.identity_type.clone()),
        ("principal_id", optional(&identity.principal_id)),
        ("request_id", identity.request_id.clone()),
        (ROLE_NAME, role_name.to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// Whom the token belongs to, by that part of the identity, and with those parts of it as metadata.
pub(super) fn alias<'a>(
    identity: &CallerIdentity,
    role_name: &str,
    by: RamAlias,
    fields: impl IntoIterator<Item = &'a MetadataField>,
) -> Result<Alias, Error> {
    let is_session = matches!(identity.arn.identity(), Identity::AssumedRole { .. });
    let principal_id = || {
        identity
            .principal_id
            .clone()
            .ok_or_else(|| lacking("PrincipalId", by))
    };
    let name = match by {
        RamAlias::RoleId if is_session => identity.role_id.clone().ok_or_else(|| lacking("RoleId", by))?,
        // With role_id the id of the user or the account, which is as lasting as a role's.
        RamAlias::PrincipalId | RamAlias::RoleId => principal_id()?,
        RamAlias::RoleArn => role_arn(identity),
        RamAlias::Arn => identity.arn.to_string(),
    };
    let metadata = fields.into_iter().filter_map(|field| {
        let value = match field {
            MetadataField::AccountId => identity.account_id.to_string(),
            MetadataField::Arn => identity.arn.to_string(),
            MetadataField::IdentityType => identity.identity_type.clone(),
            MetadataField::PrincipalId => identity.principal_id.clone()?,
            MetadataField::RoleArn => role_arn(identity),
            MetadataField::RoleId => identity.role_id.clone()?,
            MetadataField::RoleName => role_name.to_owned(),
            MetadataField::UserId => identity.user_id.clone()?,
        };
        Some((field.word().to_owned(), value))
    });
    Ok(Alias {
        name,
        metadata: metadata.collect(),
        ..Alias::default()
    })
}

/// Before the key of a tag in the alias metadata, so that no tag takes the place of a part of the identity.
const TAG_PREFIX: &str = "ram_tag_";

/// What the alias metadata has of a RAM role's tags. A tag that the role does not have is left out, and so is a blank one: in
/// a templated policy, nothing in the place of a name may be the beginning of many.
///
/// # Errors
/// A value would be more than one name in the path of a templated policy: HTTP 403.
pub(super) fn tag_metadata<'a>(
    tags: &Tags,
    keys: impl IntoIterator<Item = &'a TagKey>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut metadata = BTreeMap::new();
    for key in keys {
        let Some(value) = tags.get(key.as_str()).filter(|value| !value.is_empty()) else {
            continue;
        };
        if value == "+" || value.contains(['*', '/']) || value.contains(char::is_control) {
            return Err(Error::coded(
                Status::FORBIDDEN,
                format!(
                    "the tag {:?} of the caller's RAM role cannot be metadata: in the path of a templated policy, *, /, a + \
                     alone and control characters would be more than a name",
                    Excerpt(key.as_str())
                ),
            ));
        }
        metadata.insert(format!("{TAG_PREFIX}{key}"), value.clone());
    }
    Ok(metadata)
}

/// The ARN of the role behind a session; of users and accounts their own.
fn role_arn(identity: &CallerIdentity) -> String {
    identity
        .arn
        .to_role()
        .as_ref()
        .unwrap_or(&identity.arn)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alicloud::{AccountId, Arn};

    fn identity(kind: &str, resource: &str, principal_id: &str, role_id: Option<&str>) -> CallerIdentity {
        CallerIdentity {
            account_id: AccountId::parse("12345").unwrap(),
            arn: Arn::parse(&format!("acs:ram::12345:{resource}")).unwrap(),
            identity_type: kind.to_owned(),
            principal_id: Some(principal_id.to_owned()),
            user_id: role_id.is_none().then(|| principal_id.to_owned()),
            role_id: role_id.map(str::to_owned),
            request_id: "R".to_owned(),
        }
    }

    fn session() -> CallerIdentity {
        identity("AssumedRoleUser", "assumed-role/Dev/i-1", "300:i-1", Some("300"))
    }

    fn user() -> CallerIdentity {
        identity("RAMUser", "user/alice", "200", None)
    }

    fn root() -> CallerIdentity {
        identity("Account", "root", "12345", None)
    }

    #[test]
    fn an_alias_is_what_the_configuration_says() {
        for (word, of_session, of_user, of_root) in [
            ("principal_id", "300:i-1", "200", "12345"),
            ("role_id", "300", "200", "12345"),
            (
                "role_arn",
                "acs:ram::12345:role/Dev",
                "acs:ram::12345:user/alice",
                "acs:ram::12345:root",
            ),
            (
                "arn",
                "acs:ram::12345:assumed-role/Dev/i-1",
                "acs:ram::12345:user/alice",
                "acs:ram::12345:root",
            ),
        ] {
            let by = word.parse().unwrap();
            let name = |identity| alias(&identity, "r", by, &[]).unwrap().name;
            assert_eq!(
                (name(session()).as_str(), name(user()).as_str()),
                (of_session, of_user),
                "{word}"
            );
            assert_eq!(name(root()), of_root, "{word}");
        }
        let nameless = CallerIdentity {
            role_id: None,
            ..session()
        };
        assert!(alias(&nameless, "r", RamAlias::RoleId, &[]).is_err());
        // As in STS's samples of 2016.
        let nameless = CallerIdentity {
            principal_id: None,
            ..nameless
        };
        assert!(check(&nameless).is_ok());
        for by in [RamAlias::RoleArn, RamAlias::Arn] {
            assert!(alias(&nameless, "r", by, &[MetadataField::PrincipalId]).is_ok());
        }
        let error = alias(&nameless, "r", RamAlias::PrincipalId, &[]).unwrap_err();
        assert!(
            error
                .message()
                .starts_with("STS's answer has no PrincipalId, which ram_alias=principal_id needs"),
            "{error}"
        );
    }

    #[test]
    fn alias_metadata_has_what_was_chosen_and_is_there() {
        let all = "account_id,arn,identity_type,principal_id,role_arn,role_id,role_name,user_id";
        let fields: Vec<MetadataField> = all.split(',').map(|word| word.parse().unwrap()).collect();
        let metadata = |identity| {
            alias(&identity, "dev", RamAlias::default(), &fields)
                .unwrap()
                .metadata
        };
        let keys = |identity| metadata(identity).into_keys().collect::<Vec<_>>().join(",");
        assert_eq!(
            keys(session()),
            "account_id,arn,identity_type,principal_id,role_arn,role_id,role_name"
        );
        assert_eq!(
            keys(user()),
            "account_id,arn,identity_type,principal_id,role_arn,role_name,user_id"
        );
        assert_eq!(metadata(session())["role_arn"], "acs:ram::12345:role/Dev");
    }

    #[test]
    fn tags_are_metadata_under_names_of_their_own() {
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect()
        };
        let keys: Vec<TagKey> = ["team", "arn", "Team", "none", "blank"]
            .map(|key| key.parse().unwrap())
            .into();
        let has = tags(&[
            ("team", "a+b, c"),
            ("arn", "x"),
            ("blank", ""),
            ("other", "*"),
            ("TEAM", "y"),
        ]);
        assert_eq!(
            tag_metadata(&has, &keys).unwrap(),
            tags(&[("ram_tag_team", "a+b, c"), ("ram_tag_arn", "x")])
        );
        for value in ["*", "a*", "a/b", "/", "+", "a\nb"] {
            let error = tag_metadata(&tags(&[("team", value)]), &keys).unwrap_err();
            assert!(
                error
                    .message()
                    .starts_with("the tag \"team\" of the caller's RAM role"),
                "{error}"
            );
        }
    }

    #[test]
    fn token_metadata_has_upstreams_keys() {
        let metadata = metadata(&session(), "dev");
        let shown: Vec<_> = metadata
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            shown.join(" "),
            "account_id=12345 arn=acs:ram::12345:assumed-role/Dev/i-1 identity_type=AssumedRoleUser \
             principal_id=300:i-1 request_id=R role_id=300 role_name=dev user_id="
        );
    }

    #[test]
    fn an_answer_must_not_contradict_itself() {
        for good in [
            session(),
            user(),
            root(),
            CallerIdentity {
                identity_type: "Later".to_owned(),
                ..user()
            },
            CallerIdentity {
                user_id: None,
                ..user()
            },
            CallerIdentity {
                role_id: None,
                ..session()
            },
            CallerIdentity {
                principal_id: Some("300:alice+dev@example.com=a,b".to_owned()),
                ..session()
            },
        ] {
            assert!(check(&good).is_ok(), "{good:?}");
        }
        for bad in [
            CallerIdentity {
                identity_type: "RAMUser".to_owned(),
                ..session()
            },
            CallerIdentity {
                identity_type: "AssumedRoleUser".to_owned(),
                ..user()
            },
            CallerIdentity {
                principal_id: Some("301:i-1".to_owned()),
                ..session()
            },
            CallerIdentity {
                principal_id: Some("3001:i-1".to_owned()),
                ..session()
            },
            identity("AssumedRoleUser", "role/Dev", "300", Some("300")),
            identity("Group", "group/g", "g", None),
            // A user with the ids of a role, of a session, of another user.
            identity("RAMUser", "user/alice", "200", Some("300")),
            identity("RAMUser", "user/alice", "391:control", None),
            CallerIdentity {
                user_id: None,
                ..identity("RAMUser", "user/alice", "391:control", None)
            },
            CallerIdentity {
                user_id: Some("201".to_owned()),
                ..user()
            },
            identity("Account", "root", "12346", None),
            CallerIdentity {
                role_id: Some("300".to_owned()),
                ..root()
            },
            CallerIdentity {
                principal_id: Some("300".to_owned()),
                ..session()
            },
            CallerIdentity {
                principal_id: Some("300:a\nb".to_owned()),
                ..session()
            },
            CallerIdentity {
                principal_id: Some("300:*".to_owned()),
                ..session()
            },
            CallerIdentity {
                principal_id: Some("3 0:i-1".to_owned()),
                role_id: Some("3 0".to_owned()),
                ..session()
            },
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }
}
