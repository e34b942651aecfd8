//! A signature and its time.

use std::fmt;

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::refusal::Refusal;

/// How old a request may be: STS's own window.
const MAXIMUM_AGE: Duration = Duration::minutes(15);

/// How far the signer's clock may be ahead of ours. STS allows 15 minutes; a date in the future only makes a captured
/// request last longer.
const MAXIMUM_AHEAD: Duration = Duration::minutes(5);

/// What proves that a request was signed. No two requests have the same one, for each signs a nonce.
pub(in crate::auth::alicloud) struct Signature {
    value: Zeroizing<String>,
    signed_at: OffsetDateTime,
}

impl Signature {
    /// Checks that the date is written as STS reads it and is near now. `name` is the parameter or header that has it.
    /// The value must be the only spelling of the signature, so that it can be told from others.
    pub(super) fn new(
        value: &str,
        name: &'static str,
        date: &str,
        now: OffsetDateTime,
    ) -> Result<Self, Refusal> {
        // The length and the ends leave only whole seconds in UTC of what RFC 3339 allows.
        let exact = date.len() == 20 && date.ends_with('Z') && date.as_bytes().get(10) == Some(&b'T');
        let signed_at = OffsetDateTime::parse(date, &Rfc3339).ok().filter(|_| exact);
        let signed_at = signed_at.ok_or(Refusal::TimeForm(name))?;
        if now - signed_at > MAXIMUM_AGE {
            return Err(Refusal::TooLate(name));
        }
        if signed_at - now > MAXIMUM_AHEAD {
            return Err(Refusal::TooEarly(name));
        }
        Ok(Self {
            value: Zeroizing::new(value.to_owned()),
            signed_at,
        })
    }

    /// The signature in its only spelling: base64 of 20 bytes, or 64 lower-case hexadecimal digits.
    pub(in crate::auth::alicloud) fn value(&self) -> &str {
        &self.value
    }

    /// After this time the request is too old to be accepted.
    pub(in crate::auth::alicloud) fn good_until(&self) -> OffsetDateTime {
        self.signed_at + MAXIMUM_AGE
    }
}

/// Without the value: it proves an identity until it is used.
impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature")
            .field("signed_at", &self.signed_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Signature {
    /// For tests of what keeps signatures.
    pub(in crate::auth::alicloud) fn of(value: &str, signed_at: OffsetDateTime) -> Self {
        Self {
            value: Zeroizing::new(value.to_owned()),
            signed_at,
        }
    }
}
