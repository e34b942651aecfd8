//! Region labels, always valid.

use crate::cloud::checked_text;

checked_text! {
    /// The label of a region, such as `cn-hangzhou`: 1 to 64 of `[a-z0-9-]`, starting and ending with a letter or digit.
    ///
    /// Whether the region exists is not checked: new ones appear. The label is never put into a host name unless the
    /// official table knows it, see [`sts`](crate::alicloud::endpoint::sts).
    pub struct Region, check => ParseRegionError;
}

fn check(label: &str) -> Result<(), ParseRegionError> {
    if label.is_empty() {
        return Err(ParseRegionError::Empty);
    }
    if label.len() > 64 {
        return Err(ParseRegionError::TooLong);
    }
    if !label
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        return Err(ParseRegionError::Character);
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(ParseRegionError::Hyphen);
    }
    Ok(())
}

impl Default for Region {
    /// `us-east-1`. The Go plugin fixes its STS host to `sts.us-east-1.aliyuncs.com` (upstream's `clients/sts.go`), so
    /// this default keeps firewalls and audit trails of existing installations as they are. Every STS host accepts
    /// the credentials of every region: the choice decides distance, not reach.
    fn default() -> Self {
        Self("us-east-1".to_owned())
    }
}

/// The rule that a region label broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseRegionError {
    /// A character outside `[a-z0-9-]`.
    #[error("a region has only lower-case letters, digits and hyphens")]
    Character,
    /// Nothing.
    #[error("a region must not be empty")]
    Empty,
    /// A hyphen at either end.
    #[error("a region starts and ends with a letter or a digit")]
    Hyphen,
    /// More than 64 characters.
    #[error("a region has at most 64 characters")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_rule_is_named() {
        for (label, error) in [
            ("", ParseRegionError::Empty),
            ("us-east-1.evil", ParseRegionError::Character),
            ("US-EAST-1", ParseRegionError::Character),
            ("us_east", ParseRegionError::Character),
            ("-us", ParseRegionError::Hyphen),
            ("us-", ParseRegionError::Hyphen),
        ] {
            assert_eq!(Region::parse(label), Err(error), "{label}");
        }
        assert_eq!(Region::parse(&"a".repeat(65)), Err(ParseRegionError::TooLong));
        assert_eq!(Region::default().to_string(), "us-east-1");
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_one_dns_label(label in "\\PC{0,70}") {
            if let Ok(region) = Region::parse(&label) {
                prop_assert_eq!(region.as_str(), label.as_str());
                prop_assert!(!label.contains(['.', '/', ':', '@', '%']));
            }
        }
    }
}
