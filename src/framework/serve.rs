//! Serving a request with the handler of its path.

use super::error::Error;
use super::field::{Collected, FieldValues};
use super::path::{Forward, HandlerResult, OperationSpec, Path};
use super::pattern::Captures;
use super::request::Context;

/// Serves a request with the handler of its path.
pub(super) async fn serve(
    path: &Path,
    captures: &Captures,
    spec: &OperationSpec,
    context: Context,
) -> HandlerResult {
    forward_if_needed(spec, &context).await?;
    let collected = collect(path, captures, &context)?;
    let warnings: Vec<String> = collected.warnings().collect();
    let mut response = (spec.handler)(context, collected.values).await?;
    if let Some(response) = &mut response {
        response.warnings.extend(warnings);
    }
    Ok(response)
}

/// The values of the fields of a request.
pub(super) fn collect(path: &Path, captures: &Captures, context: &Context) -> Result<Collected, Error> {
    let request = &context.request;
    FieldValues::collect(
        &path.fields,
        &request.data,
        &request.body,
        &captures.values(&request.path),
    )
    .map_err(Error::from)
}

/// A node that cannot do what the operation needs must say so before anything is changed outside.
async fn forward_if_needed(spec: &OperationSpec, context: &Context) -> Result<(), Error> {
    let forward = match spec.forward {
        Forward::Never => false,
        Forward::OnStandby => context.system.replication_state().await?.is_standby(),
        Forward::WhenReadOnly => is_read_only(context).await?,
    };
    if forward { Err(Error::read_only()) } else { Ok(()) }
}

/// Whether the node leaves changes of this mount to another one.
pub(super) async fn is_read_only(context: &Context) -> Result<bool, Error> {
    let state = context.system.replication_state().await?;
    Ok(state.is_standby() || (state.is_performance_secondary() && !context.system.local_mount().await?))
}
