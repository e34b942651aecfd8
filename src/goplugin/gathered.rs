//! Small writes of HTTP/2 that belong together leave as one, and answers to pings leave seldom.
//!
//! HTTP/2 hands a call's headers and its message over one by one, each from another task. Written at once, each would be a
//! TLS record, a system call, and a wake-up of the peer.
//!
//! grpc-go measures a connection by pings: one with each message that it receives, but none while another is unanswered
//! (`bdp_estimator.go`). Answered at once, they would wake both sides for each call and each answer. So an answer waits,
//! and the calls meanwhile cost no ping.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How often the tasks that are ready may run before a flush writes. More than once gathers no more (counted in system calls).
const TURNS: u8 = 1;

/// The most that is kept, in bytes. Larger pieces are passed on without a copy.
const MOST: usize = 8 << 10;

/// How long the answer to a ping waits. A peer whose pings are a keepalive allows seconds.
const ACK_DELAY: Duration = Duration::from_millis(50);

/// The most bytes of answers to pings that wait. A peer that measures has one on its way.
const MOST_ACKS: usize = 16 * ACK;

/// What a client sends before its first frame has this many bytes (RFC 9113, section 3.4).
const PREFACE: usize = 24;

/// The header of a frame: three bytes for the length of what follows, type, flags, and four for the stream (section 4.1).
const HEADER: usize = 9;

/// The header of an answer to a ping (section 6.7), and the bytes of the whole frame.
const ACK_HEADER: [u8; HEADER] = [0, 0, 8, 6, 1, 0, 0, 0, 0];
const ACK: usize = HEADER + 8;

/// A stream that keeps what HTTP/2 writes until a flush, and lets the tasks that are ready run before it flushes.
pub(super) struct Gathered<S> {
    stream: S,
    kept: BytesMut,
    turns: u8,
    /// Bytes of the frame that is being written, or of the preface, that are still to come.
    rest: usize,
    /// Answers to pings that wait.
    acks: BytesMut,
    /// Runs while some wait.
    delay: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    /// For the side that connects.
    pub(super) fn client(stream: S) -> Self {
        Self::new(stream, PREFACE)
    }

    /// For the side that accepts.
    pub(super) fn server(stream: S) -> Self {
        Self::new(stream, 0)
    }

    fn new(stream: S, rest: usize) -> Self {
        Self {
            stream,
            kept: BytesMut::new(),
            turns: 0,
            rest,
            acks: BytesMut::new(),
            delay: None,
        }
    }

    /// Takes one piece of `bytes`, which is never of two frames, and says how long it was.
    fn poll_piece(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.rest == 0 {
            if let Some((ack, _)) = bytes.split_at_checked(ACK)
                && ack.starts_with(&ACK_HEADER)
            {
                self.acks.extend_from_slice(ack);
                return Poll::Ready(Ok(ACK));
            }
            self.rest = frame(bytes);
        }
        let piece = bytes.get(..self.rest).unwrap_or(bytes);
        if self.kept.len() + piece.len() > MOST {
            ready!(self.poll_drain(cx))?;
        }
        let taken = if piece.len() > MOST {
            ready!(Pin::new(&mut self.stream).poll_write(cx, piece))?
        } else {
            self.kept.extend_from_slice(piece);
            piece.len()
        };
        self.rest -= taken;
        Poll::Ready(Ok(taken))
    }

    /// Lets the answers to pings go with what is kept, if they have waited for long.
    fn release_acks(&mut self, cx: &mut Context<'_>) {
        if self.acks.is_empty() || self.rest > 0 {
            return;
        }
        let delay = self.delay.get_or_insert_with(|| Box::pin(sleep(ACK_DELAY)));
        if delay.as_mut().poll(cx).is_ready() || self.acks.len() > MOST_ACKS {
            self.kept.extend_from_slice(&self.acks);
            self.acks.clear();
            self.delay = None;
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

/// The bytes of the frame that begins here. A header that is not whole counts as a frame without an end: what follows is
/// passed on as it comes.
fn frame(bytes: &[u8]) -> usize {
    match bytes {
        [a, b, c, _, _, _, _, _, _, ..] => HEADER + u32::from_be_bytes([0, *a, *b, *c]) as usize,
        _ => usize::MAX,
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut taken = 0;
        while let Some(left) = bytes.get(taken..).filter(|left| !left.is_empty()) {
            match self.poll_piece(cx, left) {
                Poll::Ready(Ok(more)) if more > 0 => taken += more,
                // What was taken before is reported first; this comes again.
                _ if taken > 0 => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.release_acks(cx);
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

    use h2::Ping;
    use tokio::io::AsyncWriteExt as _;
    use tokio::time::Instant;

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

    fn frame_of(payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[0; 6], payload].concat()
    }

    fn ack(number: u8) -> Vec<u8> {
        [&ACK_HEADER[..], &[number; 8]].concat()
    }

    #[tokio::test]
    async fn what_comes_while_a_flush_waits_leaves_with_it() {
        let mut stream = Gathered::server(Writes::default());
        let (headers, message, next) = (frame_of(b"headers"), frame_of(b"message"), frame_of(b""));
        stream.write_all(&headers).await.unwrap();
        let begun = poll_fn(|cx| Poll::Ready(Pin::new(&mut stream).poll_flush(cx).is_pending())).await;
        assert!(begun);
        stream.write_all(&message).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.stream.0, [[headers, message].concat()]);
        stream.write_all(&next).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.stream.0.len(), 2);
    }

    #[tokio::test]
    async fn large_pieces_keep_their_place() {
        let mut stream = Gathered::server(Writes::default());
        let large = frame_of(&vec![7; MOST + 1]);
        let all = [frame_of(b"small"), large, frame_of(b"last")].concat();
        stream.write_all(&all).await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(stream.stream.0.concat(), all);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_to_pings_wait_and_nothing_else_does() {
        let mut stream = Gathered::client(Writes::default());
        let (preface, first, last) = ([b'P'; PREFACE], frame_of(b"first"), frame_of(b"last"));
        stream.write_all(&preface).await.unwrap();
        // All at once, as HTTP/2 may hand them over.
        stream
            .write_all(&[ack(1), first.clone(), ack(2), last.clone()].concat())
            .await
            .unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.stream.0, [[&preface[..], &first, &last].concat()]);
        tokio::time::advance(ACK_DELAY).await;
        stream.write_all(&first).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.stream.0.get(1), Some(&[first, ack(1), ack(2)].concat()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_pings_is_answered_before_it_fills_memory() {
        let mut stream = Gathered::server(Writes::default());
        for number in 0..100 {
            stream.write_all(&ack(number)).await.unwrap();
            stream.flush().await.unwrap();
            assert!(stream.acks.len() <= MOST_ACKS);
        }
        assert!(!stream.stream.0.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_of_an_idle_connection_is_answered_soon() {
        let (ours, theirs) = tokio::io::duplex(1 << 10);
        let client = tokio::spawn(h2::client::handshake(theirs));
        let mut server = h2::server::handshake(Gathered::server(ours)).await.unwrap();
        tokio::spawn(async move { while server.accept().await.is_some() {} });
        let (_requests, mut connection) = client.await.unwrap().unwrap();
        let mut pings = connection.ping_pong().unwrap();
        tokio::spawn(connection);
        for _ in 0..2 {
            let asked = Instant::now();
            pings.ping(Ping::opaque()).await.unwrap();
            let waited = asked.elapsed();
            assert!(waited < 2 * ACK_DELAY, "{waited:?}");
        }
    }
}
