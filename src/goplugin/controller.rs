//! The service by which the host asks for an orderly end (go-plugin `grpc_controller.go`).

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::generated::{
    Empty,
    grpc_controller_server::{GrpcController, GrpcControllerServer},
};

/// The request is an empty message.
const LARGEST_MESSAGE: usize = 64 << 10;

/// Cancels a token when the host asks.
#[derive(Debug)]
pub(super) struct Controller(CancellationToken);

impl Controller {
    pub(super) fn server(requested: CancellationToken) -> GrpcControllerServer<Self> {
        GrpcControllerServer::new(Self(requested)).max_decoding_message_size(LARGEST_MESSAGE)
    }
}

#[tonic::async_trait]
impl GrpcController for Controller {
    /// Answers at once: what follows from the token leaves running calls time, this one included. The host allows two
    /// seconds from here before it kills the process.
    async fn shutdown(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.cancel();
        Ok(Response::new(Empty {}))
    }
}
