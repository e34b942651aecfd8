//! Base64 in any of the spellings that clients use.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::refusal::Refusal;
use super::rules::FIELD_LIMIT;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Four characters for three bytes, and the line breaks of `base64(1)`.
const ENCODED_LIMIT: usize = FIELD_LIMIT / 3 * 4 + FIELD_LIMIT / 32;

/// Decodes a field to text. Padding may be left out; line breaks are skipped, as Go does, so that what the Go plugin
/// took is taken here.
pub(super) fn decode(field: &'static str, encoded: &str) -> Result<Zeroizing<String>, Refusal> {
    if encoded.len() > ENCODED_LIMIT {
        return Err(Refusal::FieldTooLong(field));
    }
    let joined: Zeroizing<Vec<u8>> =
        Zeroizing::new(encoded.bytes().filter(|b| !matches!(b, b'\r' | b'\n')).collect());
    // A text with characters of both alphabets is in neither.
    let url_safe = joined.iter().any(|b| matches!(b, b'-' | b'_'));
    let engine = if url_safe { &URL_SAFE } else { &STANDARD };
    let mut decoded = Zeroizing::new(Vec::with_capacity(joined.len()));
    engine
        .decode_vec(joined.as_slice(), &mut decoded)
        .map_err(|_| Refusal::Base64 { field })?;
    if decoded.len() > FIELD_LIMIT {
        return Err(Refusal::FieldTooLong(field));
    }
    let text = std::str::from_utf8(&decoded).map_err(|_| Refusal::Base64 { field })?;
    Ok(Zeroizing::new(text.to_owned()))
}
