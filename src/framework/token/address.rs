//! Addresses that tokens are bound to, as HashiCorp's `go-sockaddr` reads and prints them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A network, or a single address with or without a port (which binds nothing).
///
/// `Display` prints it as Go does: the host bits of a network stay, the mask of a single address is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundAddress(Form);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Network(IpNet),
    WithPort(SocketAddr),
    /// What a stored role has and is no network. It counts as a bound that nobody is within.
    Nowhere(String),
}

/// Why a text is no address to bind tokens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an IP address, an IP address with a port, or a CIDR block such as 10.0.0.0/8")]
pub struct AddressError;

impl BoundAddress {
    /// Reads an address as callers write it.
    ///
    /// Go's library takes whatever has a slash and is no network for the path of a Unix socket, so that a mistyped mask
    /// locks everybody out without a word. Here it is refused.
    ///
    /// # Errors
    /// The text is neither an address nor a network.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if let Some((address, prefix)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| AddressError)?;
            return Self::network(address, prefix);
        }
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::single(address));
        }
        if let Some(Ok(address)) = bare.map(str::parse::<Ipv6Addr>) {
            return Ok(Self::single(address.into()));
        }
        let socket: SocketAddr = text.parse().map_err(|_| AddressError)?;
        // A scope is no part of an address that could be compared.
        if text.contains('%') {
            return Err(AddressError);
        }
        let address = socket.ip().to_canonical();
        Ok(match socket.port() {
            0 => Self::single(address),
            port => Self(Form::WithPort(SocketAddr::new(address, port))),
        })
    }

    /// Reads a stored address. What is none is kept as it is, and lets nobody in.
    fn stored(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| Self(Form::Nowhere(text.to_owned())))
    }

    fn network(address: IpAddr, prefix: &str) -> Result<Self, AddressError> {
        let digits = (1..=3).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix: u8 = if digits {
            prefix.parse().map_err(|_| AddressError)?
        } else {
            return Err(AddressError);
        };
        let (address, prefix) = match (address, address.to_canonical()) {
            // `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
            (IpAddr::V6(_), short @ IpAddr::V4(_)) => (short, prefix.checked_sub(96).ok_or(AddressError)?),
            (address, _) => (address, prefix),
        };
        IpNet::new(address, prefix)
            .map(|network| Self(Form::Network(network)))
            .map_err(|_| AddressError)
    }

    fn single(address: IpAddr) -> Self {
        Self(Form::Network(address.to_canonical().into()))
    }

    /// Whether the client's address is within.
    pub fn contains(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        match &self.0 {
            Form::Network(network) => network.contains(&client),
            Form::WithPort(socket) => socket.ip() == client,
            Form::Nowhere(_) => false,
        }
    }
}

/// The address in what the server says of a client: alone, or with a port.
pub(super) fn client(text: &str) -> Option<IpAddr> {
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

impl fmt::Display for BoundAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                write!(f, "{}", network.addr())
            }
            Form::Network(network) => write!(f, "{network}"),
            Form::WithPort(socket) => write!(f, "{socket}"),
            Form::Nowhere(text) => f.write_str(text),
        }
    }
}

/// In storage, what is no address is kept as well.
impl Serialize for BoundAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BoundAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::stored(&text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_print_as_in_go() {
        for (given, printed) in [
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3/32", "10.1.2.3"),
            ("10.1.2.3/8", "10.1.2.3/8"),
            ("10.1.2.3/08", "10.1.2.3/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("1.2.3.4:80", "1.2.3.4:80"),
            ("1.2.3.4:0", "1.2.3.4"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            ("2001:db8::1/128", "2001:db8::1"),
            ("2001:db8::1/64", "2001:db8::1/64"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "[2001:db8::1]:443"),
            ("::/0", "::/0"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ] {
            assert_eq!(
                BoundAddress::parse(given).unwrap().to_string(),
                printed,
                "{given}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for given in [
            "",
            " 10.0.0.1",
            "10.0.0.1 ",
            "localhost",
            "foo",
            "010.1.1.1",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "10.0.0.0/8/8",
            "/var/run/socket",
            "::/129",
            "::ffff:10.0.0.0/64",
            "[::1",
            "[10.0.0.1]",
            "fe80::1%eth0",
            "[fe80::1%1]:80",
            "1.2.3.4:http",
            ":80",
            "1.2.3.4:65536",
            "10.0.0.0/0008",
            "*",
        ] {
            assert_eq!(BoundAddress::parse(given), Err(AddressError), "{given}");
        }
    }

    #[test]
    fn a_client_is_within_or_not() {
        for (bound, client_text, within) in [
            ("10.1.2.3/8", "10.255.0.1", true),
            ("10.1.2.3/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.2.3:80", "10.1.2.3:9999", true),
            ("10.1.2.3:80", "10.1.2.4:80", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "203.0.113.9", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "[2001:db8:1::5]:4711", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("10.0.0.0/8", "::ffff:10.9.9.9", true),
            ("10.0.0.0/31", "10.0.0.1", true),
            ("10.0.0.0/31", "10.0.0.2", false),
        ] {
            let bound = BoundAddress::parse(bound).unwrap();
            assert_eq!(
                bound.contains(client(client_text).unwrap()),
                within,
                "{bound} {client_text}"
            );
        }
        for client_text in ["", "unknown", "fe80::1%eth0", "/run/socket", "@"] {
            assert_eq!(client(client_text), None, "{client_text}");
        }
    }

    #[test]
    fn a_stored_path_of_the_go_plugin_is_kept_and_lets_nobody_in() {
        let stored = BoundAddress::stored("\"10.0.0.0/33\"");
        assert_eq!(stored.to_string(), "\"10.0.0.0/33\"");
        assert!(!stored.contains(client("10.0.0.1").unwrap()));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(text in "[0-9a-f.:/\\[\\]%]{0,24}") {
            if let Ok(address) = BoundAddress::parse(&text) {
                prop_assert_eq!(BoundAddress::parse(&address.to_string()), Ok(address));
            }
        }

        #[test]
        fn a_network_holds_itself(bits: u128, prefix in 0..=128_u8) {
            let address = Ipv6Addr::from_bits(bits);
            let bound = BoundAddress::parse(&format!("{address}/{prefix}"));
            prop_assume!(bound.is_ok());
            prop_assert!(bound.unwrap().contains(address.into()));
        }
    }
}
