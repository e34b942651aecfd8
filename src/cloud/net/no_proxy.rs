//! Hosts that are reached without a proxy, as Go's `golang.org/x/net/http/httpproxy` reads the list.

use std::net::IpAddr;

use ipnet::IpNet;

/// The value of `NO_PROXY`: entries separated by commas.
///
/// | entry | matches |
/// |---|---|
/// | `*` | every host, whatever else is in the list |
/// | `example.com` | this name, and all names below it |
/// | `.example.com`, `*.example.com` | the names below it |
/// | `192.0.2.1`, `2001:db8::1` | this address |
/// | `192.0.2.0/24` | the addresses of this network |
///
/// A port behind a name or an address (`example.com:8443`, `[2001:db8::1]:443`) limits the entry to it. Names match names,
/// and addresses match addresses: no name is looked up.
#[derive(Debug, Default)]
pub(super) struct NoProxy(Vec<Entry>);

#[derive(Debug)]
enum Entry {
    All,
    Network(IpNet),
    Address(IpAddr, Option<String>),
    Name {
        /// In lower case, with a dot in front.
        suffix: String,
        /// Whether the name itself matches too.
        itself: bool,
        port: Option<String>,
    },
}

impl NoProxy {
    pub(super) fn parse(list: &str) -> Self {
        Self(list.split(',').filter_map(Entry::parse).collect())
    }

    /// Whether a host, in lower case and without brackets, is in the list.
    pub(super) fn has(&self, host: &str, port: u16) -> bool {
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        self.0.iter().any(|entry| entry.matches(host, address, port))
    }
}

impl Entry {
    /// `None` for what has no host.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        if text == "*" {
            return Some(Self::All);
        }
        if let Ok(network) = text.parse() {
            return Some(Self::Network(network));
        }
        let (host, port) = match split_port(&text) {
            Some((host, port)) => (host, Some(port.to_owned()).filter(|port| !port.is_empty())),
            None => (text.as_str(), None),
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical(), port));
        }
        let host = match host.strip_prefix('*') {
            Some(below) if below.starts_with('.') => below,
            _ => host,
        };
        let itself = !host.starts_with('.');
        let suffix = if itself {
            format!(".{host}")
        } else {
            host.to_owned()
        };
        (!host.is_empty()).then_some(Self::Name { suffix, itself, port })
    }

    fn matches(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        let fits = |wanted: &Option<String>| wanted.as_ref().is_none_or(|wanted| *wanted == port.to_string());
        match (self, address) {
            (Self::All, _) => true,
            (Self::Network(network), Some(address)) => network.contains(&address),
            (Self::Address(entry, wanted), Some(address)) => *entry == address && fits(wanted),
            (Self::Name { suffix, itself, port }, None) => {
                let is_it = *itself && suffix.strip_prefix('.') == Some(host);
                (is_it || host.ends_with(suffix)) && fits(port)
            }
            _ => false,
        }
    }
}

/// `host:port` or `[host]:port`, without the brackets. `None` without a port, or with more than one colon.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    if let Some(inner) = host.strip_prefix('[') {
        return Some((inner.strip_suffix(']')?, port));
    }
    (!host.contains([':', '[', ']'])).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_match_addresses_and_networks() {
        for (list, host, port, direct) in [
            ("192.0.2.0/24", "192.0.2.7", 443, true),
            ("192.0.2.9/24", "192.0.2.7", 443, true),
            ("192.0.2.0/24", "192.0.3.7", 443, false),
            ("192.0.2.0/24", "::ffff:192.0.2.7", 443, true),
            ("192.0.2.7", "192.0.2.7", 443, true),
            ("192.0.2.7:443", "192.0.2.7", 443, true),
            ("192.0.2.7:8443", "192.0.2.7", 443, false),
            ("192.0.2", "192.0.2.7", 443, false),
            ("2001:db8::/32", "2001:db8::1", 443, true),
            ("2001:DB8::1", "2001:db8::1", 443, true),
            ("[2001:db8::1]:443", "2001:db8::1", 443, true),
            ("[2001:db8::1]:80", "2001:db8::1", 443, false),
            // As in Go: brackets are for a port only.
            ("[2001:db8::1]", "2001:db8::1", 443, false),
            ("0.0.0.0/0", "sts.example.com", 443, false),
            ("192.0.2.7.example.com", "192.0.2.7", 443, false),
            ("2.7", "192.0.2.7", 443, false),
        ] {
            assert_eq!(
                NoProxy::parse(list).has(host, port),
                direct,
                "{list} {host}:{port}"
            );
        }
    }
}
