//! How a request that was admitted is served, and how it is answered.

#[cfg(any(test, fuzzing))]
pub mod testing;

use std::any::Any;
use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::arrival::Arrival;
use super::convert;
use super::generated::pb;
use super::instances::Instance;
use crate::framework::{self, Context, Error, Excerpt, Kind, Operation, RequestClass};

/// The answer to a request, whatever becomes of it.
pub(super) async fn handled(
    instance: &Arc<Instance>,
    arrival: Arc<Arrival>,
    arguments: pb::HandleRequestArgs,
) -> pb::HandleRequestReply {
    let operation = Operation::from_wire(&arrival.operation);
    let result = if arrival.needs_path_alone {
        instance.backend.resolve_path(&instance.services, &arrival.path)
    } else {
        let handle = |instance: Arc<Instance>, context| async move { instance.backend.handle(context).await };
        run_admitted(instance, &arrival, arguments.request, handle).await
    };
    convert::answer((arrival.class, operation), result).unwrap_or_else(|error| {
        log_failure(instance, &arrival, "request", &error);
        convert::failure(&error)
    })
}

/// The answer to the question whether what a write names exists.
pub(super) async fn checked(
    instance: &Arc<Instance>,
    arrival: Arc<Arrival>,
    arguments: pb::HandleExistenceCheckArgs,
) -> pb::HandleExistenceCheckReply {
    let result = if arrival.needs_path_alone {
        Ok(None)
    } else {
        let look = |instance: Arc<Instance>, context| async move { instance.backend.exists(context).await };
        run_admitted(instance, &arrival, arguments.request, look).await
    };
    match result {
        Ok(exists) => pb::HandleExistenceCheckReply {
            check_found: exists.is_some(),
            exists: exists.unwrap_or_default(),
            err: None,
        },
        Err(error) => {
            log_failure(instance, &arrival, "existence check", &error);
            // Of an existence check's errors the host shows only those that are a mistake of the caller.
            let error = match error.kind() {
                Kind::Coded(framework::Status::TOO_LARGE) => Error::bad_request(error.message().to_owned()),
                _ => error,
            };
            pb::HandleExistenceCheckReply {
                check_found: false,
                exists: false,
                err: Some(convert::proto_error(&error)),
            }
        }
    }
}

/// Serves a request that has a permit, and holds the permit until the work is done.
async fn run_admitted<T, F, R>(
    instance: &Arc<Instance>,
    arrival: &Arc<Arrival>,
    wire: Option<Box<pb::Request>>,
    serve: F,
) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce(Arc<Instance>, Context) -> R + Send + 'static,
    R: Future<Output = Result<T, Error>> + Send + 'static,
{
    if let Err(refused) = &arrival.permit {
        return Err(Error::new(refused.kind(), refused.message().to_owned()));
    }
    let wire = wire.unwrap_or_default();
    if (&wire.operation, &wire.path) != (&arrival.operation, &arrival.path) {
        return Err(Error::internal(
            "the server's message is not laid out as this plugin expects: operation and path do not come first",
        ));
    }
    let held = Arc::clone(arrival);
    let work = move |instance: Arc<Instance>, cancelled| async move {
        let request = convert::request(*wire).map_err(Error::bad_request)?;
        let context = Context::new(request, instance.services.clone(), held.deadline, cancelled);
        let result = serve(instance, context).await;
        drop(held);
        result
    };
    run(instance, arrival.is_large, work).await
}

/// Serves a request in a task of its own: when the client goes away, the host resets the stream and this future is
/// dropped, but the work must come to an orderly end. The task is told, and stops or undoes what it made. A panic in
/// it fails this request alone.
///
/// A large request gets a thread of its own, so that reading its documents stops no other request.
pub(super) async fn run<T, F, R>(instance: &Arc<Instance>, is_large: bool, work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce(Arc<Instance>, CancellationToken) -> R,
    R: Future<Output = Result<T, Error>> + Send + 'static,
{
    let cancelled = instance.gone.child_token();
    let work = work(Arc::clone(instance), cancelled.clone());
    let cancel_when_dropped = cancelled.drop_guard();
    let task = if is_large {
        let runtime = Handle::current();
        spawn_blocking(move || runtime.block_on(work))
    } else {
        tokio::spawn(work)
    };
    let result = task.await;
    cancel_when_dropped.disarm();
    result.unwrap_or_else(|failed| {
        let panic = failed
            .try_into_panic()
            .map(|payload| static_text(&*payload))
            .unwrap_or("cancelled");
        tracing::error!(event = "request_panicked", panic, "a request panicked");
        Err(Error::internal(
            "internal error: the request panicked; see the server's log",
        ))
    })
}

/// The panic's message when it is a constant of the code. A formatted one may quote data.
fn static_text(payload: &(dyn Any + Send)) -> &'static str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("a formatted message, not shown")
}

/// Mistakes of callers and routine refusals are theirs to see; the rest is the operator's. Anybody can make a login fail:
/// those are summed up, and failures of resolve-role, which comes with each, are not logged.
fn log_failure(instance: &Instance, arrival: &Arrival, call: &'static str, error: &Error) {
    let cause = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    let Arrival { operation, path, .. } = arrival;
    let of_login =
        arrival.class == RequestClass::Login || Operation::from_wire(operation) == Operation::ResolveRole;
    let (operation, path) = (Excerpt(operation), Excerpt(path));
    match error.kind() {
        Kind::Internal | Kind::Coded(_) if !of_login => {
            tracing::warn!(event = "request_failed", call, %operation, %path, %error, cause, "request failed");
        }
        kind => {
            if arrival.class == RequestClass::Login && kind != Kind::UnsupportedOperation {
                instance.refused_logins.note(error);
            }
            tracing::debug!(call, %operation, %path, %error, cause, "request refused");
        }
    }
}
