//! The host's certificate, as far as it must be understood: its bytes and its validity period.
//!
//! No X.509 library is linked for two dates: the certificate is trusted by equality, so nothing else of it matters.
//! The walk follows RFC 5280, sections 4.1 and 4.1.2.5.

use rustls::pki_types::{CertificateDer, UnixTime, pem::PemObject};
use time::{Date, Month, PrimitiveDateTime, Time};

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The host's certificate with the period in which it may be used.
#[derive(Clone, Debug)]
pub(super) struct HostCertificate {
    der: CertificateDer<'static>,
    /// Seconds since 1970; both ends belong to the period.
    not_before: i64,
    not_after: i64,
}

/// What is wrong with the certificate that the host handed over.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The bytes are not an X.509 certificate.
    #[error("the content is not an X.509 certificate")]
    Malformed,
    /// There is no complete PEM block of type `CERTIFICATE`.
    #[error("no complete block between BEGIN CERTIFICATE and END CERTIFICATE")]
    Pem,
}

impl HostCertificate {
    /// Takes the first certificate of a PEM text.
    pub(super) fn from_pem(pem: &str) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| CertificateError::Pem)?;
        let (not_before, not_after) = validity(&der).ok_or(CertificateError::Malformed)?;
        Ok(Self {
            der,
            not_before,
            not_after,
        })
    }

    /// The bytes, and both ends of the period: for `tests/fuzz`.
    #[cfg(fuzzing)]
    pub(super) fn parts(&self) -> (&CertificateDer<'static>, i64, i64) {
        (&self.der, self.not_before, self.not_after)
    }

    /// Whether `other` is this very certificate.
    pub(super) fn is(&self, other: &CertificateDer<'_>) -> bool {
        self.der.as_ref() == other.as_ref()
    }

    /// Whether the period of validity has begun at `now`.
    pub(super) fn has_begun(&self, now: UnixTime) -> bool {
        i64::try_from(now.as_secs()).is_ok_and(|now| self.not_before <= now)
    }

    /// Whether the period of validity is over at `now`.
    pub(super) fn has_ended(&self, now: UnixTime) -> bool {
        i64::try_from(now.as_secs()).is_ok_and(|now| now > self.not_after)
    }
}

/// One DER element: its tag, its content and what follows it.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Long form, at most four bytes: no certificate is longer than 4 GiB.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (
                bytes
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte)),
                rest,
            )
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The content of an element that must have the given tag, and what follows it.
fn expect(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    element(input)
        .filter(|found| found.0 == tag)
        .map(|(_, content, rest)| (content, rest))
}

/// Walks to `tbsCertificate.validity`.
fn validity(der: &[u8]) -> Option<(i64, i64)> {
    let (certificate, trailing) = expect(SEQUENCE, der)?;
    if !trailing.is_empty() {
        return None;
    }
    let (tbs, _) = expect(SEQUENCE, certificate)?;
    let tbs = expect(VERSION, tbs).map_or(tbs, |(_, rest)| rest);
    let (_serial, tbs) = expect(INTEGER, tbs)?;
    let (_algorithm, tbs) = expect(SEQUENCE, tbs)?;
    let (_issuer, tbs) = expect(SEQUENCE, tbs)?;
    let (period, _) = expect(SEQUENCE, tbs)?;
    let (tag, not_before, period) = element(period)?;
    let not_before = seconds(tag, not_before)?;
    let (tag, not_after, _) = element(period)?;
    Some((not_before, seconds(tag, not_after)?))
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ` as seconds since 1970.
fn seconds(tag: u8, text: &[u8]) -> Option<i64> {
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0u16, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + u16::from(digit - b'0'))
        })
    };
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    let (digits, b"Z") = rest.split_at_checked(10)? else {
        return None;
    };
    let mut parts = digits
        .chunks(2)
        .map(|pair| number(pair).and_then(|value| u8::try_from(value).ok()));
    let mut part = || parts.next().flatten();
    let month = Month::try_from(part()?).ok()?;
    let date = Date::from_calendar_date(i32::from(year), month, part()?).ok()?;
    let time = Time::from_hms(part()?, part()?, part()?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp())
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PKCS_ECDSA_P521_SHA512, date_time_ymd};

    use super::*;

    /// A certificate as hosts make it (go-plugin `mtls.go`): P-521, a CA, valid past 2050.
    pub(in crate::goplugin) fn host_identity() -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2020, 2, 29);
        params.not_after = date_time_ymd(2056, 12, 31);
        (params.self_signed(&key).unwrap(), key)
    }

    pub(in crate::goplugin) fn host_pem() -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let der = STANDARD.encode(host_identity().0.der());
        format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn both_time_forms_are_read() {
        let certificate = HostCertificate::from_pem(&host_pem()).unwrap();
        assert_eq!(
            certificate.not_before,
            date_time_ymd(2020, 2, 29).unix_timestamp()
        );
        assert_eq!(
            certificate.not_after,
            date_time_ymd(2056, 12, 31).unix_timestamp()
        );
        let begin = u64::try_from(certificate.not_before).unwrap();
        let end = u64::try_from(certificate.not_after).unwrap();
        assert!(!certificate.has_begun(at(begin - 1)) && certificate.has_begun(at(begin)));
        assert!(!certificate.has_ended(at(end)) && certificate.has_ended(at(end + 1)));
    }

    #[test]
    fn times_that_are_none_are_refused() {
        assert_eq!(seconds(UTC_TIME, b"700101000001Z"), Some(1));
        assert_eq!(seconds(GENERALIZED_TIME, b"19700101000001Z"), Some(1));
        assert_eq!(seconds(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        for bad in [
            &b""[..],
            b"7001010000Z",
            b"700101000001",
            b"701301000001Z",
            b"70010100000xZ",
            b"700230000000Z",
        ] {
            assert_eq!(seconds(UTC_TIME, bad), None, "{bad:?}");
        }
        assert_eq!(seconds(SEQUENCE, b"700101000001Z"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_walk_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = validity(&bytes);
        }

        #[test]
        fn a_damaged_certificate_does_not_make_the_walk_panic(at in 0usize..600, byte in any::<u8>()) {
            let mut der = host_identity().0.der().to_vec();
            let at = at % der.len();
            der[at] = byte;
            let _ = validity(&der);
        }
    }
}
