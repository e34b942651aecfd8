//! A connection through a SOCKS5 proxy: RFC 1928, with user and password of RFC 1929.

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::connect_error::ConnectError;
use super::proxy::Login;

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const CONNECT: u8 = 1;

/// Asks for a connection to a host, which the proxy looks up. When it is there, what is written next arrives at the host.
///
/// # Errors
/// What the proxy answers, if it is not the connection.
pub(super) async fn open(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    host: &str,
    port: u16,
    login: Option<&Login>,
) -> Result<(), ConnectError> {
    let offer: &[u8] = match login {
        Some(_) => &[VERSION, 2, NO_LOGIN, USER_AND_PASSWORD],
        None => &[VERSION, 1, NO_LOGIN],
    };
    send(stream, offer).await?;
    match (receive(stream).await?, login) {
        ([VERSION, NO_LOGIN], _) => {}
        ([VERSION, USER_AND_PASSWORD], Some(login)) => log_in(stream, login).await?,
        ([VERSION, _], None) => {
            return Err(ConnectError::new("the proxy requires a user name and password").lasting());
        }
        ([VERSION, _], Some(_)) => {
            return Err(ConnectError::new("the proxy takes no user name and password").lasting());
        }
        _ => return Err(no_socks()),
    }
    let mut request = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Err(_) => {
            let length = u8::try_from(host.len());
            request.extend([
                3,
                length.map_err(|_| ConnectError::new("the name is too long for SOCKS5"))?,
            ]);
            request.extend(host.bytes());
        }
    }
    request.extend(port.to_be_bytes());
    send(stream, &request).await?;
    let [version, reply, _, kind] = receive(stream).await?;
    if version != VERSION {
        return Err(no_socks());
    }
    if reply != 0 {
        return Err(ConnectError::new(refusal(reply)));
    }
    // The address that the proxy connects from: of no use here, but it must be read.
    let length = match kind {
        1 => 4,
        3 => {
            let [length] = receive(stream).await?;
            usize::from(length)
        }
        4 => 16,
        _ => return Err(no_socks()),
    };
    let mut bound = vec![0; length + 2];
    stream
        .read_exact(&mut bound)
        .await
        .map_err(|error| ConnectError::of_proxy_io(&error))?;
    Ok(())
}

async fn log_in(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    Login { user, password }: &Login,
) -> Result<(), ConnectError> {
    let mut request = Zeroizing::new(Vec::with_capacity(3 + user.len() + password.len()));
    request.push(1);
    for text in [user, password] {
        // Longer ones are no addresses of a proxy.
        request.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        request.extend_from_slice(text);
    }
    send(stream, &request).await?;
    match receive(stream).await? {
        [_, 0] => Ok(()),
        _ => Err(ConnectError::new("the proxy does not accept the user name and password").lasting()),
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), ConnectError> {
    stream
        .write_all(bytes)
        .await
        .map_err(|error| ConnectError::of_proxy_io(&error))
}

async fn receive<const LENGTH: usize>(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<[u8; LENGTH], ConnectError> {
    let mut bytes = [0; LENGTH];
    stream
        .read_exact(&mut bytes)
        .await
        .map_err(|error| ConnectError::of_proxy_io(&error))?;
    Ok(bytes)
}

fn no_socks() -> ConnectError {
    ConnectError::new("the proxy does not answer as a SOCKS5 proxy does")
}

/// RFC 1928 section 6.
fn refusal(reply: u8) -> &'static str {
    match reply {
        2 => "the proxy does not allow this host",
        3 => "the proxy has no route to the network of this host",
        4 => "the proxy cannot reach this host, or cannot resolve its name",
        5 => "the proxy was refused by this host",
        6 => "the proxy did not reach this host in time",
        _ => "the proxy opened no connection to this host",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a proxy that answers with these bytes, whatever it is asked.
    async fn answered(answers: &[u8], login: bool) -> Result<Vec<u8>, String> {
        let (mut ours, mut theirs) = tokio::io::duplex(1024);
        theirs.write_all(answers).await.unwrap();
        theirs.shutdown().await.unwrap();
        let login = login.then(|| Login {
            user: Zeroizing::new(b"us".to_vec()),
            password: Zeroizing::new(b"pw".to_vec()),
        });
        open(&mut ours, "sts.test", 443, login.as_ref())
            .await
            .map_err(|error| error.to_string())?;
        drop(ours);
        let mut asked = Vec::new();
        theirs.read_to_end(&mut asked).await.unwrap();
        Ok(asked)
    }

    #[tokio::test]
    async fn the_proxy_is_asked_for_the_name() {
        const DONE: [u8; 10] = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        const ASKED: &[u8] = b"\x05\x01\x00\x03\x08sts.test\x01\xbb";
        let asked = answered(&[&[5, 0][..], &DONE].concat(), false).await.unwrap();
        assert_eq!(asked, [b"\x05\x01\x00", ASKED].concat());
        let asked = answered(&[&[5, 2, 1, 0][..], &DONE].concat(), true)
            .await
            .unwrap();
        assert_eq!(asked, [b"\x05\x02\x00\x02\x01\x02us\x02pw", ASKED].concat());
        for bound in [
            &[5, 0, 0, 3, 1, b'x', 0, 0][..],
            &[&[5, 0, 0, 4][..], &[0; 18]].concat(),
        ] {
            assert!(answered(&[&[5, 0][..], bound].concat(), false).await.is_ok());
        }
    }

    #[tokio::test]
    async fn each_answer_is_told() {
        for (answers, login, text) in [
            (&[5, 0xff][..], false, "requires a user name and password"),
            (&[5, 0xff], true, "takes no user name and password"),
            (&[5, 2, 1, 1], true, "does not accept the user name and password"),
            (&[5, 0, 5, 2, 0, 1], false, "does not allow this host"),
            (
                &[5, 0, 5, 4, 0, 1],
                false,
                "cannot reach this host, or cannot resolve its name",
            ),
            (&[5, 0, 5, 5, 0, 1], false, "was refused by this host"),
            (&[5, 0, 5, 1, 0, 1], false, "opened no connection to this host"),
            (&[4, 0], false, "does not answer as a SOCKS5 proxy does"),
            (
                b"HTTP/1.1 400 Bad\r\n\r\n",
                false,
                "does not answer as a SOCKS5 proxy does",
            ),
            (&[5], false, "closed the connection"),
            (&[], false, "closed the connection"),
        ] {
            let told = answered(answers, login).await.unwrap_err();
            assert_eq!(told, format!(": the proxy {text}"), "{answers:?}");
        }
    }
}
