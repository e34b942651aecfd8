//! Where requests come in: each gets its class, its deadline and a permit before its message is decoded.
//!
//! This stands before the generated service, which would read and decode every message first. Of a request that is refused,
//! and of a question that the path answers, the rest of the message is dropped unread.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http_body::Frame;
use http_body_util::BodyExt as _;
use prost::Message;
use serde::Deserialize;
use tonic::Status;
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tower::Service;

use super::admission::{Admission, ENVELOPE, Permit, SMALL};
use super::arrival::{Arrival, Carrier, is_large};
use super::head::{self, Head};
use super::instances::Instances;
use super::multiplex::mount_id;
use super::requests::{checked, handled};
use crate::cloud::Deadline;
use crate::framework::{self, Backend, Error, Operation, RequestClass};
use crate::goplugin::message::{self, PREFIX};

/// The generated service, with what admits requests and answers them in its place.
#[derive(Clone)]
pub(super) struct Intake<S> {
    others: S,
    instances: Arc<Instances>,
    admission: Arc<Admission>,
}

impl<S> Intake<S> {
    /// `others` serves the calls that carry no request.
    pub(super) fn new(others: S, instances: Arc<Instances>, admission: Arc<Admission>) -> Self {
        Self {
            others,
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
    S: Service<
            http::Request<Body>,
            Response = http::Response<Body>,
            Error = Infallible,
            Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>,
        >,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        // The generated service is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Some(carrier) = Carrier::of(request.uri().path()) else {
            return self.others.call(request);
        };
        let (instances, admission) = (Arc::clone(&self.instances), Arc::clone(&self.admission));
        Box::pin(async move {
            let answer = answer(carrier, &instances, &admission, request);
            Ok(answer.await.unwrap_or_else(Status::into_http))
        })
    }
}

async fn answer(
    carrier: Carrier,
    instances: &Instances,
    admission: &Admission,
    request: http::Request<Body>,
) -> Result<http::Response<Body>, Status> {
    let (parts, body) = request.into_parts();
    let mount = mount_id(&MetadataMap::from_headers(parts.headers))?;
    let instance = instances.get(&mount)?;
    let (arrival, body) = arrive(carrier, &instance.backend, &mount, admission, body).await?;
    let arrival = Arc::new(arrival);
    Ok(match carrier {
        Carrier::Request => message::answer(&handled(&instance, arrival, decoded(body)?).await),
        Carrier::ExistenceCheck => message::answer(&checked(&instance, arrival, decoded(body)?).await),
    })
}

fn decoded<M: Message + Default>(body: Option<Bytes>) -> Result<M, Status> {
    body.map_or_else(|| Ok(M::default()), message::read)
}

/// Admits a request, and gives the body of its message if that is needed. Fails when the body breaks off before it is known
/// what the request is.
async fn arrive(
    carrier: Carrier,
    backend: &Backend,
    mount: &str,
    admission: &Admission,
    mut body: Body,
) -> Result<(Arrival, Option<Bytes>), Status> {
    let mut read = BytesMut::new();
    let head = loop {
        if let Some(head) = Head::read(&read) {
            break head;
        }
        match next(&mut body).await? {
            Some(bytes) if read.len() <= SMALL => read.extend_from_slice(&bytes),
            // What is wrong with it is found when it is decoded.
            _ => break Head::read(&read).unwrap_or_default(),
        }
    };
    let operation = Operation::from_wire(&head.operation);
    let class = backend.class(operation, &head.path);
    let deadline = Deadline::after(class.budget());
    // A check with too much data is refused like the request that would follow it.
    let needs_path_alone = carrier.needs_path_alone(backend, operation, &head.path)
        && (operation == Operation::ResolvePath || !is_too_large(class, &head));
    let (permit, message) = if needs_path_alone {
        (Ok(Permit::default()), None)
    } else {
        match admit(admission, mount, (class, deadline), &head, read, body).await {
            Ok((permit, message)) => (Ok(permit), Some(message)),
            Err(error) => (Err(error), None),
        }
    };
    let arrival = Arrival {
        operation: head.operation,
        path: head.path,
        class,
        deadline,
        is_large: is_large(class, head.message),
        needs_path_alone,
        permit,
    };
    Ok((arrival, message))
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
) -> Result<(Permit, Bytes), Error> {
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
    if whole <= SMALL {
        fill(&mut read, &mut body, whole).await?;
    }
    let keys = match class {
        RequestClass::Login => login_keys(&read),
        // The role, so that one whose credentials cannot be made, or whose rotation hangs, holds up no other.
        RequestClass::Issue | RequestClass::CloudCall => {
            vec![format!("{mount}/{}", head.path.to_ascii_lowercase())]
        }
        _ => Vec::new(),
    };
    let permit = ticket.permit(keys).await?;
    fill(&mut read, &mut body, whole).await?;
    Ok((permit, read.freeze()))
}

/// Reads on until so many bytes are there.
async fn fill(read: &mut BytesMut, body: &mut Body, whole: usize) -> Result<(), Error> {
    let broken_off = || Error::internal("the request's body broke off");
    read.reserve(whole.saturating_sub(read.len()));
    while read.len() < whole {
        match next(body).await.map_err(|_| broken_off())? {
            Some(bytes) => read.extend_from_slice(&bytes),
            None => return Err(broken_off()),
        }
    }
    Ok(())
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

/// The next bytes of a body.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Status> {
    loop {
        match body.frame().await.transpose()?.map(Frame::into_data) {
            Some(Ok(bytes)) => return Ok(Some(bytes)),
            // Trailers.
            Some(Err(_)) => {}
            None => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
