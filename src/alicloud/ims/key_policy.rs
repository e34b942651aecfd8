//! Network policies of access keys: from which addresses a key may be used. They count for keys of users only, and not for
//! those of STS. A key's own policy replaces that of its account.
//!
//! The form of a policy is that of
//! [SetAccessKeyPolicy](https://www.alibabacloud.com/help/en/ram/developer-reference/api-ims-2019-08-15-setaccesskeypolicy), its
//! limits are those of
//! [RAM's guide](https://www.alibabacloud.com/help/en/ram/user-guide/accesskey-network-access-restriction-policy).

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Serialize, Serializer};

use super::Ims;
use crate::cloud::{Error, Parameters, Result};

/// RAM's limit of statements in a policy. One of them at most is for public networks.
const MOST_STATEMENTS: usize = 8;
/// RAM's limit of addresses and CIDR blocks in a statement.
const MOST_NETWORKS: usize = 50;
/// In the place of a VPC: all of them, also those of other accounts.
const ALL_VPCS: &str = "AllowAllVPC";

/// An IPv4 or IPv6 address, or a CIDR block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// Why a text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseNetworkError {
    /// It is none.
    #[error("expected an IP address or a CIDR block, such as 203.0.113.0/24")]
    Form,
    /// It is an address within a network, and which of the two is meant cannot be known.
    #[error("it has bits set that are not of the network: write {0}, or the address without a prefix")]
    HostBits(IpNet),
    /// It is an IPv4 address in the form of IPv6.
    #[error("it is an IPv4 address in the form of IPv6: write it as IPv4")]
    Mapped,
}

impl Network {
    /// Whether every address of its family is within.
    pub fn is_everywhere(self) -> bool {
        self.0.prefix_len() == 0
    }

    /// All addresses of both families.
    fn everything() -> Vec<Self> {
        vec![Self(Ipv4Net::default().into()), Self(Ipv6Net::default().into())]
    }
}

impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> std::result::Result<Self, ParseNetworkError> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => address.into(),
            Err(_) => text.parse::<IpNet>().map_err(|_| ParseNetworkError::Form)?,
        };
        if network.addr() != network.addr().to_canonical() {
            return Err(ParseNetworkError::Mapped);
        }
        if network != network.trunc() {
            return Err(ParseNetworkError::HostBits(network.trunc()));
        }
        Ok(Self(network))
    }
}

/// A single address has no prefix.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            return self.0.addr().fmt(f);
        }
        self.0.fmt(f)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A VPC, or a network within it: `vpc-<id>`, or `vpc-<id>=<network>`. [`ALL_VPCS`] stands for any VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedVpc {
    vpc: String,
    network: Option<Network>,
}

/// Why a text is no VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseVpcError {
    /// It is none.
    #[error("expected vpc-<id>, vpc-<id>=<IP address or CIDR block>, or AllowAllVPC")]
    Form,
    /// What follows the VPC is no network.
    #[error(transparent)]
    Network(#[from] ParseNetworkError),
}

impl AllowedVpc {
    /// Whether every VPC is meant, also those of other accounts.
    pub fn is_any(&self) -> bool {
        self.vpc == ALL_VPCS
    }
}

impl FromStr for AllowedVpc {
    type Err = ParseVpcError;

    fn from_str(text: &str) -> std::result::Result<Self, ParseVpcError> {
        let (vpc, network) = match text.split_once('=') {
            Some((vpc, network)) => (vpc.trim(), Some(network.trim().parse()?)),
            None => (text, None),
        };
        let is_id = vpc.strip_prefix("vpc-").is_some_and(|id| {
            (1..=60).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        if !is_id && vpc != ALL_VPCS {
            return Err(ParseVpcError::Form);
        }
        Ok(Self {
            vpc: vpc.to_owned(),
            network,
        })
    }
}

impl fmt::Display for AllowedVpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.vpc)?;
        match &self.network {
            Some(network) => write!(f, "={network}"),
            None => Ok(()),
        }
    }
}

/// From where a key may be used: nowhere but from what it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyPolicy {
    version: u8,
    status: &'static str,
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "Type")]
enum Statement {
    /// Public networks.
    #[serde(rename = "ClassicWhiteList")]
    Public {
        #[serde(rename = "IPList")]
        networks: Vec<Network>,
    },
    #[serde(rename = "VPCWhiteList")]
    Vpc {
        #[serde(rename = "Value")]
        vpc: String,
        #[serde(rename = "IPList")]
        networks: Vec<Network>,
    },
}

/// Why there is no such policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyPolicyError {
    /// More VPCs than RAM takes.
    #[error("{0} VPCs, but RAM takes {MOST_STATEMENTS} for a key, and one less beside public networks")]
    Vpcs(usize),
    /// More networks than RAM takes.
    #[error(
        "{count} networks for {place}, but RAM takes {MOST_NETWORKS}: put neighbours together into larger CIDR blocks"
    )]
    Networks {
        /// For what they are.
        place: String,
        /// How many they are.
        count: usize,
    },
    /// One entry allows all of a VPC, and another one a part of it.
    #[error("{0} is given with and without a network: leave out one of the two")]
    Both(String),
}

