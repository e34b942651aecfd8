//! The types of the settings that are this engine's own. Each prints as it is written.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::alicloud::Arn;
use crate::alicloud::arn::Identity;
use crate::alicloud::credentials::Source;
use crate::framework::Error;

/// The sources that a mount can be held to, in the order of the search.
const SOURCES: [(&str, Source); 5] = [
    ("config", Source::Stored),
    ("environment", Source::Environment),
    ("oidc", Source::Oidc),
    ("uri", Source::Uri),
    ("ecs", Source::Ecs),
];

/// The only source of credentials, in place of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::secrets::alicloud) struct CredentialSource(pub(in crate::secrets::alicloud) Source);

/// The ARN of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::secrets::alicloud) struct RoleArn(pub(in crate::secrets::alicloud) Arn);

impl CredentialSource {
    /// What the setting accepts.
    pub(super) const WORDS: &'static [&'static str] = &["", "config", "environment", "oidc", "uri", "ecs"];
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = SOURCES.iter().find(|(_, source)| *source == self.0);
        f.write_str(known.map_or("", |(word, _)| *word))
    }
}

impl FromStr for CredentialSource {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let known = SOURCES.iter().find(|(known, _)| *known == word);
        known
            .map(|(_, source)| Self(*source))
            .ok_or("a source is one of config, environment, oidc, uri and ecs")
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RoleArn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Arn::parse(text) {
            Ok(arn) if matches!(arn.identity(), Identity::Role(_)) => Ok(Self(arn)),
            Ok(_) => Err("the arn of a role is acs:ram::<account id>:role/<name>".to_owned()),
            Err(rule) => Err(rule.to_string()),
        }
    }
}

/// A quota as it was given: none where it is RAM's own.
pub(super) fn quota(field: &'static str, given: &Value, default: u16) -> Result<Option<u16>, Error> {
    match given.as_i64().and_then(|limit| u16::try_from(limit).ok()) {
        Some(0) => Ok(None),
        Some(limit @ 1..=1000) => Ok((limit != default).then_some(limit)),
        _ => Err(Error::bad_request(format!(
            "{field} must be between 1 and 1000, or 0 for RAM's default of {default}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_one_word_each() {
        for (word, source) in SOURCES {
            assert_eq!(word.parse(), Ok(CredentialSource(source)));
            assert_eq!(CredentialSource(source).to_string(), word);
            assert!(CredentialSource::WORDS.contains(&word));
        }
        assert!("Config".parse::<CredentialSource>().is_err());
    }
}
