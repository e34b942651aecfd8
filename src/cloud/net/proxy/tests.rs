//! Values of the variables, and the way of requests against proxies of this process.
//!
//! The table of routes was compared with Go 1.26 (`net/http`, `golang.org/x/net/http/httpproxy`); where Go has no such
//! variable, or takes a value for a proxy that no request can go through, the row says so.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use proptest::prelude::*;
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::*;
use crate::cloud::net::testing::{TestNames, trusting};
use crate::cloud::net::{HttpClient, HttpSettings, SendError};

/// The environment of a row, `NAME=value` each.
fn proxies(variables: &[&str]) -> Proxies {
    let variables: HashMap<String, String> = variables
        .iter()
        .map(|variable| variable.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Proxies::of(move |name| variables.get(name).cloned())
}

fn read(value: &str) -> Result<String, &'static str> {
    let proxy = Proxy::parse(value)?;
    let login = proxy.login.map(|login| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        format!("{}:{}@", text(&login.user), text(&login.password))
    });
    let host = if proxy.host.contains(':') {
        format!("[{}]", proxy.host)
    } else {
        proxy.host
    };
    Ok(format!(
        "{:?} {}{host}:{}",
        proxy.protocol,
        login.unwrap_or_default(),
        proxy.port
    ))
}

#[test]
fn an_address_is_read() {
    for (value, proxy) in [
        ("http://proxy.test:3128", "Http proxy.test:3128"),
        ("HTTP://Proxy.Test:3128/", "Http proxy.test:3128"),
        ("http://proxy.test", "Http proxy.test:80"),
        ("http://proxy.test:", "Http proxy.test:80"),
        ("https://proxy.test", "Https proxy.test:443"),
        ("proxy.test:3128", "Http proxy.test:3128"),
        ("proxy_1", "Http proxy_1:80"),
        ("10.0.0.1:3128", "Http 10.0.0.1:3128"),
        ("[2001:db8::1]:3128", "Http [2001:db8::1]:3128"),
        ("user@proxy.test:1", "Http user:@proxy.test:1"),
        (
            "http://us%40er:p%23%2Fw@proxy.test:1",
            "Http us@er:p#/w@proxy.test:1",
        ),
        ("http://user:p@w:x@proxy.test:1", "Http user:p@w:x@proxy.test:1"),
        ("http://proxy.test:3128/some/path", "Http proxy.test:3128"),
        ("socks5://proxy.test", "Socks5 proxy.test:1080"),
        ("socks5h://u:p@proxy.test:9", "Socks5 u:p@proxy.test:9"),
        // A service may be called so.
        ("http:3128", "Http http:3128"),
    ] {
        assert_eq!(read(value).as_deref(), Ok(proxy), "{value}");
    }
}

#[test]
fn what_is_no_address_is_refused_by_its_rule() {
    for (value, part) in [
        ("\"http://127.0.0.1:9\"", "quotation marks"),
        ("'http://127.0.0.1:9'", "quotation marks"),
        ("\u{201c}http://127.0.0.1:9\u{201d}", "quotation marks"),
        ("http://127.0.0.1:9\nx", "line break"),
        ("http://user:p w@127.0.0.1:9", "a blank"),
        ("http://127.0.0.1 :9", "a blank"),
        ("http://127.0.0.1:9 # office", "a blank"),
        ("http://a\u{a0}b:9", "a blank"),
        ("http://a\u{200b}b:9", "beyond ASCII"),
        ("http://a\u{fffd}:9", "beyond ASCII"),
        ("htp://127.0.0.1:9", "its scheme is none of"),
        ("ftp://127.0.0.1:9", "its scheme is none of"),
        ("socks4://127.0.0.1:9", "its scheme is none of"),
        ("socks://127.0.0.1:9", "its scheme is none of"),
        ("://127.0.0.1:9", "its scheme is none of"),
        ("http://user:p#w@127.0.0.1:9", "before the @"),
        ("http://user:p/w@127.0.0.1:9", "before the @"),
        ("http://user:p?w@127.0.0.1:9", "before the @"),
        ("http://user:12/w@127.0.0.1:9", "before the @"),
        ("user:p#w@127.0.0.1:9", "before the @"),
        ("http://user:p%w@127.0.0.1:9", "not followed by two digits"),
        ("http://user:p%2@127.0.0.1:9", "not followed by two digits"),
        ("http://us\"er:p@127.0.0.1:9", "must be written as %"),
        ("http://user:p^w@127.0.0.1:9", "must be written as %"),
        ("http://", "no host"),
        ("http://:9", "no host"),
        (":9", "no host"),
        ("http://user:pw@", "no host"),
        ("http:/127.0.0.1:9", "not followed by ://"),
        ("https//127.0.0.1:9", "not followed by ://"),
        ("http:127.0.0.1:9", "a character that no host has"),
        ("http:\\\\127.0.0.1:9", "a character that no host has"),
        ("http://${PROXY}:9", "a character that no host has"),
        (
            "http://127.0.0.1:9,http://127.0.0.2:9",
            "a character that no host has",
        ),
        ("http://127.0.0.1:9,127.0.0.2", "its port"),
        ("http://127.0.0.1:9;", "its port"),
        ("http://127.0.0.1:0", "its port"),
        ("http://127.0.0.1:65536", "its port"),
        ("http://127.0.0.1:+9", "its port"),
        ("http://127.0.0.1:http", "its port"),
        ("::1", "in brackets"),
        ("http://[::1", "not closed"),
        ("http://[::1]9", "between the host and the port"),
        ("http://[proxy]:9", "not an IPv6 address"),
    ] {
        let rule = read(value).unwrap_err();
        assert!(rule.contains(part), "{value}: {rule}");
    }
    let long = format!("socks5://{}@127.0.0.1:9", "u".repeat(256));
    assert!(read(&long).unwrap_err().contains("255 bytes"));
}

