//! Serving a request with the handler of its path.

use super::error::Error;
use super::field::{Collected, FieldValues};
use super::forward::Forwarding;
use super::path::{HandlerResult, OperationSpec, Path};
use super::pattern::Captures;
use super::request::Context;

/// Serves a request with the handler of its path, on a node that can.
pub(super) async fn serve(
    forwarding: &Forwarding,
    path: &Path,
    captures: &Captures,
    spec: &OperationSpec,
    context: Context,
) -> HandlerResult {
    forwarding.check(spec.forward, &context).await?;
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
