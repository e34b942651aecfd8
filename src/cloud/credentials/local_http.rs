//! HTTP without TLS, for services on this machine or beside it.
//!
//! No proxy, no redirect, no retry, no roots: what is asked is asked directly, and nobody is trusted to send the question
//! elsewhere.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use reqwest::ClientBuilder;
use reqwest::dns::{Name, Resolve, Resolving};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};

use crate::cloud::names::{LookupError, SystemNames, socket_addresses};

/// What every client for such a service begins with. Time limits are the caller's to set.
pub(crate) fn builder() -> Result<ClientBuilder, String> {
    // Never used, but reqwest insists on a configuration; without roots it trusts nobody.
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(bare(tls).no_proxy())
}

/// No redirect, no retry; over one connection for each question.
pub(crate) fn bare(tls: ClientConfig) -> ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .dns_resolver(Arc::new(SystemNames::new()))
        .pool_max_idle_per_host(0)
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

/// Finds the local addresses of a name, and no others.
#[derive(Debug)]
pub(crate) struct LocalNames(pub(crate) SystemNames);

impl Resolve for LocalNames {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.0.clone();
        Box::pin(async move {
            let mut found = names.addresses(name.as_str()).await?;
            found.retain(|address| is_local(*address));
            if found.is_empty() {
                return Err(LookupError::NotLocal.into());
            }
            Ok(socket_addresses(found))
        })
    }
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