#[test]
fn an_error_names_the_variable_and_nothing_of_its_value() {
    let broken = proxies(&[
        "https_proxy=http://user:pa55#word@10.11.12.13:9",
        "HTTP_PROXY=http://fine:9",
    ]);
    let errors: Vec<_> = broken.errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1);
    for part in ["https_proxy is not", "before the @", "user:password@", "%23"] {
        assert!(errors[0].contains(part), "{errors:?}");
    }
    let shown = format!("{errors:?} {broken:?}");
    assert!(
        !shown.contains("pa55") && !shown.contains("10.11.12.13"),
        "{shown}"
    );
    let all = proxies(&["ALL_PROXY='http://10.11.12.13:9'"]);
    assert_eq!(all.errors().count(), 1);
    let shown = format!("{:?}", proxies(&["HTTPS_PROXY=http://user:pa55@proxy.test"]));
    assert!(
        shown.contains("proxy.test:80") && !shown.contains("pa55"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn the_host_is_the_one_that_a_url_parser_sees(rest in "[a-c1:@/?#%._-]{1,16}") {
        let value = format!("http://{rest}");
        if let (Ok(proxy), Ok(url)) = (Proxy::parse(&value), Url::parse(&value)) {
            // It takes numbers for addresses in the old way.
            if url.domain().is_some() {
                prop_assert_eq!(url.host_str(), Some(proxy.host.as_str()));
            }
            prop_assert_eq!(url.port_or_known_default(), Some(proxy.port));
        }
    }
}

/// A proxy that opens every tunnel to one server, and remembers what it was asked for.
struct TestProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let record = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, server, Arc::clone(&record)));
            }
        });
        Self { address, asked }
    }
}

async fn serve(mut stream: TcpStream, server: SocketAddr, record: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut first = [0; 1];
    stream.peek(&mut first).await.ok()?;
    let asked = if first == [5] {
        socks(&mut stream).await?
    } else {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?;
        let login = head.contains("Proxy-Authorization: Basic dXNlcjpwYXNz");
        let forwarded = head.contains("proxy-authorization: Basic dXNlcjpwYXNz");
        let line = head.lines().next()?.rsplit_once(' ')?.0.to_owned();
        if line.starts_with("CONNECT") {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
        }
        format!("{line}{}", if login || forwarded { " by user" } else { "" })
    };
    let is_tunnel = !asked.starts_with("GET");
    record.lock().unwrap().push(asked);
    if !is_tunnel {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nserver";
        return stream.write_all(answer).await.ok();
    }
    let mut upstream = TcpStream::connect(server).await.ok()?;
    tokio::io::copy_bidirectional(&mut stream, &mut upstream)
        .await
        .ok()?;
    Some(())
}

