//! The real transport against a TLS server on the loopback interface.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::crypto::aws_lc_rs;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::cloud::endpoint::Endpoint;
use crate::cloud::net::testing::{TestNames, trusting};

/// Answers every request with the same bytes; counts connections and keeps the last request.
struct Server {
    transport: Https,
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    request: Arc<Mutex<String>>,
}

async fn server(answer: &'static [u8]) -> Server {
    let made = rcgen::generate_simple_self_signed(vec!["sts.test".to_owned()]).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.cert.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into()),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let open = Arc::new(AtomicUsize::new(0));
    let request = Arc::<Mutex<String>>::default();
    let (count, now_open, last) = (Arc::clone(&connections), Arc::clone(&open), Arc::clone(&request));
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let (acceptor, now_open, last) = (acceptor.clone(), Arc::clone(&now_open), Arc::clone(&last));
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                now_open.fetch_add(1, Ordering::SeqCst);
                let mut bytes = vec![0; 64 * 1024];
                // Requests of these tests fit into one read.
                while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                    *last.lock().unwrap() = String::from_utf8_lossy(&bytes[..length]).into_owned();
                    if stream.write_all(answer).await.is_err() || answer.is_empty() {
                        break;
                    }
                }
                now_open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    Server {
        transport: transport(roots, address),
        address,
        connections,
        open,
        request,
    }
}

/// The shipped settings with other roots, and with addresses for the names of these tests.
fn transport(roots: RootCertStore, address: SocketAddr) -> Https {
    through(Proxies::none(), roots, address)
}

fn through(proxies: Proxies, roots: RootCertStore, address: SocketAddr) -> Https {
    let names = ["sts.test", "other.test"].map(|name| (name.to_owned(), address));
    let names = TestNames(HashMap::from(names));
    Https::new(MachineTls::fixed(trusting(roots)), proxies, Arc::new(names))
}

fn post(host: &str, body: &str) -> Request {
    Request {
        method: Method::Post,
        endpoint: Endpoint::parse(host).unwrap(),
        query: Zeroizing::new("Token=very-secret".to_owned()),
        headers: http::HeaderMap::new(),
        body: Zeroizing::new(body.as_bytes().to_vec()),
        answer_limit: 100,
    }
}

#[tokio::test]
async fn connections_are_reused_and_headers_read() {
    let answer = b"HTTP/1.1 400 Bad\r\nx-request-id: R-1\r\ncontent-length: 2\r\n\r\n{}";
    let server = server(answer).await;
    for _ in 0..5 {
        let answer = server
            .transport
            .send(post("sts.test", "a=b"), Signer::Own)
            .await
            .unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!((answer.status, answer.body.as_slice()), (400, &b"{}"[..]));
        assert_eq!(answer.headers["x-request-id"], "R-1");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    let request = server.request.lock().unwrap().clone();
    assert!(
        request.starts_with("POST /?Token=very-secret HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(concat!(
            "user-agent: vault-plugin-alicloud/",
            env!("CARGO_PKG_VERSION"),
            "\r\n"
        )),
        "{request}"
    );
    assert!(
        !request.contains("referer") && request.ends_with("\r\n\r\na=b"),
        "{request}"
    );
}

#[tokio::test]
async fn an_empty_post_says_so() {
    let server = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert!(
        server
            .transport
            .send(post("sts.test", ""), Signer::Own)
            .await
            .is_ok()
    );
    let request = server.request.lock().unwrap().clone();
    assert_eq!(request.matches("content-length: 0\r\n").count(), 1, "{request}");
}

#[tokio::test]
async fn a_long_answer_is_not_read_whether_it_says_so_or_not() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
          40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n\
          40\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n",
    ] {
        assert_eq!(
            server(answer)
                .await
                .transport
                .send(post("sts.test", "a=b"), Signer::Own)
                .await
                .err(),
            Some(Failure::TooLong)
        );
    }
}

