//! Region labels, always valid.

use crate::alicloud::hosts;
use crate::cloud::checked_text;

/// Regions without an STS host of their own, which the global one serves.
const WITHOUT_HOST: [&str; 5] = [
    "ap-south-1",
    "ap-southeast-2",
    "ap-southeast-6",
    "cn-hangzhou-finance",
    "cn-north-2-gov-1",
];

checked_text! {
    /// The label of a region, such as `cn-hangzhou`: 1 to 64 of `[a-z0-9-]`, starting and ending with a letter or digit.
    ///
    /// Whether the region exists is not checked: new ones appear, see [`Self::doubt`]. The label is never put into a host name unless the
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

impl Region {
    /// What is odd about a region that this version does not know, for a person who may have meant another one.
    pub fn doubt(&self) -> Option<String> {
        if is_known(&self.0) {
            return None;
        }
        Some(match region_of_zone(&self.0) {
            Some(region) => format!("{self} is a zone, and not a region: write {region}"),
            None => format!(
                "{self} is no region that this version knows; is it spelled correctly? STS is called at its global host, {}",
                hosts::STS
            ),
        })
    }
}

fn is_known(label: &str) -> bool {
    hosts::sts_host_of(label).is_some()
        || hosts::sts_vpc_host_of(label).is_some()
        || WITHOUT_HOST.contains(&label)
}

/// The region of a zone: zones are called `cn-hangzhou-b` or `ap-southeast-1a`.
fn region_of_zone(label: &str) -> Option<&str> {
    let region = label.strip_suffix(|letter: char| letter.is_ascii_lowercase())?;
    let region = region.strip_suffix('-').unwrap_or(region);
    is_known(region).then_some(region)
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

    #[test]
    fn a_region_that_is_not_known_is_doubted() {
        for label in [
            "cn-hangzhou",
            "ap-southeast-1",
            "cn-shenzhen-finance-1",
            "ap-southeast-6",
        ] {
            assert_eq!(Region::parse(label).unwrap().doubt(), None, "{label}");
        }
        for (label, part) in [
            ("cn-hangzhou-b", "is a zone, and not a region: write cn-hangzhou"),
            ("ap-southeast-1a", "write ap-southeast-1"),
            ("us-east-1b", "write us-east-1"),
            ("cn-shanghai-finance-1k", "write cn-shanghai-finance-1"),
            ("cn-wulanchabu-c", "write cn-wulanchabu"),
            ("mars-1", "mars-1 is no region that this version knows"),
            ("cn-hangzou", "is it spelled correctly?"),
            ("cn-hangzhou-1", "is no region"),
            ("hangzhou", "is no region"),
            ("cn-hangzhou-bb", "is no region"),
        ] {
            let doubt = Region::parse(label).unwrap().doubt().unwrap();
            assert!(doubt.contains(part), "{doubt}");
        }
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