/// Takes part in the handshake of SOCKS5, and wants a login where one is offered.
async fn socks(stream: &mut TcpStream) -> Option<String> {
    let mut methods = vec![0; 2];
    stream.read_exact(&mut methods).await.ok()?;
    let mut offered = vec![0; usize::from(methods[1])];
    stream.read_exact(&mut offered).await.ok()?;
    let login = offered.contains(&2);
    stream.write_all(&[5, if login { 2 } else { 0 }]).await.ok()?;
    if login {
        let mut asked = [0; 11];
        stream.read_exact(&mut asked).await.ok()?;
        assert_eq!(&asked, b"\x01\x04user\x04pass");
        stream.write_all(&[1, 0]).await.ok()?;
    }
    let mut request = [0; 5];
    stream.read_exact(&mut request).await.ok()?;
    assert_eq!(request[..4], [5, 1, 0, 3], "a name is sent as a name");
    let mut place = vec![0; usize::from(request[4]) + 2];
    stream.read_exact(&mut place).await.ok()?;
    let port = u16::from_be_bytes([place[place.len() - 2], place[place.len() - 1]]);
    place.truncate(place.len() - 2);
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    let host = String::from_utf8(place).ok()?;
    Some(format!(
        "SOCKS {host}:{port}{}",
        if login { " by user" } else { "" }
    ))
}

/// The server behind the proxies: it has no certificate, so that a tunnel is seen and then fails.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 6\r\n\r\nserver";
            let mut bytes = [0; 4096];
            let _ = stream.read(&mut bytes).await;
            let _ = stream.write_all(answer).await;
        }
    });
    address
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Way {
    Direct,
    Proxy,
    Fails,
}

use Way::{Direct, Fails, Proxy as ByProxy};

/// Variables, a URL, and the way. `{P}` is a proxy of this process, which speaks HTTP and SOCKS5, and `{S}` the server's port.
const ROUTES: &[(&[&str], &str, Way)] = &[
    (&[], "https://sts.test/", Direct),
    (&["HTTPS_PROXY=http://{P}"], "https://sts.test/", ByProxy),
    (&["https_proxy=http://{P}"], "https://sts.test/", ByProxy),
    (&["HTTPS_PROXY={P}"], "https://sts.test/", ByProxy),
    (
        &["HTTPS_PROXY=http://user:pass@{P}"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "https_proxy=http://127.0.0.1:1"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=", "https_proxy=http://{P}"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=  ", "https_proxy=http://{P}"],
        "https://sts.test/",
        ByProxy,
    ),
    (&["HTTPS_PROXY= http://{P}\n"], "https://sts.test/", ByProxy),
    (&["HTTPS_PROXY=http://{P}/"], "https://sts.test/", ByProxy),
    (&["HTTPS_PROXY=http://{P}"], "http://sts.test/", Direct),
    (&["HTTP_PROXY=http://{P}"], "https://sts.test/", Direct),
    (&["HTTP_PROXY=http://{P}"], "http://sts.test/", ByProxy),
    (&["http_proxy=http://user:pass@{P}"], "http://sts.test/", ByProxy),
    (
        &["HTTP_PROXY=http://{P}", "REQUEST_METHOD=GET"],
        "http://sts.test/",
        ByProxy,
    ),
    (&["HTTPS_PROXY=socks5://{P}"], "https://sts.test/", ByProxy),
    (&["HTTPS_PROXY=socks5h://{P}"], "https://sts.test/", ByProxy),
    (
        &["HTTPS_PROXY=socks5://user:pass@{P}"],
        "https://sts.test/",
        ByProxy,
    ),
    (&["HTTP_PROXY=socks5://{P}"], "http://sts.test/", ByProxy),
    // Not in Go.
    (&["ALL_PROXY=http://{P}"], "https://sts.test/", ByProxy),
    (&["all_proxy=socks5://{P}"], "http://sts.test/", ByProxy),
    (
        &["ALL_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://{P}"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["ALL_PROXY=http://{P}", "NO_PROXY=sts.test"],
        "https://sts.test/",
        Direct,
    ),
    // Loopback, whatever is said.
    (&["HTTPS_PROXY=http://{P}"], "https://localhost:{S}/", Direct),
    (&["HTTPS_PROXY=http://{P}"], "https://127.0.0.1:{S}/", Direct),
    (&["HTTPS_PROXY=http://{P}"], "https://127.8.9.1:{S}/", Direct),
    (&["HTTPS_PROXY=http://{P}"], "https://[::1]:{S}/", Direct),
    (&["HTTP_PROXY=http://{P}"], "http://localhost:{S}/", Direct),
    (&["HTTPS_PROXY=http://{P}"], "https://sts.localhost/", ByProxy),
    // NO_PROXY.
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=*"],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "no_proxy=*"],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=", "no_proxy=*"],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=x.test", "no_proxy=*"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=x.test, * "],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=sts.test"],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=STS.Test"],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY= a , sts.test ,"],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=test"],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=.test"],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=*.test"],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=*.test:443"],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=.sts.test"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=*.sts.test"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=ts.test"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=*ts.test"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=sts.*"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=*:443"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=sts.test:443"],
        "https://sts.test/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=sts.test:8443"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=sts.test:8443"],
        "https://sts.test:8443/",
        Direct,
    ),
    (
        &["HTTP_PROXY=http://{P}", "NO_PROXY=sts.test:443"],
        "http://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=x.test sts.test"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=https://sts.test"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=0.0.0.0/0"],
        "https://sts.test/",
        ByProxy,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=192.0.2.0/24"],
        "https://192.0.2.7/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=192.0.2.7:443"],
        "https://192.0.2.7/",
        Direct,
    ),
    (
        &["HTTPS_PROXY=http://{P}", "NO_PROXY=192.0.2"],
        "https://192.0.2.7/",
        ByProxy,
    ),
    // Go goes on without a proxy, or with one that is none.
    (&["HTTPS_PROXY=\"http://{P}\""], "https://sts.test/", Fails),
    (&["HTTPS_PROXY=http://user:p w@{P}"], "https://sts.test/", Fails),
    (&["HTTPS_PROXY=htp://{P}"], "https://sts.test/", Fails),
    (&["HTTPS_PROXY=http://user:p#w@{P}"], "https://sts.test/", Fails),
    (&["HTTPS_PROXY=http://{P}\nx"], "https://sts.test/", Fails),
    (&["ALL_PROXY='{P}'"], "https://sts.test/", Fails),
    (
        &["HTTPS_PROXY='{P}'", "https_proxy=http://{P}"],
        "https://sts.test/",
        Fails,
    ),
    (&["HTTPS_PROXY='{P}'"], "http://sts.test/", Direct),
    (
        &["HTTPS_PROXY='{P}'", "NO_PROXY=sts.test"],
        "https://sts.test/",
        Direct,
    ),
    (&["HTTPS_PROXY='{P}'"], "https://localhost:{S}/", Direct),
];

