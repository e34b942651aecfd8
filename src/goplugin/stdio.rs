//! The service that carries a Go plugin's own stdout and stderr (go-plugin `grpc_stdio.go`).
//!
//! We write nothing there. The host opens the stream once and keeps it, so it must stay open, silent, until the end.

use std::pin::Pin;

use futures_util::{StreamExt as _, stream};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::generated::{
    StdioData,
    grpc_stdio_server::{GrpcStdio, GrpcStdioServer},
};

/// The request is an empty message.
const LARGEST_MESSAGE: usize = 64 << 10;

/// Streams nothing until the token is cancelled.
#[derive(Debug)]
pub(super) struct Stdio(CancellationToken);

impl Stdio {
    pub(super) fn server(stop: CancellationToken) -> GrpcStdioServer<Self> {
        GrpcStdioServer::new(Self(stop)).max_decoding_message_size(LARGEST_MESSAGE)
    }
}

#[tonic::async_trait]
impl GrpcStdio for Stdio {
    type StreamStdioStream = Pin<Box<dyn Stream<Item = Result<StdioData, Status>> + Send>>;

    async fn stream_stdio(&self, _request: Request<()>) -> Result<Response<Self::StreamStdioStream>, Status> {
        let end = self.0.clone().cancelled_owned();
        Ok(Response::new(Box::pin(stream::pending().take_until(end))))
    }
}
