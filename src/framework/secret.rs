//! Lease types: what renews and revokes the leases that a backend made.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::framework::error::Error;
use crate::framework::excerpt::Excerpt;
use crate::framework::path::HandlerResult;
use crate::framework::request::Context;
use crate::framework::response::{LeaseOptions, Response, Secret};

/// The key by which a lease finds its type again, as Vault's framework writes it.
const SECRET_TYPE: &str = "secret_type";

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type LeaseHandler = Arc<dyn Fn(Context, Lease) -> BoxFuture<HandlerResult> + Send + Sync>;

/// A kind of lease.
pub struct SecretType {
    name: &'static str,
    renew: LeaseHandler,
    revoke: LeaseHandler,
}

/// A lease that came back from the host, to be renewed or revoked.
#[derive(Clone)]
pub struct Lease {
    /// What the backend put into the lease when it made it.
    pub internal: Map<String, Value>,
    /// How long it lives.
    pub options: LeaseOptions,
    /// What the caller got. A renewal that does not give it back removes it from the lease.
    pub data: Map<String, Value>,
}

impl SecretType {
    /// A kind of lease with the name that its leases carry in storage for ever.
    #[must_use]
    pub fn new<S, RenewF, RenewR, RevokeF, RevokeR>(
        name: &'static str,
        state: &Arc<S>,
        renew: RenewF,
        revoke: RevokeF,
    ) -> Self
    where
        S: Send + Sync + 'static,
        RenewF: Fn(Arc<S>, Context, Lease) -> RenewR + Send + Sync + 'static,
        RenewR: Future<Output = HandlerResult> + Send + 'static,
        RevokeF: Fn(Arc<S>, Context, Lease) -> RevokeR + Send + Sync + 'static,
        RevokeR: Future<Output = HandlerResult> + Send + 'static,
    {
        let (for_renew, for_revoke) = (Arc::clone(state), Arc::clone(state));
        Self {
            name,
            renew: Arc::new(move |context, lease| Box::pin(renew(Arc::clone(&for_renew), context, lease))),
            revoke: Arc::new(move |context, lease| Box::pin(revoke(Arc::clone(&for_revoke), context, lease))),
        }
    }

    /// Makes the answer that carries a new lease.
    #[must_use]
    pub fn response(
        name: &'static str,
        data: Map<String, Value>,
        mut internal: Map<String, Value>,
        lease: LeaseOptions,
    ) -> Response {
        internal.insert(SECRET_TYPE.to_owned(), name.into());
        Response {
            secret: Some(Secret { lease, internal }),
            ..Response::data(data)
        }
    }

    pub(super) fn of<'a>(types: &'a [Self], secret: &Secret) -> Result<&'a Self, Error> {
        let name = secret.internal.get(SECRET_TYPE).and_then(Value::as_str);
        types
            .iter()
            .find(|candidate| Some(candidate.name) == name)
            .ok_or_else(|| {
                Error::internal(match name {
                    Some(name) => {
                        let name = Excerpt(name);
                        format!("a lease of type {name:?} is not supported by this backend")
                    }
                    None => format!("the lease has no {SECRET_TYPE:?} in its internal data"),
                })
            })
    }

    pub(super) async fn renew(&self, context: Context, lease: Lease) -> HandlerResult {
        (self.renew)(context, lease).await
    }

    pub(super) async fn revoke(&self, context: Context, lease: Lease) -> HandlerResult {
        (self.revoke)(context, lease).await
    }
}

impl Lease {
    /// The answer to a renewal: the same lease and data with new terms.
    #[must_use]
    pub fn renewed(self, options: LeaseOptions) -> Response {
        Response {
            secret: Some(Secret {
                lease: options,
                internal: self.internal,
            }),
            ..Response::data(self.data)
        }
    }
}

impl fmt::Debug for SecretType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretType")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Without data and internal data: they hold secrets.
impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
