//! Regions, and the partitions that they are in.

use std::fmt;
use std::str::FromStr;

use crate::cloud::Endpoint;

/// A region such as `eu-west-1`. The default is the first one, `us-east-1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region(String);

/// IAM in one partition: regions that share accounts and users. Where it is, and which region its calls are signed for,
/// by the endpoint rules that the SDKs come with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Partition {
    /// What the regions of the partition begin with.
    regions: &'static str,
    iam_host: &'static str,
    iam_region: &'static str,
}

/// The partitions beside the commercial one, whose regions have no beginning in common.
const PARTITIONS: [Partition; 7] = [
    partition("cn-", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    partition("us-gov-", "iam.us-gov.amazonaws.com", "us-gov-west-1"),
    partition("us-iso-", "iam.us-iso-east-1.c2s.ic.gov", "us-iso-east-1"),
    partition("us-isob-", "iam.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1"),
    partition(
        "us-isof-",
        "iam.us-isof-south-1.csp.hci.ic.gov",
        "us-isof-south-1",
    ),
    partition("eu-isoe-", "iam.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1"),
    partition("eusc-", "iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
];

const COMMERCIAL: Partition = partition("", "iam.amazonaws.com", "us-east-1");

const fn partition(regions: &'static str, iam_host: &'static str, iam_region: &'static str) -> Partition {
    Partition {
        regions,
        iam_host,
        iam_region,
    }
}

impl Region {
    /// Where IAM is for this region.
    #[must_use]
    pub fn iam_endpoint(&self) -> Endpoint {
        Endpoint::official(self.partition().iam_host)
    }

    /// The region that calls of IAM are signed for, whatever host they are sent to.
    #[must_use]
    pub fn iam_signing_region(&self) -> &'static str {
        self.partition().iam_region
    }

    fn partition(&self) -> &'static Partition {
        let found = PARTITIONS
            .iter()
            .find(|partition| self.0.starts_with(partition.regions));
        found.unwrap_or(&COMMERCIAL)
    }
}

impl Default for Region {
    fn default() -> Self {
        Self(COMMERCIAL.iam_region.to_owned())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Region {
    type Err = ParseRegionError;

    fn from_str(text: &str) -> Result<Self, ParseRegionError> {
        let mut parts = text.split('-');
        let number = parts.next_back().unwrap_or_default();
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
        let words: Vec<_> = parts.collect();
        if text.len() <= 32 && is_number && words.len() >= 2 && words.into_iter().all(is_word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseRegionError)
        }
    }
}

/// A text that is no region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a region is written like us-east-1 or cn-north-1")]
pub struct ParseRegionError;

#[cfg(test)]
mod tests {
    use super::*;

    /// What botocore resolves, one region a line: region, host and signing region of IAM. Made by
    /// `tests/fakeaws/vectors.py`.
    const RESOLVED: &str = include_str!("../../tests/data/aws/iam-endpoints");

    #[test]
    fn iam_is_where_botocore_finds_it() {
        let mut count = 0;
        for line in RESOLVED.lines() {
            let [region, host, signing_region] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let parsed: Region = region.parse().unwrap();
            assert_eq!(parsed.iam_endpoint().to_string(), host, "{region}");
            assert_eq!(parsed.iam_signing_region(), signing_region, "{region}");
            assert_eq!(parsed.to_string(), region);
            count += 1;
        }
        assert!(count > 35, "only {count} regions");
        assert_eq!(Region::default().to_string(), "us-east-1");
    }

    #[test]
    fn what_is_no_region_is_refused() {
        for text in [
            "",
            "us",
            "us-east",
            "us-east-1a",
            "us-1",
            "US-EAST-1",
            "us--east-1",
            "us east-1",
            "us-east-1 ",
            "-east-1",
            "https://iam.amazonaws.com",
            "aaaaaaaaaaaaaaaa-aaaaaaaaaaaaaaaaaaaaa-1",
        ] {
            assert!(text.parse::<Region>().is_err(), "{text}");
        }
    }
}