impl KeyPolicy {
    /// A policy that allows these, and nothing else. `None` where it would allow nothing.
    ///
    /// # Errors
    /// A limit of RAM's.
    pub fn new(public: &[Network], vpcs: &[AllowedVpc]) -> std::result::Result<Option<Self>, KeyPolicyError> {
        let mut statements = Vec::new();
        if !public.is_empty() {
            let networks = within_limit("public networks", public.to_vec())?;
            statements.push(Statement::Public { networks });
        }
        let count = vpcs
            .iter()
            .map(|allowed| &allowed.vpc)
            .collect::<HashSet<_>>()
            .len();
        if statements.len() + count > MOST_STATEMENTS {
            return Err(KeyPolicyError::Vpcs(count));
        }
        let mut by_vpc: Vec<(&str, Vec<Option<Network>>)> = Vec::new();
        for AllowedVpc { vpc, network } in vpcs {
            match by_vpc.iter_mut().find(|(known, _)| known == vpc) {
                Some((_, networks)) => networks.push(*network),
                None => by_vpc.push((vpc, vec![*network])),
            }
        }
        for (vpc, networks) in by_vpc {
            let networks = match networks.as_slice() {
                [None] => Network::everything(),
                networks => {
                    let parts: Option<Vec<_>> = networks.iter().copied().collect();
                    within_limit(vpc, parts.ok_or_else(|| KeyPolicyError::Both(vpc.to_owned()))?)?
                }
            };
            let vpc = vpc.to_owned();
            statements.push(Statement::Vpc { vpc, networks });
        }
        Ok((!statements.is_empty()).then_some(Self {
            version: 1,
            status: "Active",
            statements,
        }))
    }
}

fn within_limit(place: &str, networks: Vec<Network>) -> std::result::Result<Vec<Network>, KeyPolicyError> {
    if networks.len() > MOST_NETWORKS {
        return Err(KeyPolicyError::Networks {
            place: place.to_owned(),
            count: networks.len(),
        });
    }
    Ok(networks)
}

