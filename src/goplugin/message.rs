//! One message as gRPC frames it, for the calls that every request needs.
//!
//! tonic's clients and servers treat every call as a stream of messages, which costs a request a sixth of its instructions.
//! These calls have one message each way, which is there as a whole.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body::Frame;
use prost::Message;
use tonic::Status;
use tonic::body::Body;

/// What precedes a message: a byte that says whether it is compressed, and its length.
pub const PREFIX: usize = 5;

/// The type of a call's and of an answer's body.
pub(super) const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// Where an answer's trailers say how the call ended, as a number: 0 means success.
const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// A message, framed.
pub(crate) fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut framed = BytesMut::with_capacity(PREFIX + length);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // A `BytesMut` grows, so there is always room. The reader refuses a length that was cut off.
    let _ = message.encode(&mut framed);
    framed.freeze()
}

/// Reads the message of a whole body. The status is `INTERNAL` unless it is exactly one uncompressed message.
pub fn read<M: Message + Default>(body: Bytes) -> Result<M, Status> {
    let message = unframed(body)?;
    M::decode(message).map_err(|error| Status::internal(error.to_string()))
}

fn unframed(mut body: Bytes) -> Result<Bytes, Status> {
    if body.len() < PREFIX {
        return Err(Status::internal("the gRPC message is incomplete"));
    }
    if body.get_u8() != 0 {
        return Err(Status::internal(
            "the gRPC message is compressed, which was not offered",
        ));
    }
    if usize::try_from(body.get_u32()) != Ok(body.len()) {
        return Err(Status::internal(
            "the gRPC message is not as long as its prefix says",
        ));
    }
    Ok(body)
}

/// The answer to a call, with its message.
pub fn answer(message: &impl Message) -> Response<Body> {
    let mut answer = Response::new(Body::new(Answer::Message(framed(message))));
    answer.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    answer
}

/// What is left to send of an answer.
enum Answer {
    Message(Bytes),
    Status,
    Nothing,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let (frame, rest) = match mem::replace(&mut *self, Self::Nothing) {
            Self::Message(message) => (Frame::data(message), Self::Status),
            Self::Status => {
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert(STATUS, HeaderValue::from_static("0"));
                (Frame::trailers(trailers), Self::Nothing)
            }
            Self::Nothing => return Poll::Ready(None),
        };
        *self = rest;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use proptest::prelude::*;
    use tonic::Code;

    use super::*;
    use crate::goplugin::generated::ConnInfo;

    fn info(address: &str) -> ConnInfo {
        ConnInfo {
            service_id: 7,
            address: address.to_owned(),
            ..ConnInfo::default()
        }
    }

    #[test]
    fn a_message_is_framed_by_its_length() {
        let framed = framed(&ConnInfo {
            service_id: 7,
            ..ConnInfo::default()
        });
        assert_eq!(framed, Bytes::from_static(&[0, 0, 0, 0, 2, 8, 7]));
    }

    #[test]
    fn what_is_not_one_plain_message_is_refused() {
        for (body, what) in [
            (&[][..], "incomplete"),
            (&[0, 0, 0, 0], "incomplete"),
            (&[1, 0, 0, 0, 2, 8, 7], "compressed"),
            (&[0, 0, 0, 0, 3, 8, 7], "as long as"),
            (&[0, 0, 0, 0, 2, 8, 7, 0], "as long as"),
            (&[0, 0xff, 0xff, 0xff, 0xff, 8, 7], "as long as"),
            (&[0, 0, 0, 0, 1, 8], "varint"),
        ] {
            let refused = read::<ConnInfo>(Bytes::from_static(body)).unwrap_err();
            assert_eq!(refused.code(), Code::Internal, "{body:?}");
            assert!(
                refused.message().contains(what),
                "{body:?}: {}",
                refused.message()
            );
        }
    }

    #[tokio::test]
    async fn an_answer_has_the_message_and_then_the_status() {
        let answer = answer(&info("a"));
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/grpc");
        let body = answer.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
        assert_eq!(read::<ConnInfo>(body.to_bytes()).unwrap(), info("a"));
    }

    proptest! {
        #[test]
        fn what_is_framed_is_read(address in any::<String>()) {
            prop_assert_eq!(read::<ConnInfo>(framed(&info(&address))).unwrap(), info(&address));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read::<ConnInfo>(bytes.into());
        }
    }
}
