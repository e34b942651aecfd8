//! What requests cost, through the backends as the program puts them together, without a host.

mod costs;
mod longest_poll;

use serde_json::Value;

use crate::vault::generated::pb;

/// A call of the host with this data.
fn call(operation: &str, path: &str, data: &Value) -> pb::HandleRequestArgs {
    pb::HandleRequestArgs {
        storage_id: 0,
        request: Some(Box::new(pb::Request {
            operation: operation.to_owned(),
            path: path.to_owned(),
            data: data.to_string(),
            ..pb::Request::default()
        })),
    }
}
