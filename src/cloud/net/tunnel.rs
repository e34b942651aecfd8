//! A tunnel through an HTTP proxy, RFC 9110 section 9.3.6.

use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::connect_error::ConnectError;

/// Longest head of an answer, in bytes.
const LONGEST: usize = 8 * 1024;

/// Asks for a tunnel to a place (`host:port`). When it is open, what is written next arrives there.
///
/// # Errors
/// What the proxy answers, if it is not the tunnel.
pub(super) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    place: &str,
    user_agent: &str,
    login: Option<&HeaderValue>,
) -> Result<(), ConnectError> {
    let mut request = Zeroizing::new(Vec::with_capacity(1024));
    request.extend_from_slice(
        format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nUser-Agent: {user_agent}\r\n").as_bytes(),
    );
    if let Some(login) = login {
        for part in [b"Proxy-Authorization: ", login.as_bytes(), b"\r\n"] {
            request.extend_from_slice(part);
        }
    }
    request.extend_from_slice(b"\r\n");
    let sent = stream.write_all(&request).await;
    sent.map_err(|error| ConnectError::of_proxy_io(&error))?;
    let head = head(stream).await?;
    match status(&head) {
        Some(200..=299) => Ok(()),
        Some(407) if login.is_none() => {
            Err(ConnectError::new("the proxy answered 407: it requires a user name and password").lasting())
        }
        Some(407) => Err(ConnectError::new(
            "the proxy answered 407: it does not accept the user name and password",
        )
        .lasting()),
        Some(403) => Err(ConnectError::new(
            "the proxy answered 403: it does not allow this host",
        )),
        Some(status @ (502..=504)) => Err(ConnectError::new(format!(
            "the proxy answered {status}: it cannot connect to this host"
        ))),
        Some(status) => Err(ConnectError::new(format!(
            "the proxy answered {status}, and opened no connection to this host"
        ))),
        None => Err(ConnectError::new(
            "the proxy does not answer as an HTTP proxy does",
        )),
    }
}

/// Reads up to the empty line: nothing comes behind it before something is sent.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, ConnectError> {
    let mut head = Vec::with_capacity(512);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST {
            return Err(ConnectError::new("the proxy's answer is too long"));
        }
        let read = stream.read_buf(&mut head).await;
        if read.map_err(|error| ConnectError::of_proxy_io(&error))? == 0 {
            return Err(ConnectError::new("the proxy closed the connection"));
        }
    }
    Ok(head)
}

fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next().filter(|status| status.len() == 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered(answer: &[u8], login: bool) -> Result<(), String> {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        theirs.write_all(answer).await.unwrap();
        theirs.shutdown().await.unwrap();
        let login = login.then(|| HeaderValue::from_static("Basic dTpw"));
        let opened = open(&mut ours, "sts.test:443", "agent/1", login.as_ref()).await;
        let mut asked = vec![0; 1024];
        let length = theirs.read(&mut asked).await.unwrap();
        let asked = String::from_utf8(asked[..length].to_vec()).unwrap();
        let head = "CONNECT sts.test:443 HTTP/1.1\r\nHost: sts.test:443\r\nUser-Agent: agent/1\r\n";
        let authorization = if login.is_some() {
            "Proxy-Authorization: Basic dTpw\r\n"
        } else {
            ""
        };
        assert_eq!(asked, format!("{head}{authorization}\r\n"));
        opened.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn each_answer_is_told() {
        for answer in [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.0 200\r\nVia: x\r\n\r\n",
        ] {
            assert_eq!(answered(answer.as_bytes(), false).await, Ok(()), "{answer}");
        }
        for (answer, text) in [
            (
                "HTTP/1.1 407 Proxy\r\n\r\n",
                ": the proxy answered 407: it requires a user name and password",
            ),
            (
                "HTTP/1.1 403 Forbidden\r\nX: y\r\n\r\n",
                ": the proxy answered 403: it does not allow this host",
            ),
            (
                "HTTP/1.1 502 Bad\r\n\r\n",
                ": the proxy answered 502: it cannot connect to this host",
            ),
            (
                "HTTP/1.1 504 Late\r\n\r\n",
                ": the proxy answered 504: it cannot connect to this host",
            ),
            (
                "HTTP/1.1 500 Oops\r\n\r\n",
                ": the proxy answered 500, and opened no connection to this host",
            ),
            (
                "HTTP/1.1 302 Found\r\n\r\n",
                ": the proxy answered 302, and opened no connection to this host",
            ),
            (
                "SSH-2.0-x\r\n\r\n",
                ": the proxy does not answer as an HTTP proxy does",
            ),
            (
                "HTTP/1.1 2000 OK\r\n\r\n",
                ": the proxy does not answer as an HTTP proxy does",
            ),
            ("", ": the proxy closed the connection"),
            ("HTTP/1.1 200 OK\r\n", ": the proxy closed the connection"),
        ] {
            assert_eq!(
                answered(answer.as_bytes(), false).await,
                Err(text.to_owned()),
                "{answer}"
            );
        }
        let refused = answered(b"HTTP/1.1 407 Proxy\r\n\r\n", true).await.unwrap_err();
        assert!(
            refused.ends_with("it does not accept the user name and password"),
            "{refused}"
        );
        let endless = answered("x".repeat(LONGEST + 1).as_bytes(), false)
            .await
            .unwrap_err();
        assert_eq!(endless, ": the proxy's answer is too long");
    }
}
