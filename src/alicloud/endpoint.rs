//! The official endpoints of RAM and STS.

use crate::alicloud::hosts;
use crate::alicloud::region::Region;
use crate::cloud::Endpoint;

/// RAM: one global host.
pub fn ram() -> Endpoint {
    Endpoint::official(hosts::RAM)
}

/// IMS: one global host.
pub fn ims() -> Endpoint {
    Endpoint::official(hosts::IMS)
}

/// STS near a region: its own host if the official table has one, else the global host.
pub fn sts(region: &Region) -> Endpoint {
    Endpoint::official(hosts::sts_host_of(region.as_str()).unwrap_or(hosts::STS))
}

/// STS inside a region's private network, if the official table has a host for it.
pub fn sts_vpc(region: &Region) -> Option<Endpoint> {
    hosts::sts_vpc_host_of(region.as_str()).map(Endpoint::official)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_region_has_its_own_host_and_others_the_global_one() {
        for (region, host) in [
            ("us-east-1", "sts.us-east-1.aliyuncs.com"),
            ("cn-hangzhou-finance", "sts.aliyuncs.com"),
            ("cn-shenzhen-finance-1", "sts.aliyuncs.com"),
            ("oss-cn-hangzhou", "sts.aliyuncs.com"),
        ] {
            assert_eq!(sts(&Region::parse(region).unwrap()).to_string(), host);
        }
        assert_eq!(ram().to_string(), "ram.aliyuncs.com");
    }

    #[test]
    fn every_official_host_is_an_endpoint() {
        let hosts = hosts::sts_hosts().iter().chain(hosts::sts_vpc_hosts());
        for host in hosts.chain([&hosts::RAM, &hosts::IMS]) {
            assert_eq!(Endpoint::parse(host), Ok(Endpoint::official(host)), "{host}");
        }
    }
}
