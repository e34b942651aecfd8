//! Where requests come in: each gets its class, its deadline and a permit before its body is decoded.
//!
//! This wraps the generated service, which would read and decode every message first. A request that is refused, and a
//! question that the path answers, go on with an empty message, so that the service answers them as it answers others, and
//! the rest of the body is dropped unread.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};
use serde::Deserialize;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tower::Service;

use super::admission::{Admission, ENVELOPE, Permit, SMALL};
use super::head::{self, Head, PREFIX};
use super::instances::Instances;
use super::multiplex::mount_id;
use crate::cloud::Deadline;
use crate::framework::{self, Backend, Error, Operation, RequestClass};

/// A call that carries a request.
#[derive(Clone, Copy)]
pub(super) enum Carrier {
    Request,
    ExistenceCheck,
}

impl Carrier {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/pb.Backend/HandleRequest" => Some(Self::Request),
            "/pb.Backend/HandleExistenceCheck" => Some(Self::ExistenceCheck),
            _ => None,
        }
    }

    /// Whether the path alone answers it. The host sends the data along all the same.
    pub(super) fn needs_path_alone(self, backend: &Backend, operation: Operation, path: &str) -> bool {
        match self {
            Self::Request => operation == Operation::ResolvePath,
            Self::ExistenceCheck => matches!(backend.checks_existence(path), Ok(false)),
        }
    }
}

/// An empty message, as gRPC frames it.
const EMPTY_MESSAGE: [u8; PREFIX] = [0; PREFIX];

/// How a request came in.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) operation: String,
    pub(super) path: String,
    pub(super) class: RequestClass,
    pub(super) deadline: Deadline,
    /// Whether reading its message takes long.
    pub(super) is_large: bool,
    /// Whether its path alone answers it. Then its message is not read.
    pub(super) needs_path_alone: bool,
    /// Held until the request's work is done.
    pub(super) permit: Result<Permit, Error>,
}

/// From so many bytes on a request has a thread of its own: coercing and checking its documents takes a millisecond and more.
const LARGE: usize = 8 << 10;

/// Whether a request is served on a thread of its own. Logins are not: anybody may send them, and they hold no documents.
pub(super) fn is_large(class: RequestClass, message: usize) -> bool {
    message > LARGE && !matches!(class, RequestClass::Login | RequestClass::Static)
}

/// The service, with what admits its requests.
#[derive(Clone)]
pub(super) struct Intake<S> {
    service: S,
    instances: Arc<Instances>,
    admission: Arc<Admission>,
}

impl<S> Intake<S> {
    pub(super) fn new(service: S, instances: Arc<Instances>, admission: Arc<Admission>) -> Self {
        Self {
            service,
            instances,
            admission,
        }
    }
}

impl<S: NamedService> NamedService for Intake<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Intake<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        // The generated service is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let mut service = self.service.clone();
        let Some(carrier) = Carrier::of(request.uri().path()) else {
            return Box::pin(service.call(request));
        };
        let (instances, admission) = (Arc::clone(&self.instances), Arc::clone(&self.admission));
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let metadata = MetadataMap::from_headers(mem::take(&mut parts.headers));
            let found = mount_id(&metadata).and_then(|id| Ok((instances.get(&id)?, id)));
            let (instance, mount) = match found {
                Ok(found) => found,
                Err(status) => return Ok(status.into_http()),
            };
            parts.headers = metadata.into_headers();
            match arrive(carrier, &instance.backend, &mount, &admission, body).await {
                Ok((arrival, body)) => {
                    parts.extensions.insert(Arc::new(arrival));
                    service.call(http::Request::from_parts(parts, body)).await
                }
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}

