//! The official hosts of RAM and STS, compiled in.
//!
//! Exact names only, never patterns: under `aliyuncs.com` customers own names too, for instance every object-storage
//! bucket called `sts`.

/// RAM's only host; there are no regional ones.
pub const RAM: &str = "ram.aliyuncs.com";
/// The only host of IMS.
pub const IMS: &str = "ims.aliyuncs.com";

/// STS's global host, which also serves the regions without a host of their own.
pub const STS: &str = "sts.aliyuncs.com";

macro_rules! regions {
    ($($region:literal)*) => {
        /// Regions with a public and a VPC host for STS.
        const STS_REGIONS: &[(&str, &str, &str)] = &[$((
            $region,
            concat!("sts.", $region, ".aliyuncs.com"),
            concat!("sts-vpc.", $region, ".aliyuncs.com"),
        )),*];

        const STS_HOSTS: &[&str] = &[STS, $(concat!("sts.", $region, ".aliyuncs.com")),*];

        // The finance region has a VPC host only; its public traffic goes to the global host.
        const STS_VPC_HOSTS: &[&str] = &[
            "sts-vpc.cn-shenzhen-finance-1.aliyuncs.com",
            $(concat!("sts-vpc.", $region, ".aliyuncs.com")),*
        ];
    };
}

regions! {
    "cn-qingdao" "cn-beijing" "cn-zhangjiakou" "cn-huhehaote" "cn-wulanchabu" "cn-hangzhou" "cn-shanghai"
    "cn-nanjing" "cn-fuzhou" "cn-shenzhen" "cn-heyuan" "cn-guangzhou" "cn-chengdu" "cn-wuhan-lr" "cn-hongkong"
    "ap-northeast-1" "ap-northeast-2" "ap-southeast-1" "ap-southeast-3" "ap-southeast-5" "ap-southeast-7"
    "us-east-1" "us-west-1" "na-south-1" "eu-west-1" "eu-central-1" "me-east-1" "me-central-1"
    "cn-shanghai-finance-1" "cn-beijing-finance-1"
}

/// Every public STS host: the global one and the 30 regional ones.
pub const fn sts_hosts() -> &'static [&'static str] {
    STS_HOSTS
}

/// Every VPC host of STS. They answer only inside the region's private network.
pub const fn sts_vpc_hosts() -> &'static [&'static str] {
    STS_VPC_HOSTS
}

/// The public STS host of a region, if the table has one.
pub(super) fn sts_host_of(region: &str) -> Option<&'static str> {
    STS_REGIONS
        .iter()
        .find(|(label, ..)| *label == region)
        .map(|(_, public, _)| *public)
}

/// The VPC host of STS in a region, if the table has one.
pub(super) fn sts_vpc_host_of(region: &str) -> Option<&'static str> {
    let wanted = |host: &&&str| {
        host.strip_prefix("sts-vpc.")
            .and_then(|h| h.strip_suffix(".aliyuncs.com"))
            == Some(region)
    };
    STS_VPC_HOSTS.iter().find(wanted).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_has_the_official_counts_and_no_double() {
        assert_eq!(STS_REGIONS.len(), 30);
        for hosts in [sts_hosts(), sts_vpc_hosts()] {
            assert_eq!(hosts.len(), 31);
            assert_eq!(hosts.iter().collect::<BTreeSet<_>>().len(), 31);
        }
    }

    #[test]
    fn a_finance_region_has_only_its_vpc_host() {
        assert_eq!(sts_host_of("cn-shenzhen-finance-1"), None);
        assert_eq!(
            sts_vpc_host_of("cn-shenzhen-finance-1"),
            Some("sts-vpc.cn-shenzhen-finance-1.aliyuncs.com")
        );
        assert_eq!(sts_vpc_host_of("cn-hangzhou-finance"), None);
    }
}