#[tokio::test]
async fn a_broken_answer_was_sent() {
    for answer in [
        &b""[..],
        b"no http\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{",
    ] {
        let server = server(answer).await;
        let sent = tokio::time::timeout(
            Duration::from_millis(500),
            server.transport.send(post("sts.test", "a=b"), Signer::Own),
        )
        .await;
        // An answer that never ends is the client's to cut.
        if let Ok(outcome) = sent {
            assert_eq!(outcome.err(), Some(Failure::Interrupted));
        }
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let answer = b"HTTP/1.1 302 Found\r\nlocation: https://evil.example/\r\ncontent-length: 0\r\n\r\n";
    let answer = server(answer)
        .await
        .transport
        .send(post("sts.test", "a=b"), Signer::Own)
        .await;
    assert_eq!(answer.map(|answer| answer.status).ok(), Some(302));
}

#[tokio::test]
async fn a_wrong_name_or_issuer_or_no_host_stops_before_anything_is_sent() {
    let server = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let untrusting = transport(RootCertStore::empty(), server.address);
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        transport(RootCertStore::empty(), listener.local_addr().unwrap())
    };
    for (transport, host, text) in [
        (
            &server.transport,
            "other.test",
            "other.test: the server's certificate is for another name: it has sts.test",
        ),
        (
            &untrusting,
            "sts.test",
            "sts.test: the server's certificate is signed by an unknown CA",
        ),
        (
            &server.transport,
            "nothing-here.invalid",
            "nothing-here.invalid: the name cannot be resolved",
        ),
        (&closed, "sts.test", "sts.test: connection refused"),
    ] {
        let outcome = transport.send(post(host, "a=b"), Signer::Own).await;
        let Some(Failure::Connect(told)) = outcome.err() else {
            panic!("{host}: {text}");
        };
        assert!(told.starts_with(&format!("cannot connect to {text}")), "{told}");
        assert!(!told.contains("secret") && !told.contains("https:"), "{told}");
    }
    assert_eq!(server.request.lock().unwrap().as_str(), "");
}

#[tokio::test]
async fn signed_headers_go_out_once_and_as_they_are() {
    let server = server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let signed = [
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("authorization", "ACS3-HMAC-SHA256 x"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("user-agent", "AlibabaCloud (Linux; x86_64)  Python/3.11.7"),
        ("x-acs-credentials-provider", ""),
        ("x-acs-security-token", "CAIS/abc+DEF=~*= end=="),
    ];
    let mut request = post(&format!("sts.test:{}", server.address.port()), "");
    for (name, value) in signed {
        request.headers.insert(name, value.parse().unwrap());
    }
    server.transport.send(request, Signer::Own).await.unwrap();
    let sent = server.request.lock().unwrap().clone();
    let mut lines: Vec<_> = sent.trim_end().split("\r\n").skip(1).map(str::to_owned).collect();
    let mut expected: Vec<_> = signed
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    expected.push(format!("host: sts.test:{}", server.address.port()));
    expected.push("content-length: 0".to_owned());
    // A second value of a signed header would be joined into the canonical one, and break the signature.
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_proxy_is_named_without_its_password_and_its_answer_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 1024];
        let _ = stream.read(&mut bytes).await;
        let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    });
    let proxies = Proxies::one("X", &format!("http://user:pa55word@{address}")).unwrap();
    let transport = through(proxies, RootCertStore::empty(), address);
    let outcome = transport.send(post("sts.test", "a=b"), Signer::Own).await;
    // No other try: only another password helps.
    let expected = format!(
        "cannot connect to sts.test through the proxy {address}: the proxy answered 407: it does not accept the user name and \
         password"
    );
    assert_eq!(outcome.err(), Some(Failure::Unusable(expected)));
}

#[tokio::test]
async fn few_connections_stay_idle_after_requests_that_others_signed() {
    let server = server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    let transport = Arc::new(server.transport);
    let requests: Vec<_> = (0..4 * FORWARDED_IDLE.per_host)
        .map(|_| {
            let transport = Arc::clone(&transport);
            tokio::spawn(async move { transport.send(post("sts.test", "a=b"), Signer::Other).await })
        })
        .collect();
    for request in requests {
        assert!(request.await.unwrap().is_ok());
    }
    let few = async {
        while server.open.load(Ordering::SeqCst) > FORWARDED_IDLE.per_host {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), few).await.unwrap();
}
