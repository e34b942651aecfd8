//! TLS as the machine's CA certificates have it, read anew when they change.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls_native_certs::{ErrorKind, load_native_certs};
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
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    config: Arc<ClientConfig>,
    bundle: CaBundle,
    look_at: Instant,
}

impl MachineTls {
    /// The settings as they are now, or a moment ago; the same `Arc` while nothing changes. A new bundle that cannot be
    /// read does not replace a good one.
    ///
    /// # Errors
    /// There are no CA certificates.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(kept) = kept.as_ref().filter(|kept| now < kept.look_at) {
            return Ok(Arc::clone(&kept.config));
        }
        let bundle = CaBundle::now();
        let look_at = now + LOOK_EVERY;
        if let Some(kept) = kept.as_mut().filter(|kept| kept.bundle == bundle) {
            kept.look_at = look_at;
            return Ok(Arc::clone(&kept.config));
        }
        let loaded = load(kept.is_none())
            .and_then(|verifier| client_builder(verifier).map_err(|error| error.to_string()))
            .map(|builder| builder.with_no_client_auth());
        match (loaded, kept.as_mut()) {
            (Ok(config), old) => {
                if old.is_some() {
                    tracing::info!("the CA bundle has changed and was loaded again");
                }
                let config = Arc::new(config);
                *kept = Some(Kept {
                    config: Arc::clone(&config),
                    bundle,
                    look_at,
                });
                Ok(config)
            }
            (Err(error), Some(kept)) => {
                tracing::warn!(
                    event = "ca_bundle_unusable",
                    error,
                    "the CA bundle has changed but cannot be loaded; keeping the previous one"
                );
                kept.look_at = look_at;
                Ok(Arc::clone(&kept.config))
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Always these.
    #[cfg(test)]
    pub(crate) fn fixed(config: ClientConfig) -> Self {
        let kept = Kept {
            config: Arc::new(config),
            bundle: CaBundle::now(),
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
    load(true)
}

/// Reads the certificates. Where there are others to fall back on, a file that is broken in part is broken: it may be in
/// the middle of being written.
fn load(take_what_is_there: bool) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let loaded = load_native_certs();
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
