//! The hosts of STS that this plugin knows.

use std::fmt;
use std::str::FromStr;

use crate::alicloud::hosts::{sts_hosts, sts_vpc_hosts};
use crate::cloud::Endpoint;

/// An official host of STS, public or of a region's private network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::auth::alicloud) struct OfficialHost(Endpoint);

impl OfficialHost {
    /// The host, if it is official.
    pub(super) fn of(endpoint: &Endpoint) -> Option<Self> {
        let name = endpoint.to_string();
        let official = [sts_hosts(), sts_vpc_hosts()].concat().contains(&name.as_str());
        official.then(|| Self(endpoint.clone()))
    }

    /// Whether it answers only in the private network of its region.
    pub(super) fn is_vpc(&self) -> bool {
        sts_vpc_hosts().contains(&self.0.host())
    }
}

impl FromStr for OfficialHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let endpoint = Endpoint::parse(text).map_err(|error| error.to_string())?;
        Self::of(&endpoint).ok_or_else(|| {
            "this is not an official host of STS; other hosts belong in sts_endpoints".to_owned()
        })
    }
}

impl fmt::Display for OfficialHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