#[tokio::test]
async fn requests_go_the_way_that_the_variables_say() {
    let server = server().await;
    let proxy = TestProxy::start(server).await;
    let names = ["sts.test", "192.0.2.7"].map(|name| (name.to_owned(), server));
    let names = HashMap::from(names);
    let tls = Arc::new(trusting(RootCertStore::empty()));
    for (variables, url, way) in ROUTES {
        let variables: Vec<_> = variables
            .iter()
            .map(|variable| variable.replace("{P}", &proxy.address.to_string()))
            .collect();
        let variables: Vec<_> = variables.iter().map(String::as_str).collect();
        let url = url.replace("{S}", &server.port().to_string());
        let client = HttpClient::new(HttpSettings {
            proxies: Arc::new(proxies(&variables)),
            tls: Some(Arc::clone(&tls)),
            names: Arc::new(TestNames(names.clone())),
            ..HttpSettings::plain(Duration::from_secs(5))
        });
        let request = Request::get(&url).body(Bytes::new()).unwrap();
        let told = match client.send(request, 100).await {
            Ok(answer) => format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)),
            Err(SendError::Connect(error)) => error.to_string(),
            Err(error) => panic!("{variables:?} {url}: {error:?}"),
        };
        let asked = std::mem::take(&mut *proxy.asked.lock().unwrap());
        let seen = match (asked.len(), told.contains("is not the address of a proxy")) {
            (0, true) => Fails,
            (0, false) => Direct,
            _ => ByProxy,
        };
        assert_eq!(seen, *way, "{variables:?} {url}: {told} {asked:?}");
        let wants_login = variables.iter().any(|variable| variable.contains("user:pass@"));
        assert_eq!(
            asked.iter().any(|asked| asked.ends_with(" by user")),
            wants_login,
            "{asked:?}"
        );
        match (way, url.starts_with("https")) {
            (ByProxy, true) => assert!(told.contains(" through the proxy "), "{told}"),
            (Direct | ByProxy, false) => assert_eq!(told, "200 server", "{variables:?} {url}"),
            _ => {}
        }
    }
}
