//! Takes the URL of a signed request apart, and refuses what two parsers could understand differently.
//!
//! A general URL parser repairs: it strips tabs, turns backslashes, folds hosts of other scripts and resolves dots. Here
//! everything that would need repair is refused, so that the host which is checked is the one that was meant.

use super::query::Query;
use super::refusal::Refusal;
use super::rules::{FIELD_LIMIT, Rules};
use super::{encoded, host};
use crate::cloud::Endpoint;

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
    let (start, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = start.strip_suffix('/').unwrap_or(start);
    if authority.contains('/') {
        return Err(Refusal::Path);
    }
    if authority.contains('@') {
        return Err(Refusal::UserInfo);
    }
    Ok((host::accepted(authority, rules)?, Query::parse(query)?))
}
