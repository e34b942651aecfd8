//! Which proxy a request goes through: what the environment says, by the rules of Go's `net/http`, which the hosts follow.
//!
//! Two things differ. `ALL_PROXY` counts where the variable of the scheme is not set. And a value that is no address of a
//! proxy is never taken for "no proxy": whatever would go through it fails.

use std::env;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::no_proxy::NoProxy;

/// What each value of a variable may be written like.
const FORMS: &str = "write it as http://host:port, https://host:port or socks5://host:port, with user:password@ before the \
                     host if the proxy requires it; in a user or password write # / ? % and a space as \
                     %23 %2F %3F %25 %20";

/// RFC 1929 has one byte for each length.
const LONGEST_SOCKS_LOGIN: usize = 255;

/// The proxies of an environment.
#[derive(Debug)]
pub(crate) struct Proxies {
    https: Setting,
    http: Setting,
    no: NoProxy,
    /// Whether this machine is reached without a proxy.
    spare_this_machine: bool,
}

type Setting = Option<Result<Proxy, ProxyError>>;

/// A variable that names no proxy. The text has nothing of its value, which may have a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is not the address of a proxy: {rule}; {FORMS}")]
pub(crate) struct ProxyError {
    variable: String,
    rule: &'static str,
}

/// One proxy. `Display` and `Debug` show its address without user and password.
pub(crate) struct Proxy {
    pub(super) protocol: Protocol,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) login: Option<Login>,
}

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Https,
    /// The proxy looks the names up: in Go, `socks5` and `socks5h` are the same.
    Socks5,
}

pub(super) struct Login {
    pub(super) user: Zeroizing<Vec<u8>>,
    pub(super) password: Zeroizing<Vec<u8>>,
}

