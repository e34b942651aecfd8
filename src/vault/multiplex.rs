//! Many mounts in one process: the service that says so, and the id that every call carries.

use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::generated::multiplexing::plugin_multiplexing_server::PluginMultiplexing;
use super::generated::multiplexing::{MultiplexingSupportRequest, MultiplexingSupportResponse};

const KEY: &str = "multiplex_id";

/// Tells the host that one process serves all its mounts of this plugin.
pub(super) struct Multiplexing;

#[tonic::async_trait]
impl PluginMultiplexing for Multiplexing {
    async fn multiplexing_support(
        &self,
        _: Request<MultiplexingSupportRequest>,
    ) -> Result<Response<MultiplexingSupportResponse>, Status> {
        Ok(Response::new(MultiplexingSupportResponse { supported: true }))
    }
}

/// The mount that a call is for: opaque, exactly one, never empty.
pub(super) fn mount_id(metadata: &MetadataMap) -> Result<String, Status> {
    let mut ids = metadata.get_all(KEY).iter();
    let id = ids
        .next()
        .ok_or_else(|| Status::invalid_argument("the call carries no multiplex_id"))?;
    if ids.next().is_some() {
        return Err(Status::invalid_argument(
            "the call carries more than one multiplex_id",
        ));
    }
    match id.to_str() {
        Ok(id) if !id.is_empty() => Ok(id.to_owned()),
        _ => Err(Status::invalid_argument(
            "the call's multiplex_id is empty or not text",
        )),
    }
}

#[cfg(test)]
mod tests {
    use tonic::metadata::MetadataValue;

    use super::*;

    #[test]
    fn the_id_must_be_there_once_and_not_be_empty() {
        let mut metadata = MetadataMap::new();
        assert!(mount_id(&metadata).is_err());
        metadata.append(KEY, MetadataValue::from_static(""));
        assert!(mount_id(&metadata).is_err());
        metadata.insert(KEY, MetadataValue::from_static("a1B2"));
        assert_eq!(mount_id(&metadata).unwrap(), "a1B2");
        metadata.append(KEY, MetadataValue::from_static("a1B2"));
        assert!(mount_id(&metadata).is_err());
    }
}
