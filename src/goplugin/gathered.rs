//! Small writes that belong together leave as one.
//!
//! HTTP/2 hands a call's headers, its message and the answers to the peer's pings over one by one, each from another task.
//! Written at once, each would be a TLS record, a system call, and a wake-up of the peer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How often the tasks that are ready may run before a flush writes. More than once gathers no more (counted in system calls).
const TURNS: u8 = 1;

/// The most that is kept, in bytes. Larger pieces are passed on without a copy.
const MOST: usize = 8 << 10;

/// A stream that keeps what is written until a flush, and lets the tasks that are ready run before it flushes.
pub(super) struct Gathered<S> {
    stream: S,
    kept: BytesMut,
    turns: u8,
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            kept: BytesMut::new(),
            turns: 0,
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.kept))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.kept.advance(written);
        }
        // Freed, and so wiped: it may have held a secret, and the stream may be idle for long now.
        self.kept = BytesMut::new();
        self.turns = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.kept.len() + bytes.len() > MOST {
            ready!(self.poll_drain(cx))?;
        }
        if bytes.len() > MOST {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        self.kept.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.kept.is_empty() && self.turns < TURNS {
            self.turns += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// What was written, each write by itself.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl AsyncWrite for Writes {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.push(bytes.to_vec());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_comes_while_a_flush_waits_leaves_with_it() {
        let mut stream = Gathered::new(Writes::default());
        stream.write_all(b"headers").await.unwrap();
        let begun = poll_fn(|cx| Poll::Ready(Pin::new(&mut stream).poll_flush(cx).is_pending())).await;
        assert!(begun);
        stream.write_all(b" and message").await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.stream.0, [b"headers and message"]);
        stream.write_all(b"next").await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.stream.0.len(), 2);
    }

    #[tokio::test]
    async fn large_pieces_keep_their_place() {
        let mut stream = Gathered::new(Writes::default());
        let large = vec![7; MOST + 1];
        stream.write_all(b"small").await.unwrap();
        stream.write_all(&large).await.unwrap();
        stream.write_all(b"last").await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(stream.stream.0, [b"small".to_vec(), large, b"last".to_vec()]);
    }
}