impl Proxies {
    /// What this process's environment says. A value that is not Unicode is no address.
    pub(crate) fn from_env() -> Self {
        Self::of(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    pub(super) fn of(var: impl Fn(&str) -> Option<String>) -> Self {
        // Blank is absent, and then the other spelling counts.
        let find = |names: &[&str]| {
            names.iter().find_map(|name| {
                let value = Zeroizing::new(var(name)?);
                let value = value.trim();
                (!value.is_empty()).then(|| ((*name).to_owned(), Zeroizing::new(value.to_owned())))
            })
        };
        let all = || find(&["ALL_PROXY", "all_proxy"]);
        let setting = |found: Option<(String, Zeroizing<String>)>| {
            let (variable, value) = found?;
            Some(Proxy::parse(&value).map_err(|rule| ProxyError { variable, rule }))
        };
        let no = find(&["NO_PROXY", "no_proxy"]).map(|(_, list)| NoProxy::parse(&list));
        Self {
            https: setting(find(&["HTTPS_PROXY", "https_proxy"]).or_else(all)),
            http: setting(find(&["HTTP_PROXY", "http_proxy"]).or_else(all)),
            no: no.unwrap_or_default(),
            spare_this_machine: true,
        }
    }

    /// No proxy.
    pub(crate) fn none() -> Self {
        Self::of(|_| None)
    }

    /// One proxy for every request, to whatever host. The name is that of the setting it came from.
    ///
    /// # Errors
    /// It is not the address of a proxy.
    pub(crate) fn one(variable: &str, value: &str) -> Result<Self, ProxyError> {
        let proxy = || {
            Proxy::parse(value.trim()).map_err(|rule| ProxyError {
                variable: variable.to_owned(),
                rule,
            })
        };
        Ok(Self {
            https: Some(Ok(proxy()?)),
            http: Some(Ok(proxy()?)),
            no: NoProxy::default(),
            spare_this_machine: false,
        })
    }

    /// The proxy on the way to a host, which is in lower case and without brackets; `None` means direct.
    ///
    /// # Errors
    /// The variable that counts names no proxy.
    pub(super) fn route(&self, https: bool, host: &str, port: u16) -> Result<Option<&Proxy>, &ProxyError> {
        let Some(setting) = (if https { &self.https } else { &self.http }) else {
            return Ok(None);
        };
        if (self.spare_this_machine && is_this_machine(host)) || self.no.has(host, port) {
            return Ok(None);
        }
        setting.as_ref().map(Some)
    }

    /// The variables that name no proxy, each once.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &ProxyError> {
        let [https, http] = [&self.https, &self.http].map(|setting| setting.as_ref()?.as_ref().err());
        https.into_iter().chain(http.filter(|error| https != Some(error)))
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

impl Proxy {
    /// Reads an address without white space around it. An error is the rule that it breaks.
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with(['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) {
            return Err("it has quotation marks around it");
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("it has a blank, a line break or a control character in it");
        }
        if !text.is_ascii() {
            return Err("it has a character beyond ASCII in it");
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let protocol = match scheme.as_deref() {
            None | Some("http") => Protocol::Http,
            Some("https") => Protocol::Https,
            Some("socks5" | "socks5h") => Protocol::Socks5,
            Some(_) => return Err("its scheme is none of http, https, socks5 and socks5h"),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if path.contains('@') {
            return Err("there is a / ? or # before the @ that ends user and password");
        }
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (host, port) = host_and_port(place)?;
        if scheme.is_none() && port.is_none() && matches!(host, "http" | "https" | "socks5" | "socks5h") {
            return Err("its scheme is not followed by ://");
        }
        let standard = match protocol {
            Protocol::Http => 80,
            Protocol::Https => 443,
            Protocol::Socks5 => 1080,
        };
        let login = login.map(Login::parse).transpose()?;
        let too_long = |login: &Login| login.user.len().max(login.password.len()) > LONGEST_SOCKS_LOGIN;
        if protocol == Protocol::Socks5 && login.as_ref().is_some_and(too_long) {
            return Err("SOCKS5 has at most 255 bytes for a user and for a password");
        }
        Ok(Self {
            protocol,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(standard),
            login,
        })
    }
}

/// The host, without the brackets of an address, and the port if there is one.
fn host_and_port(place: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (address, port) = rest
            .split_once(']')
            .ok_or("a bracket of its host is not closed")?;
        address
            .parse::<Ipv6Addr>()
            .map_err(|_| "what is in brackets is not an IPv6 address")?;
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => "",
            Some(port) => port,
            None => return Err("there is something between the host and the port"),
        };
        (address, port)
    } else if place.parse::<Ipv6Addr>().is_ok() {
        return Err("an IPv6 address is written in brackets");
    } else {
        let (host, port) = place.rsplit_once(':').unwrap_or((place, ""));
        if host.is_empty() {
            return Err("it has no host");
        }
        if !host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        {
            return Err("its host has a character that no host has");
        }
        (host, port)
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    let number = port
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| port.parse().ok());
    match number.flatten() {
        Some(0) | None => Err("its port is not a number from 1 to 65535"),
        number => Ok((host, number)),
    }
}

/// As an authority is written, for a host without brackets.
pub(super) fn host_port(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

impl Login {
    /// Reads `user:password` with percent escapes. An error is the rule that it breaks.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        // The characters that Go takes.
        let known = |b: u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b);
        if !text.bytes().all(known) {
            return Err("its user or password has a character that must be written as % and two digits");
        }
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self {
            user: decoded(user)?,
            password: decoded(password)?,
        })
    }

    /// As the header `Proxy-Authorization` has it.
    pub(super) fn basic(&self) -> HeaderValue {
        let pair = Zeroizing::new([&self.user, &b":"[..], &self.password].concat());
        let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair)));
        // Base64 is always fit for a header.
        let mut value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Basic"));
        value.set_sensitive(true);
        value
    }
}

fn decoded(text: &str) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let well_formed = |escape: &str| {
        let digits = escape.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(well_formed) {
        return Err("a % of its user or password is not followed by two digits");
    }
    Ok(Zeroizing::new(percent_decode_str(text).collect()))
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.protocol {
            Protocol::Http => "",
            Protocol::Https => "https://",
            Protocol::Socks5 => "socks5://",
        })?;
        f.write_str(&host_port(&self.host, self.port))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
