//! The host's certificate and its TLS settings, as strict as Go's `crypto/tls`.
//!
//! The plugin's certificate is the only root, and webpki checks what Go checks: chain, name, validity and usage.

use std::{io, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P521_SHA512,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use time::{Duration, OffsetDateTime};

/// Versions a Go host speaks.
pub const TLS_ALL: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
/// The older one alone.
pub const TLS_1_2: &[&SupportedProtocolVersion] = &[&TLS12];
/// The newer one alone.
pub const TLS_1_3: &[&SupportedProtocolVersion] = &[&TLS13];

/// A certificate and a key, which may be made not to fit for an attack.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    /// What go-plugin's `mtls.go` makes: P-521, a CA that is its own leaf, both usages, thirty years.
    pub fn new() -> Self {
        let now = OffsetDateTime::now_utc();
        Self::valid(now - Duration::seconds(30), now + Duration::hours(262_980))
    }

    /// One whose time is over.
    pub fn expired() -> Self {
        let now = OffsetDateTime::now_utc();
        Self::valid(now - Duration::days(2), now - Duration::days(1))
    }

    fn valid(not_before: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params
            .distinguished_name
            .push(DnType::OrganizationName, "HashiCorp");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyAgreement,
            KeyUsagePurpose::KeyCertSign,
        ];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ClientAuth,
            ExtendedKeyUsagePurpose::ServerAuth,
        ];
        (params.not_before, params.not_after) = (not_before, not_after);
        let certificate: Certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().clone(),
            key,
        }
    }

    /// This certificate with a key of somebody else.
    pub fn with_wrong_key(&self) -> Self {
        Self {
            certificate: self.certificate.clone(),
            key: Self::new().key,
        }
    }

    /// The text for `PLUGIN_CLIENT_CERT`.
    pub fn pem(&self) -> String {
        let text = STANDARD.encode(&self.certificate);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    }

    /// Settings of the main connection, where the host is the client.
    pub fn client(
        &self,
        plugin: &CertificateDer<'static>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots(plugin))
            .with_client_cert_resolver(self.resolver());
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }

    /// The same without a certificate of the host.
    pub fn anonymous_client(plugin: &CertificateDer<'static>) -> Arc<ClientConfig> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots(plugin))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }

    /// Settings of brokered connections, where the host is the server. A client certificate is demanded and must be
    /// fit for client authentication; that it is the plugin's own is checked by [`check_peer`].
    pub fn server(
        &self,
        plugin: &CertificateDer<'static>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots(plugin), Arc::clone(&provider));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_cert_resolver(self.resolver());
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }

    /// Does not look whether the key fits, so that the wrong one can be tried.
    fn resolver(&self) -> Arc<SingleCertAndKey> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
        Arc::new(SingleCertAndKey::from(CertifiedKey::new(
            vec![self.certificate.clone()],
            key,
        )))
    }
}

fn roots(plugin: &CertificateDer<'static>) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots
        .add(plugin.clone())
        .expect("the plugin's certificate can be a root");
    Arc::new(roots)
}

/// What is left to check after a handshake: `h2` was selected (grpc-go refuses a peer without it) and the certificate
/// is the very one of the handshake line.
pub fn check_peer(
    plugin: &CertificateDer<'static>,
    certificates: Option<&[CertificateDer<'static>]>,
    alpn: Option<&[u8]>,
) -> io::Result<()> {
    if alpn != Some(b"h2") {
        return Err(io::Error::other(format!(
            "missing selected ALPN property: {alpn:?}"
        )));
    }
    match certificates {
        Some([only]) if only == plugin => Ok(()),
        other => Err(io::Error::other(format!(
            "not the certificate of the handshake: {other:?}"
        ))),
    }
}
