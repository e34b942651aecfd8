//! Lease types: what renews and revokes the leases that a backend made.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::framework::error::Error;
use crate::framework::excerpt::Excerpt;
use crate::framework::handler::{Bound, Handler, bound};
use crate::framework::path::HandlerResult;
use crate::framework::request::Request;
use crate::framework::response::{LeaseOptions, Response, Secret};

/// The key by which a lease finds its type again, as Vault's framework writes it.
const SECRET_TYPE: &str = "secret_type";

/// A kind of lease.
pub struct SecretType {
    name: &'static str,
    pub(super) renew: Bound<Lease, HandlerResult>,
    pub(super) revoke: Bound<Lease, HandlerResult>,
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
    pub fn new<S: Send + Sync + 'static>(
        name: &'static str,
        state: &Arc<S>,
        renew: impl Handler<S, Lease, HandlerResult>,
        revoke: impl Handler<S, Lease, HandlerResult>,
    ) -> Self {
        Self {
            name,
            renew: bound(state, renew),
            revoke: bound(state, revoke),
        }
    }

    /// Makes the answer that carries a new lease.
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

    pub(super) fn of<'a>(types: &'a [Self], lease: &Lease) -> Result<&'a Self, Error> {
        let name = lease.internal.get(SECRET_TYPE).and_then(Value::as_str);
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
}

impl Lease {
    /// The lease that a request is about.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let secret = request.secret.clone()?;
        Some(Self {
            internal: secret.internal,
            options: secret.lease,
            data: request.data.clone(),
        })
    }

    /// The answer to a renewal: the same lease and data with new terms.
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
