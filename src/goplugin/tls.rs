//! Our certificate, and the TLS settings of both roles.
//!
//! One certificate serves the main connection (we are the server) and the brokered ones (we are the client). It is
//! made afresh at each start and never touches the disk (AutoMTLS, go-plugin `mtls.go`).

use std::sync::Arc;

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::{
    ClientConfig, ServerConfig,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::NoServerSessionStorage,
    version::{TLS12, TLS13},
};

use super::{host_certificate::HostCertificate, pinned::Pinned};

/// The name in both certificates, which each side asks for.
pub(super) const SERVER_NAME: &str = "localhost";

/// grpc-go refuses a peer that does not select this protocol, in both roles.
const ALPN: &[u8] = b"h2";

/// What both TLS roles need.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
}

/// Why TLS could not be prepared.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("cannot set up TLS: {0}")]
    Config(#[from] rustls::Error),
}

impl Tls {
    /// Makes a certificate and settings that trust `host` alone.
    pub(super) fn new(host: HostCertificate) -> Result<Self, TlsError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params()?.self_signed(&key)?.der().clone();
        let chain = vec![certificate.clone()];
        let key = || PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));

        // Named explicitly, because rustls panics when two providers could be the default. Only aws-lc verifies the
        // P-521 signatures of hosts.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pinned = Arc::new(Pinned::new(host, Arc::clone(&provider)));
        let versions = [&TLS13, &TLS12];

        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)?
            .with_client_cert_verifier(Arc::<Pinned>::clone(&pinned))
            .with_single_cert(chain.clone(), key())?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;

        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)?
            .dangerous()
            .with_custom_certificate_verifier(pinned)
            .with_client_auth_cert(chain, key())?;
        client.alpn_protocols = vec![ALPN.to_vec()];
        client.resumption = Resumption::disabled();

        Ok(Self {
            certificate,
            server: Arc::new(server),
            client: Arc::new(client),
        })
    }
}

/// The host checks the name, the period and, on brokered connections, that client authentication is allowed. The
/// period is rcgen's (1975 to 4096): the key lives only as long as the process, so a narrow one would protect nothing
/// and break when the clock steps.
fn params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(vec![SERVER_NAME.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, SERVER_NAME);
    params.is_ca = IsCa::NoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    Ok(params)
}

#[cfg(test)]
pub(super) mod tests {
    use rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
    };
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    use super::*;
    use crate::goplugin::host_certificate::tests::host_identity;

    /// A host: its TLS settings, and ours that trust it.
    pub(in crate::goplugin) struct Pair {
        pub(in crate::goplugin) ours: Tls,
        pub(in crate::goplugin) host: Tls,
    }

    /// The host side is built of the same parts with the roles of the certificates exchanged.
    pub(in crate::goplugin) fn pair() -> Pair {
        let (certificate, key) = host_identity();
        let ours = Tls::new(HostCertificate::from_pem(&pem(certificate.der())).unwrap()).unwrap();
        let host = with_identity(&ours.certificate, certificate.der().clone(), &key);
        Pair { ours, host }
    }

    fn pem(der: &[u8]) -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(der)
        )
    }

    /// A peer that shows `certificate`, signs with `key` and trusts `trusted`.
    fn with_identity(trusted: &[u8], certificate: CertificateDer<'static>, key: &KeyPair) -> Tls {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let trusted = HostCertificate::from_pem(&pem(trusted)).unwrap();
        let pinned = Arc::new(Pinned::new(trusted, Arc::clone(&provider)));
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // `with_single_cert` would notice a key that does not fit; this does not look.
        let signing = aws_lc_rs::sign::any_supported_type(&key).unwrap();
        let identity = rustls::sign::CertifiedKey::new(vec![certificate.clone()], signing);
        let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(identity));
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(Arc::<Pinned>::clone(&pinned))
            .with_cert_resolver(Arc::<rustls::sign::SingleCertAndKey>::clone(&resolver));
        server.alpn_protocols = vec![ALPN.to_vec()];
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(pinned)
            .with_client_cert_resolver(resolver);
        client.alpn_protocols = vec![ALPN.to_vec()];
        Tls {
            certificate,
            server: Arc::new(server),
            client: Arc::new(client),
        }
    }

    /// Runs a handshake and one byte each way: with TLS 1.3 a refusal of the client shows only at its first read.
    async fn talk(server: &Tls, client: &Tls) -> std::io::Result<Option<Vec<u8>>> {
        let (near, far): (DuplexStream, DuplexStream) = tokio::io::duplex(1 << 16);
        let acceptor = TlsAcceptor::from(Arc::clone(&server.server));
        let serving = tokio::spawn(async move {
            let mut stream = acceptor.accept(far).await?;
            stream.write_u8(7).await?;
            stream.flush().await
        });
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        let mut stream = TlsConnector::from(Arc::clone(&client.client))
            .connect(name, near)
            .await?;
        stream.read_u8().await?;
        serving.await.unwrap()?;
        Ok(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
    }

    #[tokio::test]
    async fn host_and_plugin_accept_each_other_in_both_roles() {
        let Pair { ours, host } = pair();
        assert_eq!(talk(&ours, &host).await.unwrap().as_deref(), Some(ALPN));
        assert_eq!(talk(&host, &ours).await.unwrap().as_deref(), Some(ALPN));
    }

    #[tokio::test]
    async fn tls_1_2_is_spoken_too() {
        let Pair { ours, mut host } = pair();
        let old = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned::new(
                HostCertificate::from_pem(&pem(&ours.certificate)).unwrap(),
                Arc::new(aws_lc_rs::default_provider()),
            )))
            .with_client_cert_resolver(Arc::clone(&host.client.client_auth_cert_resolver));
        host.client = Arc::new(old);
        talk(&ours, &host).await.unwrap();
    }

    #[tokio::test]
    async fn another_certificate_is_refused_in_both_roles() {
        let Pair { ours, .. } = pair();
        let (certificate, key) = host_identity();
        let stranger = with_identity(&ours.certificate, certificate.der().clone(), &key);
        talk(&ours, &stranger).await.unwrap_err();
        talk(&stranger, &ours).await.unwrap_err();
    }

    #[tokio::test]
    async fn the_right_certificate_without_its_key_is_refused_in_both_roles() {
        let Pair { ours, host } = pair();
        let (_, other_key) = host_identity();
        let thief = with_identity(&ours.certificate, host.certificate.clone(), &other_key);
        talk(&ours, &thief).await.unwrap_err();
        talk(&thief, &ours).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_client_without_a_certificate_is_refused() {
        let Pair { ours, mut host } = pair();
        let bare = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned::new(
                HostCertificate::from_pem(&pem(&ours.certificate)).unwrap(),
                Arc::new(aws_lc_rs::default_provider()),
            )))
            .with_no_client_auth();
        host.client = Arc::new(bare);
        talk(&ours, &host).await.unwrap_err();
    }
}
