//! What a program may tell a chain beyond what its environment says.

use std::path::Path;

use super::Source;
use crate::alicloud::arn::Arn;
use crate::alicloud::sts::{ExternalId, OidcProviderArn, RoleSessionName};
use crate::cloud::credentials::Credentials;
use crate::cloud::{Endpoint, checked_text};

/// Settings of one chain. The default is the environment alone.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// A key of the program's own. It goes before all other sources.
    pub pair: Option<Credentials>,
    /// The one source to ask, in place of a search. [`Source::AssumeRole`] is not a source to choose: it finds nothing.
    pub source: Option<Source>,
    /// An identity token in place of the environment's.
    pub oidc: Option<OidcToken>,
    /// A role to assume with whatever is found.
    pub role: Option<RoleToAssume>,
    /// Where roles are assumed. Without, `ALIBABA_CLOUD_STS_ENDPOINT` or `ALIBABA_CLOUD_STS_REGION` tells, or the
    /// default region.
    pub sts: Option<Endpoint>,
}

/// An identity token, and the provider that issued it. Both come from the settings or both from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcToken {
    /// The provider.
    pub provider: OidcProviderArn,
    /// The file that holds the token; read at every exchange.
    pub file: TokenFile,
}

/// A role, and what its trust policy may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleToAssume {
    /// The role.
    pub arn: Arn,
    /// Seen in audit trails.
    pub session_name: Option<RoleSessionName>,
    /// What the owner of the role agreed on.
    pub external_id: Option<ExternalId>,
}

checked_text! {
    /// An absolute path. Whether the file is there shows at each exchange.
    pub struct TokenFile, |text| {
        let fits = Path::new(text).is_absolute() && text.len() <= 1024 && !text.contains(char::is_control);
        fits.then_some(()).ok_or(TokenFileError)
    } => TokenFileError;
}

/// A path that is none for a token file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path of a token file is absolute, and has at most 1024 bytes without control characters")]
pub struct TokenFileError;

impl TokenFile {
    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        Path::new(self.as_str())
    }
}

/// Equal settings find the same.
impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let same_pair = match (&self.pair, &other.pair) {
            (Some(one), Some(two)) => one.is_same(two),
            (None, None) => true,
            _ => false,
        };
        same_pair
            && self.source == other.source
            && self.oidc == other.oidc
            && self.role == other.role
            && self.sts == other.sts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_has_an_absolute_path() {
        assert!(TokenFile::parse("/var/run/secrets/tokens/vault").is_ok());
        for text in [
            "",
            "token",
            "./token",
            "/a\nb",
            "/a\0b",
            &format!("/{}", "a".repeat(1024)),
        ] {
            assert_eq!(TokenFile::parse(text), Err(TokenFileError), "{text:?}");
        }
    }

    #[test]
    fn another_secret_is_another_setting() {
        let with = |secret: &str| Settings {
            pair: Some(Credentials::new("id", secret)),
            ..Settings::default()
        };
        assert!(with("one") == with("one"));
        assert!(with("one") != with("two"));
        assert!(with("one") != Settings::default());
    }
}
