//! Handlers of an engine behind their types: functions of the engine's state, the context and one argument.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::error::Error;
use super::request::Context;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A handler with its state, as a backend keeps it.
pub(super) type Bound<A, T> = Arc<dyn Fn(Context, A) -> BoxFuture<T> + Send + Sync>;

/// A function of an engine's state, the context and an argument.
pub trait Handler<S, A, T>: Send + Sync + 'static {
    /// Begins its work.
    fn call(&self, state: Arc<S>, context: Context, argument: A) -> BoxFuture<T>;
}

impl<S, A, T, F, R> Handler<S, A, T> for F
where
    F: Fn(Arc<S>, Context, A) -> R + Send + Sync + 'static,
    R: Future<Output = T> + Send + 'static,
{
    fn call(&self, state: Arc<S>, context: Context, argument: A) -> BoxFuture<T> {
        Box::pin(self(state, context, argument))
    }
}

/// The handler with this state.
pub(super) fn bound<S, A, T>(state: &Arc<S>, handler: impl Handler<S, A, T>) -> Bound<A, T>
where
    S: Send + Sync + 'static,
{
    let state = Arc::clone(state);
    Arc::new(move |context, argument| handler.call(Arc::clone(&state), context, argument))
}

/// The handler with this state, whose argument is read first. What cannot be read does not reach it.
pub(super) fn reading<S, V, A, T>(
    state: &Arc<S>,
    read: fn(V) -> Result<A, Error>,
    handler: impl Handler<S, A, Result<T, Error>>,
) -> Bound<V, Result<T, Error>>
where
    S: Send + Sync + 'static,
    T: Send + 'static,
    V: 'static,
    A: 'static,
{
    let state = Arc::clone(state);
    Arc::new(move |context, value| match read(value) {
        Ok(argument) => handler.call(Arc::clone(&state), context, argument),
        Err(error) => Box::pin(std::future::ready(Err(error))),
    })
}
