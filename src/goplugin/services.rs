//! The plugin's gRPC services, found by the name in a call's path.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;
use tower::util::BoxCloneSyncService;

type One = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The services of a server; clones share them.
#[derive(Clone, Default)]
pub struct Services {
    by_name: Arc<HashMap<&'static str, One>>,
}

impl Services {
    /// One more; it takes the place of one with the same name.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        Arc::make_mut(&mut self.by_name).insert(S::NAME, BoxCloneSyncService::new(service));
        self
    }
}

impl Service<Request<Body>> for Services {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    /// Generated services are always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    /// Calls `/name/method`. Another path is a method that is not implemented, as gRPC has it.
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let name = request.uri().path().split('/').nth(1);
        match name.and_then(|name| self.by_name.get(name)) {
            Some(service) => service.clone().call(request),
            None => Box::pin(ready(Ok(Status::unimplemented("").into_http()))),
        }
    }
}
