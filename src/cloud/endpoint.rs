//! Where a call goes: a host name that was checked, and nothing else of a URL.

use std::fmt;
use std::str::FromStr;

/// A host name in lower case with an optional port: no scheme, no user, no path, no address.
///
/// The scheme is always HTTPS and the path `/`. An IP address is refused, for it has no name that a certificate could
/// prove. Port 443 is dropped, so that equal endpoints compare equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    host: String,
    port: Option<u16>,
}

impl Endpoint {
    /// Checks a host name, with `:port` or without, as an operator writes it. Letters are folded to lower case.
    ///
    /// # Errors
    /// Names the broken rule.
    pub fn parse(text: &str) -> Result<Self, ParseEndpointError> {
        if text.contains("://") {
            return Err(ParseEndpointError::Scheme);
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port_number(port)?)),
            None => (text, None),
        };
        check_host(host)?;
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port: port.filter(|port| *port != 443),
        })
    }

    /// A host that a vendor's documents name, in lower case and without a port.
    pub(crate) fn official(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            port: None,
        }
    }

    /// The host name alone, as the TLS certificate must name it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

fn port_number(text: &str) -> Result<u16, ParseEndpointError> {
    // `u16` would also read "+443".
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseEndpointError::Port);
    }
    text.parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or(ParseEndpointError::Port)
}

fn check_host(host: &str) -> Result<(), ParseEndpointError> {
    if host.is_empty() {
        return Err(ParseEndpointError::Empty);
    }
    if host.len() > 253 {
        return Err(ParseEndpointError::TooLong);
    }
    for label in host.split('.') {
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(ParseEndpointError::Character);
        }
        if label.is_empty() || label.len() > 63 || label.starts_with('-') || label.ends_with('-') {
            return Err(ParseEndpointError::Label);
        }
        // An encoded Unicode name: parsers differ about which are well formed, and no service here has one.
        if label
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("xn--"))
        {
            return Err(ParseEndpointError::Label);
        }
    }
    // URL parsers take `1.2`, `0x7f.1` and the like for IPv4 addresses; they go by the last label.
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X") {
        return Err(ParseEndpointError::Address);
    }
    Ok(())
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The rule that an endpoint broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseEndpointError {
    /// An IP address, or what a URL parser takes for one.
    #[error("an endpoint is a host name, not an address")]
    Address,
    /// A character outside letters, digits, `-` and `.`: a path, a user, a percent sign, a letter beyond ASCII.
    #[error("an endpoint is a bare host name of letters, digits, hyphens and dots")]
    Character,
    /// No host.
    #[error("an endpoint must not be empty")]
    Empty,
    /// A part between dots that is empty, over 63 characters, has a hyphen at an end, or is an encoded Unicode name.
    #[error("each part of an endpoint has 1 to 63 characters, no hyphen at either end, and is not an IDN")]
    Label,
    /// A port that is not a number from 1 to 65535.
    #[error("the port of an endpoint is a number from 1 to 65535")]
    Port,
    /// A URL.
    #[error("an endpoint is written without a scheme; HTTPS is always used")]
    Scheme,
    /// More than 253 characters.
    #[error("an endpoint has at most 253 characters")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_rule_is_named() {
        for (text, error) in [
            ("", ParseEndpointError::Empty),
            ("https://sts.aliyuncs.com", ParseEndpointError::Scheme),
            ("sts.aliyuncs.com/", ParseEndpointError::Character),
            ("sts.aliyuncs.com@evil.example", ParseEndpointError::Character),
            ("sts.aliyuncs%2ecom", ParseEndpointError::Character),
            ("sts。aliyuncs.com", ParseEndpointError::Character),
            ("sts.aliyuncs.com.", ParseEndpointError::Label),
            ("sts..com", ParseEndpointError::Label),
            ("-sts.com", ParseEndpointError::Label),
            ("sts.com:", ParseEndpointError::Port),
            ("sts.com:0", ParseEndpointError::Port),
            ("sts.com:+443", ParseEndpointError::Port),
            ("sts.com:65536", ParseEndpointError::Port),
            ("127.0.0.1", ParseEndpointError::Address),
            ("127.1", ParseEndpointError::Address),
            ("0x7f.0x1", ParseEndpointError::Address),
            ("[::1]", ParseEndpointError::Port),
            ("xn--e1afmkfd.example", ParseEndpointError::Label),
        ] {
            assert_eq!(Endpoint::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn the_standard_port_and_letter_case_do_not_matter() {
        assert_eq!(
            Endpoint::parse("STS.aliyuncs.com:443").unwrap(),
            Endpoint::parse("sts.aliyuncs.com").unwrap()
        );
        assert_eq!(
            Endpoint::parse("sts.internal:8443").unwrap().to_string(),
            "sts.internal:8443"
        );
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_the_host_that_a_url_parser_sees(text in "[A-Za-z0-9.:/@%x-]{0,20}") {
            if let Ok(endpoint) = Endpoint::parse(&text) {
                let url = url::Url::parse(&format!("https://{endpoint}/")).unwrap();
                prop_assert_eq!(url.host_str(), Some(endpoint.host()));
                prop_assert_eq!(url.port(), endpoint.port);
                prop_assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint));
            }
        }
    }
}
