//! A Unix socket that wakes the process only for what somebody waits for.
//!
//! A Unix socket reports room for a write each time its peer has read something, and Tokio's own stream asks for these
//! reports as long as it is open. They came twice or more for each request and woke the process for nothing.

use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A connected socket.
#[derive(Debug)]
pub(super) struct UnixStream {
    socket: AsyncFd<net::UnixStream>,
    /// The same socket while a write waits for room.
    full: Option<AsyncFd<net::UnixStream>>,
    /// While a write waits because the process has no file descriptor for that.
    pause: Option<Pin<Box<Sleep>>>,
}

/// How long a write waits before it looks for room by itself.
const PAUSE: Duration = Duration::from_millis(20);

impl UnixStream {
    pub(super) async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(tokio::net::UnixStream::connect(path).await?)
    }

    pub(super) fn new(socket: tokio::net::UnixStream) -> io::Result<Self> {
        Ok(Self {
            socket: watch(socket.into_std()?, Interest::READABLE)?,
            full: None,
            pause: None,
        })
    }

    /// Writes, and waits for room only if there is none.
    fn poll_room(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&net::UnixStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let socket = self.socket.get_ref();
            match write(socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                done => {
                    (self.full, self.pause) = (None, None);
                    return Poll::Ready(done);
                }
            }
            let watched = match self.full.take() {
                Some(full) => Ok(full),
                None => socket
                    .try_clone()
                    .and_then(|socket| watch(socket, Interest::WRITABLE)),
            };
            let Ok(full) = watched else {
                ready!(self.pause.insert(Box::pin(sleep(PAUSE))).as_mut().poll(cx));
                continue;
            };
            // What is reported from here on is kept for the next look.
            ready!(self.full.insert(full).poll_write_ready(cx))?.clear_ready();
        }
    }
}

#[expect(
    deprecated,
    reason = "what takes its place is unsafe, because some types change their file descriptor; this one does not"
)]
fn watch(socket: net::UnixStream, interest: Interest) -> io::Result<AsyncFd<net::UnixStream>> {
    AsyncFd::with_interest(socket, interest)
}

impl AsyncRead for UnixStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let free = buffer.initialize_unfilled();
        loop {
            let mut ready = ready!(self.socket.poll_read_ready(cx))?;
            match self.socket.get_ref().read(free) {
                Ok(length) => {
                    // There was no more: what comes later is reported anew.
                    if 0 < length && length < free.len() {
                        ready.clear_ready();
                    }
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_room(cx, |mut socket| socket.write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut()
            .poll_room(cx, |mut socket| socket.write_vectored(parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing is kept here.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.get_ref().shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn pair() -> (UnixStream, net::UnixStream) {
        let (ours, theirs) = net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let ours = tokio::net::UnixStream::from_std(ours).unwrap();
        (UnixStream::new(ours).unwrap(), theirs)
    }

    #[tokio::test]
    async fn more_than_fits_waits_for_room_and_arrives_whole() {
        let (mut ours, mut theirs) = pair();
        let sent: Vec<u8> = (0..4 << 20).map(|byte: u32| byte as u8).collect();
        let reader = tokio::task::spawn_blocking(move || {
            let mut read = Vec::new();
            theirs.read_to_end(&mut read).map(|_| read)
        });
        ours.write_all(&sent).await.unwrap();
        assert!(ours.full.is_none());
        ours.shutdown().await.unwrap();
        assert_eq!(reader.await.unwrap().unwrap(), sent);
    }

    #[tokio::test]
    async fn reads_what_comes_up_to_the_end() {
        let (mut ours, mut theirs) = pair();
        let mut two = [0; 2];
        theirs.write_all(b"12345").unwrap();
        ours.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"12");
        let rest = tokio::spawn(async move {
            let mut rest = Vec::new();
            ours.read_to_end(&mut rest).await.map(|_| rest)
        });
        tokio::task::yield_now().await;
        theirs.write_all(b"6").unwrap();
        drop(theirs);
        assert_eq!(rest.await.unwrap().unwrap(), b"3456");
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_is_an_error() {
        let (mut ours, theirs) = pair();
        drop(theirs);
        let error = ours.write_all(b"1").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    /// What the module is for: the peer's reading is no event.
    #[tokio::test]
    async fn what_the_peer_reads_wakes_nobody() {
        let (mut ours, mut theirs) = pair();
        ours.write_all(b"1").await.unwrap();
        let parked = || tokio::runtime::Handle::current().metrics().worker_park_count(0);
        let before = parked();
        let peer = std::thread::spawn(move || {
            let mut one = [0; 1];
            for _ in 0..50 {
                theirs.write_all(b"2").unwrap();
                theirs.read_exact(&mut one).unwrap();
            }
            theirs
        });
        for _ in 0..50 {
            let mut one = [0; 1];
            ours.read_exact(&mut one).await.unwrap();
            ours.write_all(&one).await.unwrap();
        }
        let parks = parked() - before;
        assert!(parks <= 60, "the runtime slept {parks} times for 50 messages");
        drop(peer.join().unwrap());
    }
}
