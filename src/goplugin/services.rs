//! The plugin's gRPC services, found by the name in a call's path.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

/// The answer to one call.
pub(super) type Answer = BoxFuture<'static, Result<Response<Body>, Infallible>>;

type One = Arc<dyn Fn(Request<Body>) -> Answer + Send + Sync>;

/// The services of a server; clones share them.
#[derive(Clone, Default)]
pub struct Services {
    by_name: Arc<HashMap<&'static str, One>>,
}

impl Services {
    /// One more; it takes the place of one with the same name. It must always be ready, as generated services are.
    #[must_use]
    pub fn with<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let one = Arc::new(move |request| service.clone().call(request));
        Arc::make_mut(&mut self.by_name).insert(S::NAME, one);
        self
    }

    /// Calls `/name/method`. Another path is a method that is not implemented, as gRPC has it.
    pub(super) fn call(&self, request: Request<Body>) -> Answer {
        let name = request.uri().path().split('/').nth(1);
        match name.and_then(|name| self.by_name.get(name)) {
            Some(service) => service(request),
            None => Box::pin(ready(Ok(Status::unimplemented("").into_http()))),
        }
    }
}
