//! Bodies as hosts send them, and as none should.

use futures_util::stream;
use http_body_util::StreamBody;
use tonic::Code;

use super::*;
use crate::cloud::SystemClock;
use crate::framework::BackendKind;
use crate::vault::generated::pb;
use crate::vault::requests::testing;

struct Host {
    instances: Instances,
    admission: Admission,
}

impl Host {
    /// With a mount that has no path.
    fn new() -> Self {
        let instances = Instances::default();
        let backend = Backend::new(BackendKind::Secrets, "A test.");
        let services = testing::services(Arc::new(SystemClock));
        instances.insert("mount".to_owned(), testing::instance(backend, services));
        Self {
            instances,
            admission: Admission::default(),
        }
    }

    /// Sends a body in these pieces; the error of the answer's message.
    async fn send(&self, pieces: &[&[u8]]) -> Result<String, Status> {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|piece| Ok::<_, Status>(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let request = http::Request::post("/pb.Backend/HandleRequest")
            .header("multiplex_id", "mount")
            .body(Body::new(StreamBody::new(stream::iter(pieces))))
            .unwrap();
        let answer = answer(Carrier::Request, &self.instances, &self.admission, request).await?;
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let reply: pb::HandleRequestReply = message::read(body)?;
        Ok(reply.err.unwrap_or_default().err_msg)
    }
}

/// A request as gRPC frames it.
fn framed() -> Bytes {
    message::framed(&pb::HandleRequestArgs {
        storage_id: 0,
        request: Some(Box::new(pb::Request {
            operation: "read".to_owned(),
            path: "nowhere".to_owned(),
            data: "{}".to_owned(),
            ..pb::Request::default()
        })),
    })
}

#[tokio::test]
async fn a_body_may_come_in_any_pieces() {
    let (host, whole) = (Host::new(), framed());
    let bytes: Vec<_> = whole.chunks(1).collect();
    for pieces in [&[&whole[..]][..], &bytes[..], &[&whole[..7], &whole[7..], &[]]] {
        let error = host.send(pieces).await.unwrap();
        assert!(error.contains("unsupported path"), "{error}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_one_message_is_refused_and_keeps_no_permit() {
    let (host, whole) = (Host::new(), framed());
    let in_data = &whole[..whole.len() - 1];
    let in_path = &whole[..whole.len() - 6];
    let compressed = [&[1], &whole[1..]].concat();
    let longer = [&whole[..], &[0]].concat();
    // More often than there are permits.
    for _ in 0..300 {
        for broken in [in_data, &[0, 0]] {
            let error = host.send(&[broken]).await.unwrap();
            assert!(error.contains("broke off"), "{error}");
        }
        for refused in [&compressed, &longer, in_path] {
            assert_eq!(host.send(&[refused]).await.unwrap_err().code(), Code::Internal);
        }
    }
    // What follows the message is not read.
    let error = host.send(&[&whole, &whole]).await.unwrap();
    assert!(error.contains("unsupported path"), "{error}");
}