/// Admits a request, and gives its body to decode. Fails when the body breaks off.
async fn arrive(
    carrier: Carrier,
    backend: &Backend,
    mount: &str,
    admission: &Admission,
    mut body: Body,
) -> Result<(Arrival, Body), Status> {
    let mut read = BytesMut::new();
    let head = loop {
        if let Some(head) = Head::read(&read) {
            break head;
        }
        match next(&mut body).await? {
            Some(bytes) if read.len() <= SMALL => read.extend_from_slice(&bytes),
            // The service finds out what is wrong with it, if it is not too long.
            _ => break Head::read(&read).unwrap_or_default(),
        }
    };
    let operation = Operation::from_wire(&head.operation);
    let class = backend.class(operation, &head.path);
    let deadline = Deadline::after(class.budget());
    let empty = || Replay::body(Bytes::from_static(&EMPTY_MESSAGE), None);
    // A check with too much data is refused like the request that would follow it.
    let needs_path_alone = carrier.needs_path_alone(backend, operation, &head.path)
        && (operation == Operation::ResolvePath || !is_too_large(class, &head));
    let (permit, body) = if needs_path_alone {
        (Ok(None), empty())
    } else {
        match admit(admission, mount, (class, deadline), &head, read, body).await {
            Ok((permit, body)) => (Ok(Some(permit)), body),
            Err(error) => (Err(error), empty()),
        }
    };
    let arrival = Arrival {
        operation: head.operation,
        path: head.path,
        class,
        deadline,
        is_large: is_large(class, head.message),
        needs_path_alone,
        permit: permit.map(Option::unwrap_or_default),
    };
    Ok((arrival, body))
}

fn is_too_large(class: RequestClass, head: &Head) -> bool {
    let limit = Admission::body_limit(class);
    head.data > limit || head.message > limit + ENVELOPE
}

async fn admit(
    admission: &Admission,
    mount: &str,
    (class, deadline): (RequestClass, Deadline),
    head: &Head,
    mut read: BytesMut,
    mut body: Body,
) -> Result<(Permit, Body), Error> {
    if is_too_large(class, head) {
        return Err(Error::coded(
            framework::Status::TOO_LARGE,
            format!(
                "the request's body is too large: at most {} KiB are taken here",
                Admission::body_limit(class) >> 10
            ),
        ));
    }
    let mut ticket = admission.ticket(class, deadline)?;
    let whole = PREFIX + head.message;
    ticket.reserve(whole).await?;
    // What is not read stays in the connection's window, which all requests share: small bodies are read before the wait.
    while whole <= SMALL && read.len() < whole {
        match next(&mut body).await.map_err(|_| broken_off())? {
            Some(bytes) => read.extend_from_slice(&bytes),
            None => return Err(broken_off()),
        }
    }
    let read = read.freeze();
    let keys = match class {
        RequestClass::Login => login_keys(&read),
        // The role, so that one whose credentials cannot be made, or whose rotation hangs, holds up no other.
        RequestClass::Issue | RequestClass::CloudCall => {
            vec![format!("{mount}/{}", head.path.to_ascii_lowercase())]
        }
        _ => Vec::new(),
    };
    let permit = ticket.permit(keys).await?;
    let rest = (read.len() < whole).then_some(body);
    Ok((permit, Replay::body(read, rest)))
}

/// What logins are counted by: the client's address, and the role that they name. The role is looked for in the text;
/// nothing is built of it.
fn login_keys(body: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        role: Option<std::borrow::Cow<'a, str>>,
    }
    let (address, data) = head::address_and_data(body);
    let role = serde_json::from_slice::<Named<'_>>(data)
        .ok()
        .and_then(|named| named.role)
        .unwrap_or_default();
    vec![
        format!("address {}", String::from_utf8_lossy(address)),
        format!("role {}", role.to_ascii_lowercase()),
    ]
}

fn broken_off() -> Error {
    Error::internal("the request's body broke off")
}

/// The next bytes of a body.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Status> {
    loop {
        let frame = poll_fn(|task| Pin::new(&mut *body).poll_frame(task)).await;
        match frame.transpose()?.map(Frame::into_data) {
            Some(Ok(bytes)) => return Ok(Some(bytes)),
            // Trailers.
            Some(Err(_)) => {}
            None => return Ok(None),
        }
    }
}

/// A body of which a part was read.
struct Replay {
    read: Option<Bytes>,
    rest: Option<Body>,
}

impl Replay {
    fn body(read: Bytes, rest: Option<Body>) -> Body {
        Body::new(Self {
            read: Some(read),
            rest,
        })
    }
}

impl http_body::Body for Replay {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match (self.read.take(), &mut self.rest) {
            (Some(read), _) => Poll::Ready(Some(Ok(Frame::data(read)))),
            (None, Some(rest)) => Pin::new(rest).poll_frame(task),
            (None, None) => Poll::Ready(None),
        }
    }
}