impl Ims {
    /// Sets the network policy of a key of the user whose [principal name](Ims::principal_name) this is, in the place of the
    /// one that it may have. It can take minutes until all services follow it.
    ///
    /// # Errors
    /// [`NotFound`](crate::cloud::Kind::NotFound) if there is no such key or user, and every other kind.
    pub async fn set_access_key_policy(
        &self,
        principal: &str,
        key_id: &str,
        policy: &KeyPolicy,
    ) -> Result<()> {
        const OPERATION: &str = "SetAccessKeyPolicy";
        let policy = serde_json::to_string(policy)
            .map_err(|_| Error::unexpected(OPERATION, "the policy cannot be written"))?;
        let parameters = Parameters::new()
            .with("UserPrincipalName", principal)
            .with("UserAccessKeyId", key_id)
            .with("AccessKeyPolicy", policy);
        self.change(OPERATION, parameters).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alicloud::endpoint;
    use crate::cloud::credentials::Credentials;
    use crate::cloud::testing::{Script, Step};

    fn all<T: FromStr>(texts: &[&str]) -> Vec<T> {
        let parsed = texts.iter().map(|text| text.parse().ok());
        parsed.collect::<Option<_>>().expect("each is one")
    }

    fn policy(public: &[&str], vpcs: &[&str]) -> std::result::Result<String, String> {
        let policy = KeyPolicy::new(&all(public), &all(vpcs)).map_err(|error| error.to_string())?;
        Ok(policy.map_or_else(String::new, |policy| serde_json::to_string(&policy).unwrap()))
    }

    #[test]
    fn networks_have_one_form() {
        for (given, printed) in [
            ("203.0.113.1", "203.0.113.1"),
            ("203.0.113.1/32", "203.0.113.1"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
        ] {
            let network: Network = given.parse().unwrap();
            assert_eq!(network.to_string(), printed);
            assert_eq!(printed.parse(), Ok(network));
            assert_eq!(network.is_everywhere(), given.ends_with("/0"), "{given}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_to_write() {
        for (given, text) in [
            ("", "expected an IP address or a CIDR block"),
            ("10.0.0.0/33", "expected an IP address or a CIDR block"),
            ("10.0.0", "expected an IP address or a CIDR block"),
            ("10.0.0.1:443", "expected an IP address or a CIDR block"),
            ("10.0.0.1-10.0.0.9", "expected an IP address or a CIDR block"),
            ("fe80::1%eth0", "expected an IP address or a CIDR block"),
            ("example.com", "expected an IP address or a CIDR block"),
            ("10.1.2.3/8", "write 10.0.0.0/8,"),
            ("2001:db8::1/64", "write 2001:db8::/64,"),
            ("::ffff:10.0.0.1", "write it as IPv4"),
            ("::ffff:10.0.0.0/104", "write it as IPv4"),
        ] {
            let refusal = given.parse::<Network>().unwrap_err().to_string();
            assert!(refusal.contains(text), "{given}: {refusal}");
        }
    }

    #[test]
    fn a_vpc_is_named_alone_or_with_a_network() {
        for text in [
            "vpc-bp1",
            "vpc-bp1=172.16.0.0/16",
            "AllowAllVPC",
            "AllowAllVPC=10.0.0.1",
        ] {
            assert_eq!(text.parse::<AllowedVpc>().unwrap().to_string(), text);
        }
        for (text, refusal) in [
            ("", "expected vpc-<id>"),
            ("vpc-", "expected vpc-<id>"),
            ("bp1", "expected vpc-<id>"),
            ("vpc-BP1", "expected vpc-<id>"),
            ("allowallvpc", "expected vpc-<id>"),
            ("*", "expected vpc-<id>"),
            ("vpc-bp1=", "expected an IP address"),
            ("vpc-bp1=172.16.0.1/16", "write 172.16.0.0/16"),
        ] {
            let refused = text.parse::<AllowedVpc>().unwrap_err().to_string();
            assert!(refused.contains(refusal), "{text}: {refused}");
        }
    }

    #[test]
    fn a_policy_has_one_statement_for_public_networks_and_one_for_each_vpc() {
        assert_eq!(
            policy(
                &["203.0.113.1", "2001:db8::/32"],
                &["vpc-a=172.16.0.0/16", "vpc-b", "vpc-a=10.0.0.1"]
            )
            .unwrap(),
            r#"{"Version":1,"Status":"Active","Statements":[{"Type":"ClassicWhiteList","IPList":["203.0.113.1","2001:db8::/32"]},"#
                .to_owned()
                + r#"{"Type":"VPCWhiteList","Value":"vpc-a","IPList":["172.16.0.0/16","10.0.0.1"]},"#
                + r#"{"Type":"VPCWhiteList","Value":"vpc-b","IPList":["0.0.0.0/0","::/0"]}]}"#
        );
        assert_eq!(policy(&[], &[]).unwrap(), "");
        assert!(!policy(&[], &["vpc-a"]).unwrap().contains("ClassicWhiteList"));
    }

    #[test]
    fn what_ram_does_not_take_is_no_policy() {
        let vpcs: Vec<String> = (0..9).map(|number| format!("vpc-{number}")).collect();
        let vpcs: Vec<&str> = vpcs.iter().map(String::as_str).collect();
        assert!(policy(&[], &vpcs[..8]).is_ok() && policy(&["10.0.0.1"], &vpcs[..7]).is_ok());
        for (public, vpcs) in [(&[][..], &vpcs[..]), (&["10.0.0.1"][..], &vpcs[..8])] {
            assert!(policy(public, vpcs).unwrap_err().contains("RAM takes 8"));
        }
        let many = |of: &str, count: usize| -> Vec<String> {
            (0..count).map(|number| format!("{of}10.0.0.{number}")).collect()
        };
        let of = |public: &[String], vpcs: &[String]| {
            let public: Vec<&str> = public.iter().map(String::as_str).collect();
            let vpcs: Vec<&str> = vpcs.iter().map(String::as_str).collect();
            policy(&public, &vpcs)
        };
        assert!(of(&many("", 50), &many("vpc-a=", 50)).is_ok());
        let public = of(&many("", 51), &[]).unwrap_err();
        assert!(public.starts_with("51 networks for public networks"), "{public}");
        let in_vpc = of(&[], &many("vpc-a=", 51)).unwrap_err();
        assert!(in_vpc.starts_with("51 networks for vpc-a"), "{in_vpc}");
        assert!(
            policy(&[], &["vpc-a", "vpc-a=10.0.0.1"])
                .unwrap_err()
                .contains("with and without")
        );
    }

    #[tokio::test]
    async fn it_is_set_for_a_key_of_a_named_user() {
        let script = Script::new([Step::Answer(200, r#"{"RequestId":"R","AccessKeyId":"LTAI1"}"#)]);
        let ims = Ims::new(
            &script.client(),
            Credentials::new("id", "secret"),
            endpoint::ims(),
        );
        let policy = KeyPolicy::new(&all(&["203.0.113.1"]), &[]).unwrap().unwrap();
        ims.set_access_key_policy("u@alias.onaliyun.com", "LTAI1", &policy)
            .await
            .unwrap();
        let sent = script.sent().remove(0);
        for (name, value) in [
            ("Action", "SetAccessKeyPolicy"),
            ("UserPrincipalName", "u@alias.onaliyun.com"),
            ("UserAccessKeyId", "LTAI1"),
            (
                "AccessKeyPolicy",
                r#"{"Version":1,"Status":"Active","Statements":[{"Type":"ClassicWhiteList","IPList":["203.0.113.1"]}]}"#,
            ),
        ] {
            assert_eq!(sent.value(name), Some(value), "{name}");
        }
    }
}
