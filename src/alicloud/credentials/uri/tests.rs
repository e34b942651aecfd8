//! Good and bad credentials URIs, against a listener on loopback.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::cloud::testing::FixedClock;

const GOOD: &str = r#"{"AccessKeyId":"STS.1","AccessKeySecret":"very-secret","SecurityToken":"t",
    "Expiration":"2024-03-01T05:59:59Z"}"#;

fn provider(uri: Option<String>) -> UriProvider {
    let env = ProviderEnv {
        environment: Arc::new(move |name: &str| uri.clone().filter(|_| name == VARIABLE)),
        sts: None,
    };
    UriProvider::new(env, Arc::new(FixedClock::default()))
}

/// Answers one question with this text, and gives what was asked.
async fn answered(head: &str, body: &str) -> (Result<Option<Credentials>, ProviderError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!(
        "http://localhost:{}/creds?key=in-the-address",
        listener.local_addr().unwrap().port()
    );
    let text = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(text.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    };
    let provider = provider(Some(uri));
    tokio::join!(provider.load(), serve)
}

#[tokio::test]
async fn a_good_answer_is_taken() {
    let with_code = GOOD.replace('{', r#"{"Code":"Success","#);
    for body in [GOOD, &with_code] {
        let (found, asked) = answered("200 OK", body).await;
        let found = found.unwrap().unwrap();
        assert_eq!(
            (found.access_key_id.as_str(), found.source),
            ("STS.1", Source::Uri.name())
        );
        assert!(found.security_token.is_some() && found.expiration.is_some());
        assert!(
            asked.starts_with("GET /creds?key=in-the-address HTTP/1.1\r\n"),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn every_other_answer_is_an_error_that_quotes_nothing() {
    let long = " ".repeat(LIMIT + 1);
    for (head, body, part) in [
        ("404 Not Found", GOOD, "http status 404"),
        (
            "302 Found\r\nLocation: http://127.0.0.1:1/",
            "",
            "http status 302",
        ),
        ("200 OK", "very-secret", "not JSON"),
        (
            "200 OK",
            &GOOD.replace('{', r#"{"Code":"Failed","#),
            "reports a failure",
        ),
        (
            "200 OK",
            &GOOD.replace("SecurityToken", "Other"),
            "no complete credentials",
        ),
        (
            "200 OK",
            &GOOD.replace("AccessKeySecret", "Other"),
            "no complete credentials",
        ),
        (
            "200 OK",
            &GOOD.replace("Expiration", "Other"),
            "without an expiration",
        ),
        (
            "200 OK",
            &GOOD.replace("2024-03-01", "2024-02-01"),
            "have expired",
        ),
        ("200 OK", &long, "too long"),
    ] {
        let error = answered(head, body).await.0.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(part) && shown.contains(VARIABLE), "{shown}");
        assert!(
            !shown.contains("very-secret") && !shown.contains("in-the-address"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn the_address_is_checked_before_it_is_asked() {
    assert!(provider(None).load().await.unwrap().is_none());
    for (uri, part) in [
        ("not an address", "it is not an address"),
        ("file:///etc/passwd", "neither http nor https"),
        ("http://8.8.8.8/", "plain http goes to local addresses only"),
        ("http://[2001:db8::1]/", "plain http goes to local addresses only"),
        // In other spellings of an address too.
        ("http://134744072/", "plain http goes to local addresses only"),
    ] {
        let error = provider(Some(uri.to_owned())).load().await.unwrap_err();
        assert!(error.to_string().contains(part), "{uri}: {error}");
    }
    for uri in [
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
        "http://localhost:1/",
        "https://127.0.0.1:1/",
    ] {
        let error = provider(Some(uri.to_owned())).load().await.unwrap_err();
        assert!(
            error.to_string().contains(": cannot connect to "),
            "{uri}: {error}"
        );
    }
}
