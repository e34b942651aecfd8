//! The host's end of a multiplexed socket: a yamux client.

use std::{future::poll_fn, io, task::Poll};

use tokio::{
    net::UnixStream,
    sync::{mpsc, oneshot},
};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};
use yamux::{Config, Connection, Mode};

use super::stream::Stream;

type Reply = oneshot::Sender<io::Result<Stream>>;

/// Opens streams towards the plugin.
#[derive(Clone)]
pub struct Session(mpsc::Sender<Reply>);

impl Session {
    /// The receiver gives the streams that the plugin opens.
    pub fn start(socket: UnixStream) -> (Self, mpsc::Receiver<Stream>) {
        let (opens, mut requests) = mpsc::channel::<Reply>(1);
        let (inbound, streams) = mpsc::channel(16);
        let mut connection: Connection<Compat<UnixStream>> =
            Connection::new(socket.compat(), Config::default(), Mode::Client);
        tokio::spawn(async move {
            let mut asked: Option<Reply> = None;
            poll_fn(|cx| {
                loop {
                    if asked.is_none()
                        && let Poll::Ready(Some(reply)) = requests.poll_recv(cx)
                    {
                        asked = Some(reply);
                    }
                    if asked.is_some()
                        && let Poll::Ready(opened) = connection.poll_new_outbound(cx)
                        && let Some(reply) = asked.take()
                    {
                        let opened = opened.map(|stream| Stream(Box::new(stream.compat())));
                        let _ = reply.send(opened.map_err(io::Error::other));
                        continue;
                    }
                    match connection.poll_next_inbound(cx) {
                        Poll::Ready(Some(Ok(stream))) => {
                            let _ = inbound.try_send(Stream(Box::new(stream.compat())));
                        }
                        Poll::Ready(_) => return Poll::Ready(()),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            })
            .await;
        });
        (Self(opens), streams)
    }

    pub async fn open(&self) -> io::Result<Stream> {
        let (reply, stream) = oneshot::channel();
        self.0.send(reply).await.map_err(|_| io::ErrorKind::BrokenPipe)?;
        stream.await.map_err(|_| io::ErrorKind::BrokenPipe)?
    }
}
