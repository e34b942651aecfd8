//! Takes the URL of a signed request apart, and refuses what two parsers could understand differently.
//!
//! A general URL parser repairs: it strips tabs, turns backslashes, folds hosts of other scripts and resolves dots. Here
//! everything that would need repair is refused, so that the host which is checked is the one that was meant.

use super::query::Query;
use super::{FIELD_LIMIT, Refusal, Rules, encoded};
use crate::alicloud::Endpoint;
use crate::alicloud::hosts::{sts_hosts, sts_vpc_hosts};

const FIELD: &str = "identity_request_url";

/// The host, one of the list, and the decoded parameters.
pub(super) fn parse(field: &str, rules: &Rules<'_>) -> Result<(Endpoint, Query), Refusal> {
    if field.is_empty() {
        return Err(Refusal::MissingField(FIELD));
    }
    parse_text(&encoded::decode(FIELD, field)?, rules)
}

/// As [`parse`], after base64.
pub(super) fn parse_text(url: &str, rules: &Rules<'_>) -> Result<(Endpoint, Query), Refusal> {
    if url.len() > FIELD_LIMIT {
        return Err(Refusal::FieldTooLong(FIELD));
    }
    // Not even a space: parsers strip it at the ends. A backslash is a slash to some.
    if !url.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Err(Refusal::UrlCharacter);
    }
    let rest = url.strip_prefix("https://").ok_or(Refusal::Scheme)?;
    if rest.contains('#') {
        return Err(Refusal::Fragment);
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = place.strip_suffix('/').unwrap_or(place);
    if authority.contains('/') {
        return Err(Refusal::Path);
    }
    if authority.contains('@') {
        return Err(Refusal::UserInfo);
    }
    Ok((listed(authority, rules)?, Query::parse(query)?))
}

/// The endpoint that the authority names, if it is exactly one of the list.
fn listed(authority: &str, rules: &Rules<'_>) -> Result<Endpoint, Refusal> {
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
    if sts_hosts().contains(&plain.host()) || rules.extra_hosts.contains(&plain) {
        return Ok(plain);
    }
    match sts_vpc_hosts().contains(&plain.host()) {
        true if rules.allow_vpc_endpoints => Ok(plain),
        true => Err(Refusal::VpcHost(plain.host().to_owned())),
        false => Err(Refusal::HostNotListed(plain.host().to_owned())),
    }
}
