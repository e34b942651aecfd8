//! Handshakes with servers of many certificates.

use std::io;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;

use super::*;
use crate::cloud::net::connect_error::ConnectError;
use crate::cloud::net::testing::{Shown, handshake, self_signed};

fn params(name: &str, is_ca: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

/// What comes of a handshake with `sts.test`.
async fn shaken(shown: Shown, trusted: Vec<CertificateDer<'static>>) -> Result<(), String> {
    let client = client_builder(verifier(trusted).unwrap()).unwrap();
    handshake(Arc::new(client.with_no_client_auth()), &shown).await
}

#[tokio::test]
async fn a_certificate_that_is_trusted_itself_is_accepted_also_of_a_ca() {
    for is_ca in [true, false] {
        let own = self_signed(&params("sts.test", is_ca));
        let others = self_signed(&params("other.test", true));
        let trusted = vec![others.0, own.0.clone()];
        assert_eq!(shaken(own, trusted).await, Ok(()), "{is_ca}");
    }
}

#[tokio::test]
async fn one_that_a_trusted_ca_signed_is_accepted() {
    let ca = CertifiedIssuer::self_signed(params("ca.test", true), KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = params("sts.test", false).signed_by(&key, &ca).unwrap();
    let shown = Shown(
        leaf.der().clone(),
        PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    );
    assert_eq!(shaken(shown, vec![ca.der().clone()]).await, Ok(()));
}

#[tokio::test]
async fn name_and_dates_count_and_every_byte_too() {
    let expired = |mut params: CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        params
    };
    let early = |mut params: CertificateParams| {
        params.not_before = date_time_ymd(2990, 1, 1);
        params.not_after = date_time_ymd(2991, 1, 1);
        params
    };
    for (params, text) in [
        (
            params("other.test", true),
            "is for another name: it has other.test",
        ),
        (
            params("other.test", false),
            "is for another name: it has other.test",
        ),
        (
            expired(params("sts.test", true)),
            "has expired (it was valid until 2021-01-01T00:00:00Z)",
        ),
        (
            expired(params("sts.test", false)),
            "has expired (it was valid until 2021-01-01T00:00:00Z)",
        ),
        (
            early(params("sts.test", true)),
            "is not valid yet (it is valid from 2990-01-01T00:00:00Z)",
        ),
    ] {
        let shown = self_signed(&params);
        let trusted = vec![shown.0.clone()];
        let told = shaken(shown, trusted).await.unwrap_err();
        assert!(
            told.starts_with(&format!(": the server's certificate {text}")),
            "{told}"
        );
    }
    // Another certificate of the same names.
    for (is_ca, text) in [
        (true, "is a CA certificate"),
        (false, "is signed by an unknown CA"),
    ] {
        let trusted = vec![self_signed(&params("sts.test", is_ca)).0];
        let told = shaken(self_signed(&params("sts.test", is_ca)), trusted)
            .await
            .unwrap_err();
        assert!(
            told.contains(text) || told.contains("has a wrong signature"),
            "{told}"
        );
    }
}

/// No server of this process would show such a certificate.
#[test]
fn what_openssl_makes_of_old_recipes_is_told_in_words() {
    for (certificate, text) in [
        (
            &include_bytes!("certificates/rsa-1024.pem")[..],
            "a key that is too short: RSA keys must have at least 2048 bits",
        ),
        (
            include_bytes!("certificates/version-1.pem"),
            "is of X.509 version 1",
        ),
    ] {
        let shown = CertificateDer::from_pem_slice(certificate).unwrap();
        let other = self_signed(&params("other.test", true));
        let trusting = verifier(vec![other.0, shown.clone()]).unwrap();
        let name = ServerName::try_from("sts.test").unwrap();
        let checked = trusting.verify_server_cert(&shown, &[], &name, &[], UnixTime::now());
        let error = io::Error::new(io::ErrorKind::InvalidData, checked.unwrap_err());
        let told = ConnectError::of_tls(&error).to_string();
        assert!(told.contains(text), "{told}");
    }
}

#[test]
fn nothing_to_trust_is_an_error() {
    for certificates in [vec![], vec![CertificateDer::from(vec![0; 10])]] {
        assert!(matches!(verifier(certificates), Err(TrustError::NoCertificates)));
    }
}
