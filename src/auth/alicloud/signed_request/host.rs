//! Which hosts are STS.

use super::official_host::OfficialHost;
use super::refusal::Refusal;
use super::rules::Rules;
use crate::alicloud::hosts::STS;
use crate::cloud::Endpoint;

/// The endpoint that the authority of a URL names, if it is exactly one that the mount accepts.
pub(super) fn accepted(authority: &str, rules: &Rules<'_>) -> Result<Endpoint, Refusal> {
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    // Also refuses addresses, encoded Unicode names and a dot at the end.
    let plain = Endpoint::parse(host).map_err(|_| Refusal::Host)?;
    if let Some(port) = port.filter(|port| *port != "443") {
        // An operator may have listed a port; then it is part of the name, letter by letter.
        let named = format!("{}:{port}", plain.host());
        let mut extra = rules.extra_hosts.iter();
        return extra
            .find(|endpoint| endpoint.to_string() == named)
            .cloned()
            .ok_or(Refusal::Port);
    }
    if rules.extra_hosts.contains(&plain) {
        return Ok(plain);
    }
    let name = || plain.host().to_owned();
    let official = OfficialHost::of(&plain).ok_or_else(|| Refusal::HostNotListed(name()))?;
    if !rules.allowed_hosts.is_empty() && !rules.allowed_hosts.contains(&official) {
        return Err(Refusal::HostNotAllowed(name()));
    }
    if official.is_vpc() && !rules.allow_vpc_endpoints {
        return Err(Refusal::VpcHost(name()));
    }
    Ok(plain)
}

/// Checks that a request which was signed for a region goes to a host of that region or to the central one. V1 does not
/// sign the host, and it is not known whether all regions share their memory of used nonces. A host that an operator
/// added under another name belongs to no region that could be compared.
pub(super) fn check_region(region: &str, endpoint: &Endpoint) -> Result<(), Refusal> {
    let host = endpoint.host();
    match region_of(host) {
        Some(of_host) if host != STS && !region.is_empty() && !of_host.eq_ignore_ascii_case(region) => {
            Err(Refusal::OtherRegion(host.to_owned()))
        }
        _ => Ok(()),
    }
}

/// The region that a host's name has, in the form of Alibaba Cloud's regional hosts of STS.
fn region_of(host: &str) -> Option<&str> {
    let name = host.strip_suffix(".aliyuncs.com")?;
    name.strip_prefix("sts.")
        .or_else(|| name.strip_prefix("sts-vpc."))
}
