//! TLS as the machine's CA certificates have it, read anew when they change.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls_native_certs::{CertificateResult, ErrorKind, load_native_certs};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::ca_bundle::CaBundle;
use super::trust::{client_builder, verifier};

/// How often a look at the CA bundle is due.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The settings of TLS with the CA certificates of `SSL_CERT_FILE` and `SSL_CERT_DIR`, or else the system's.
///
/// They are read by the first connection: a machine without any starts, and its calls fail with a text that says so. A
/// failure is not kept, so that installing a CA bundle mends it without a restart.
#[derive(Debug, Default)]
pub(crate) struct MachineTls {
    /// Locked during a look, so that only one is under way.
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    config: Arc<ClientConfig>,
    bundle: Arc<CaBundle>,
    look_at: Instant,
}

/// What a look at the CA bundle found.
enum Look {
    Unchanged,
    Changed(CaBundle, Result<Arc<ClientConfig>, String>),
}

impl MachineTls {
    /// The settings as they are now, or a moment ago; the same `Arc` while nothing changes. A new bundle that cannot be
    /// read does not replace a good one.
    ///
    /// # Errors
    /// There are no CA certificates.
    pub(crate) async fn config(&self) -> Result<Arc<ClientConfig>, String> {
        self.config_of(CaBundle::now, load_native_certs).await
    }

    async fn config_of(
        &self,
        state: impl FnOnce() -> CaBundle + Send + 'static,
        certificates: impl FnOnce() -> CertificateResult + Send + 'static,
    ) -> Result<Arc<ClientConfig>, String> {
        let mut kept = self.kept.lock().await;
        let now = Instant::now();
        if let Some(kept) = kept.as_ref().filter(|kept| now < kept.look_at) {
            return Ok(Arc::clone(&kept.config));
        }
        let known = kept.as_ref().map(|kept| Arc::clone(&kept.bundle));
        // Some 150 certificates take milliseconds, and other requests must not wait for the disk.
        let look = spawn_blocking(move || look(known.as_deref(), state, certificates))
            .await
            .map_err(|error| format!("the CA certificates were not read: {error}"))?;
        let look_at = now + LOOK_EVERY;
        match (look, kept.as_mut()) {
            (Look::Changed(bundle, Ok(config)), old) => {
                if old.is_some() {
                    tracing::info!("the CA bundle has changed and was loaded again");
                }
                *kept = Some(Kept {
                    config: Arc::clone(&config),
                    bundle: Arc::new(bundle),
                    look_at,
                });
                Ok(config)
            }
            (Look::Changed(_, Err(error)), None) => Err(error),
            (look, Some(kept)) => {
                if let Look::Changed(_, Err(error)) = look {
                    tracing::warn!(
                        event = "ca_bundle_unusable",
                        error,
                        "the CA bundle has changed but cannot be loaded; keeping the previous one"
                    );
                }
                kept.look_at = look_at;
                Ok(Arc::clone(&kept.config))
            }
            (Look::Unchanged, None) => Err("the CA certificates were not read".to_owned()),
        }
    }

    /// Always these.
    #[cfg(test)]
    pub(crate) fn fixed(config: ClientConfig) -> Self {
        let kept = Kept {
            config: Arc::new(config),
            bundle: Arc::new(CaBundle::now()),
            look_at: Instant::now() + Duration::from_secs(3600),
        };
        Self {
            kept: Mutex::new(Some(kept)),
        }
    }
}

/// Trusts what the machine trusts, as it is now.
///
/// # Errors
/// There are no CA certificates.
pub(crate) fn machine_verifier() -> Result<Arc<dyn ServerCertVerifier>, String> {
    load(load_native_certs(), true)
}

/// Reads the certificates, if their files are not as they were.
fn look(
    known: Option<&CaBundle>,
    state: impl FnOnce() -> CaBundle,
    certificates: impl FnOnce() -> CertificateResult,
) -> Look {
    let bundle = state();
    if known == Some(&bundle) {
        return Look::Unchanged;
    }
    let loaded = load(certificates(), known.is_none())
        .and_then(|verifier| client_builder(verifier).map_err(|error| error.to_string()))
        .map(|builder| Arc::new(builder.with_no_client_auth()));
    Look::Changed(bundle, loaded)
}

/// Trusts certificates that were read. Where there are others to fall back on, a file that is broken in part is broken: it
/// may be in the middle of being written.
fn load(loaded: CertificateResult, take_what_is_there: bool) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let broken = loaded
        .errors
        .iter()
        .find(|error| take_what_is_there || matches!(error.kind, ErrorKind::Pem(_)));
    let advice = "install a CA bundle or set SSL_CERT_FILE";
    match (verifier(loaded.certs), broken) {
        (Ok(verifier), None) => Ok(verifier),
        (Ok(verifier), Some(error)) if take_what_is_there => {
            tracing::warn!(event = "ca_certificates_left_out", %error, "some CA certificates cannot be read");
            Ok(verifier)
        }
        (Ok(_), Some(error)) => Err(error.to_string()),
        (Err(missing), None) => Err(format!("no CA certificates: {missing}; {advice}")),
        (Err(_), Some(error)) => Err(format!("no CA certificates: {error}; {advice}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rcgen::CertificateParams;
    use rustls_native_certs::load_certs_from_paths;
    use tokio::time::advance;

    use super::*;
    use crate::cloud::net::testing::{Shown, handshake, self_signed};

    fn pem(Shown(certificate, _): &Shown) -> String {
        let text = STANDARD.encode(certificate);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    }

    #[tokio::test(start_paused = true)]
    async fn a_bundle_that_changes_is_loaded_and_one_that_is_broken_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (file, beside) = (folder.path().join("ca.pem"), folder.path().join("new.pem"));
        let put = |text: &str| {
            fs::write(&beside, text).unwrap();
            fs::rename(&beside, &file).unwrap();
        };
        let tls = MachineTls::default();
        let config = || {
            let (watched, read) = (file.clone(), file.clone());
            let state =
                move || CaBundle::of(|name| (name == "SSL_CERT_FILE").then(|| watched.clone().into()));
            tls.config_of(state, move || load_certs_from_paths(Some(&read), None))
        };
        let params = CertificateParams::new(vec!["sts.test".to_owned()]).unwrap();
        let (one, two) = (self_signed(&params), self_signed(&params));

        // That there is none is not kept.
        assert!(config().await.unwrap_err().starts_with("no CA certificates"));
        put(&pem(&one));
        let first = config().await.unwrap();
        assert_eq!(handshake(Arc::clone(&first), &one).await, Ok(()));
        assert!(handshake(Arc::clone(&first), &two).await.is_err());

        advance(LOOK_EVERY).await;
        assert!(
            Arc::ptr_eq(&config().await.unwrap(), &first),
            "nothing has changed"
        );
        put(&pem(&two));
        assert!(Arc::ptr_eq(&config().await.unwrap(), &first), "no look is due");
        advance(LOOK_EVERY).await;
        let second = config().await.unwrap();
        assert_eq!(handshake(Arc::clone(&second), &two).await, Ok(()));
        assert!(handshake(Arc::clone(&second), &one).await.is_err());

        // In the middle of being written.
        let both = pem(&one) + &pem(&two);
        put(both.get(..both.len() - 40).unwrap());
        advance(LOOK_EVERY).await;
        assert!(Arc::ptr_eq(&config().await.unwrap(), &second));
        put(&both);
        advance(LOOK_EVERY).await;
        for shown in [&one, &two] {
            assert_eq!(handshake(config().await.unwrap(), shown).await, Ok(()));
        }
    }
}
