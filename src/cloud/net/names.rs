//! How names become addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use async_trait::async_trait;

use crate::cloud::names::{LookupError, SystemNames};

/// Finds the addresses of a host.
#[async_trait]
pub(crate) trait Names: fmt::Debug + Send + Sync {
    /// The addresses of a name or of an address without brackets, with this port.
    ///
    /// # Errors
    /// There is none, or none that may be used.
    async fn find(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, LookupError>;
}

#[async_trait]
impl Names for SystemNames {
    async fn find(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, LookupError> {
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.addresses(host).await?,
        };
        Ok(found
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect())
    }
}

/// Whether an address is of this machine, of a private network, or of 100.64.0.0/10, where providers have services such as
/// instance metadata.
pub(crate) fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_shared(v4),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && (64..128).contains(&second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_is_what_no_router_of_the_internet_knows() {
        for (text, local) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.31.0.1", true),
            ("172.32.0.1", false),
            ("192.168.0.1", true),
            ("169.254.169.254", true),
            ("100.100.100.200", true),
            ("100.128.0.1", false),
            ("8.8.8.8", false),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:8.8.8.8", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_local(text.parse().unwrap()), local, "{text}");
        }
    }
}
