//! The header `Authorization` of a V3 signature.

use http::HeaderValue;

use super::refusal::Refusal;
use super::v1::is_key_id;

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// Who signed, and which headers the signature covers.
pub(super) struct Authorization<'a> {
    pub(super) access_key_id: &'a str,
    /// Lower case, sorted, each once.
    pub(super) signed_headers: Vec<&'a str>,
    pub(super) signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads the three fields, in any order and with spaces after the commas, as some SDKs write them.
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        let fields = text
            .strip_prefix(ALGORITHM)
            .and_then(|rest| rest.strip_prefix(' '));
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for field in fields.ok_or(Refusal::Algorithm)?.split(',') {
            let (name, value) = field
                .trim_start_matches(' ')
                .split_once('=')
                .ok_or(Refusal::Authorization)?;
            let field = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed,
                "Signature" => &mut signature,
                _ => return Err(Refusal::Authorization),
            };
            if field.replace(value).is_some() {
                return Err(Refusal::Authorization);
            }
        }
        let (Some(access_key_id), Some(signed), Some(signature)) = (credential, signed, signature) else {
            return Err(Refusal::Authorization);
        };
        let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if !is_key_id(access_key_id) || signature.len() != 64 || !signature.bytes().all(is_hex) {
            return Err(Refusal::Authorization);
        }
        let signed_headers: Vec<_> = signed.split(';').collect();
        let in_name = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'-' | b'_');
        let named = signed_headers
            .iter()
            .all(|name| !name.is_empty() && name.bytes().all(in_name));
        if !named || !signed_headers.iter().is_sorted_by(|a, b| a < b) {
            return Err(Refusal::SignedHeaders);
        }
        Ok(Self {
            access_key_id,
            signed_headers,
            signature,
        })
    }

    /// Whether the signature covers this header.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.signed_headers.contains(&name)
    }

    /// The header as the SDKs write it.
    pub(super) fn rebuilt(&self) -> Result<HeaderValue, Refusal> {
        let Self {
            access_key_id,
            signature,
            ..
        } = self;
        let signed = self.signed_headers.join(";");
        let text =
            format!("{ALGORITHM} Credential={access_key_id},SignedHeaders={signed},Signature={signature}");
        let mut value = HeaderValue::try_from(text).map_err(|_| Refusal::Authorization)?;
        value.set_sensitive(true);
        Ok(value)
    }
}
