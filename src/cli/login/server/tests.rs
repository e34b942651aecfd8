//! The request against a server of this process: plain, and over TLS.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::cli::command::Command;
use crate::cli::flags::Flags;

const GRANTED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// Answers one connection after the other, each with one text, and returns what was asked.
fn serve(listener: TcpListener, answers: Vec<String>) -> JoinHandle<Vec<String>> {
    thread::spawn(move || {
        answers
            .into_iter()
            .map(|answer| {
                let (mut stream, _) = listener.accept().unwrap();
                let asked = request(&mut stream);
                let _ = stream.write_all(answer.as_bytes());
                asked
            })
            .collect()
    })
}

/// A request with its body, which is `payload` in every test.
fn request(stream: &mut impl std::io::Read) -> String {
    let mut asked = Vec::new();
    let mut buffer = [0; 1024];
    while !asked.ends_with(b"payload") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(length) => asked.extend_from_slice(&buffer[..length]),
        }
    }
    String::from_utf8(asked).unwrap()
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

fn settings(line: &str, timeout: &'static str, redirects: &'static str) -> Settings {
    let line = format!("-role=r {line}");
    let flags = Flags::parse(Command::Login, line.split_whitespace().map(OsString::from)).unwrap();
    let environment = move |name: &str| match name {
        "BAO_CLIENT_TIMEOUT" => Some(timeout.to_owned()),
        "VAULT_DISABLE_REDIRECTS" => Some(redirects.to_owned()),
        _ => None,
    };
    Settings::read(&flags, &environment).unwrap()
}

async fn attempt(settings: &Settings) -> Result<Vec<u8>, String> {
    let credentials = Credentials::new("id", "s3cret/").with_token("t0ken+");
    let payload = Zeroizing::new("payload".to_owned());
    let body = login(settings, payload, &credentials).await;
    body.map(|body| body.to_vec()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_login_is_one_put_with_the_headers_of_the_clis() {
    let (listener, address) = listener();
    let server = serve(listener, vec![GRANTED.to_owned()]);
    let settings = settings(
        &format!("-address=http://{address} -mount=auth/ali -ns=team/a"),
        "",
        "",
    );
    assert_eq!(attempt(&settings).await.unwrap(), b"{}");
    let asked = server.join().unwrap().remove(0);
    assert!(
        asked.starts_with("PUT /v1/auth/ali/login HTTP/1.1\r\n"),
        "{asked}"
    );
    let asked = asked.to_ascii_lowercase();
    for header in [
        "x-vault-request: true",
        "x-vault-namespace: team/a",
        "content-type: application/json",
        "user-agent: vault-plugin-alicloud/",
    ] {
        assert!(asked.contains(header), "{asked}");
    }
}

#[tokio::test]
async fn answers_that_are_no_token_are_told_without_secrets() {
    let status =
        |line: &str, body: &str| format!("HTTP/1.1 {line}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for (answer, part) in [
        (
            status(
                "403 Forbidden",
                r#"{"errors":["1 error occurred:\n\t* permission denied\n\n","two"]}"#,
            ),
            "refused the login with HTTP status 403: 1 error occurred: * permission denied ; two",
        ),
        (
            status(
                "500 Oops",
                r#"{"errors":["SecurityToken%253Dt0ken%252B t0ken+ s3cret%2F"]}"#,
            ),
            "status 500: SecurityToken%253D[hidden] [hidden] [hidden]",
        ),
        (
            status("404 Not Found", r#"{"errors":[]}"#),
            "status 404: no reason given",
        ),
        (
            status("503 Busy", "<h1>\u{1b}[2Jbusy</h1>"),
            "status 503: <h1> [2Jbusy</h1>",
        ),
        (status("204 No Content", ""), "unexpected login response"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n".to_owned(),
            "is too long",
        ),
        (status("303 See Other", ""), "only one redirect"),
        (
            status("307 Temporary Redirect", ""),
            "the Location header is missing or invalid",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".to_owned(),
            "cannot be reached",
        ),
    ] {
        let (listener, address) = listener();
        let server = serve(listener, vec![answer]);
        let settings = settings(&format!("-address=http://{address}"), "", "");
        let error = attempt(&settings).await.unwrap_err();
        assert!(error.contains(part) && error.contains(&address), "{error}");
        server.join().unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_silent_or_not_there_is_named() {
    let (silent, address) = listener();
    let error = attempt(&settings(&format!("-address=http://{address}"), "1s", "")).await;
    assert!(
        error
            .unwrap_err()
            .contains("does not answer within the time limit")
    );
    drop(silent);
    let error = attempt(&settings(&format!("-address=http://u:pass@{address}"), "", ""))
        .await
        .unwrap_err();
    assert!(
        error.contains("cannot be reached: ") && !error.contains("pass"),
        "{error}"
    );
}

#[tokio::test]
async fn one_redirect_to_the_same_path_is_followed() {
    let redirect = |to: &str| format!("HTTP/1.1 307 T\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    let path = "/v1/auth/alicloud/login";
    let (standby, address) = listener();
    let (active, active_address) = listener();
    let first = serve(standby, vec![redirect(&format!("http://{active_address}{path}"))]);
    let second = serve(active, vec![GRANTED.to_owned()]);
    assert!(
        attempt(&settings(&format!("-address=http://{address}"), "", ""))
            .await
            .is_ok()
    );
    first.join().unwrap();
    let asked = second.join().unwrap().remove(0);
    assert!(
        asked.starts_with("PUT /v1/auth/alicloud/login") && asked.ends_with("payload"),
        "{asked}"
    );

    for (answers, disabled, part) in [
        (vec![redirect("/ui/")], "", "it redirects to another path"),
        (
            vec![redirect("ftp://h/v1/auth/alicloud/login")],
            "",
            "from https to http",
        ),
        (vec![redirect(path), redirect(path)], "", "only one redirect"),
        (vec![redirect(path)], "true", "VAULT_DISABLE_REDIRECTS is set"),
    ] {
        let (listener, address) = listener();
        let server = serve(listener, answers);
        let settings = settings(&format!("-address=http://{address}"), "", disabled);
        let error = attempt(&settings).await.unwrap_err();
        assert!(error.contains(part), "{error}");
        server.join().unwrap();
    }
}

/// An authority, a server certificate of it for `bao.example.com`, and the files of both.
struct Certificates {
    folder: tempfile::TempDir,
    server: Arc<ServerConfig>,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["bao.example.com".to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        let pem = |what: &str, der: &[u8]| {
            format!(
                "-----BEGIN {what}-----\n{}\n-----END {what}-----\n",
                STANDARD.encode(der)
            )
        };
        for (name, text) in [
            ("ca.pem", pem("CERTIFICATE", authority.der())),
            ("leaf.pem", pem("CERTIFICATE", leaf.der())),
            ("key.pem", pem("PRIVATE KEY", &key.serialize_der())),
            ("notes.txt", "no certificate".to_owned()),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        Self {
            folder,
            server: Arc::new(server),
        }
    }

    /// Answers one login, and tells whether the client showed a certificate.
    fn serve(&self) -> (String, JoinHandle<bool>) {
        let (listener, address) = listener();
        let config = Arc::clone(&self.server);
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            request(&mut stream);
            let _ = stream.write_all(GRANTED.as_bytes());
            stream.conn.peer_certificates().is_some()
        });
        (address, server)
    }
}

#[tokio::test]
async fn tls_is_as_the_flags_say() {
    let certificates = Certificates::new();
    let folder = certificates.folder.path().display();
    let ca = format!("-ca-cert={folder}/ca.pem");
    let name = "-tls-server-name=bao.example.com";
    let client = format!("-client-cert={folder}/leaf.pem -client-key={folder}/key.pem");
    for (line, expected) in [
        (format!("{ca} {name}"), Ok(false)),
        (format!("{name} -ca-path={folder}"), Ok(false)),
        ("-tls-skip-verify".to_owned(), Ok(false)),
        (format!("{ca} {name} {client}"), Ok(true)),
        (ca.clone(), Err("is for another name: it has bao.example.com")),
        (name.to_owned(), Err("is signed by an unknown CA")),
        (
            format!("{ca} -tls-server-name=other.example.com"),
            Err("is for another name: it has bao.example.com"),
        ),
    ] {
        let (address, server) = certificates.serve();
        let outcome = attempt(&settings(&format!("-address=https://{address} {line}"), "", "")).await;
        let shown = server.join().unwrap();
        match (outcome, expected) {
            (Ok(_), Ok(expected)) => assert_eq!(shown, expected, "{line}"),
            (Err(error), Err(part)) => assert!(error.contains(part), "{line}: {error}"),
            (outcome, _) => panic!("{line}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_servers_own_ca_certificate_is_accepted_where_it_is_trusted_itself() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["bao.example.com".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap();
    let pem = STANDARD.encode(own.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n");
    std::fs::write(folder.path().join("self.pem"), pem).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![own.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let certificates = Certificates {
        folder,
        server: Arc::new(server),
    };
    let folder = certificates.folder.path().display();
    for (line, refusal) in [
        (
            format!("-ca-cert={folder}/self.pem -tls-server-name=bao.example.com"),
            None,
        ),
        (
            format!("-ca-cert={folder}/self.pem -tls-server-name=other.example.com"),
            Some("is for another name: it has bao.example.com"),
        ),
        (
            "-tls-server-name=bao.example.com".to_owned(),
            Some("is a CA certificate"),
        ),
    ] {
        let (address, server) = certificates.serve();
        let outcome = attempt(&settings(&format!("-address=https://{address} {line}"), "", "")).await;
        server.join().unwrap();
        match (outcome, refusal) {
            (Ok(_), None) => {}
            (Err(error), Some(part)) => assert!(error.contains(part), "{error}"),
            (outcome, _) => panic!("{line}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_proxy_that_is_none_is_named_by_its_setting() {
    let mut settings = settings("-address=http://bao.example.com", "", "");
    settings.proxy = Proxy::Given {
        from: "VAULT_PROXY_ADDR".to_owned(),
        value: "http://user:pa#55word@127.0.0.1:1".to_owned(),
    };
    let error = attempt(&settings).await.unwrap_err();
    assert!(
        error.starts_with("VAULT_PROXY_ADDR is not the address of a proxy"),
        "{error}"
    );
    assert!(!error.contains("55word"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_without_its_password() {
    let (closed, address) = listener();
    drop(closed);
    let mut settings = settings("-address=http://bao.example.com", "", "");
    settings.proxy = Proxy::Given {
        from: "VAULT_PROXY_ADDR".to_owned(),
        value: format!("http://user:pa55word@{address}"),
    };
    let expected = format!(
        "http://bao.example.com cannot be reached through the proxy {address}: no connection to the proxy: connection refused"
    );
    assert_eq!(attempt(&settings).await, Err(expected));
}

#[tokio::test]
async fn a_given_proxy_is_used_for_every_address() {
    let (listener, address) = listener();
    let server = serve(listener, vec![GRANTED.to_owned()]);
    let mut settings = settings("-address=http://localhost:9", "", "");
    settings.proxy = Proxy::Given {
        from: "VAULT_PROXY_ADDR".to_owned(),
        value: format!("http://user:pass@{address}"),
    };
    assert_eq!(attempt(&settings).await.unwrap(), b"{}");
    let asked = server.join().unwrap().remove(0);
    assert!(
        asked.starts_with("PUT http://localhost:9/v1/auth/alicloud/login HTTP/1.1\r\n"),
        "{asked}"
    );
    let asked = asked.to_ascii_lowercase();
    assert!(
        asked.contains("proxy-authorization: basic dxnlcjpwyxnz\r\n"),
        "{asked}"
    );
}

#[tokio::test]
async fn files_that_do_not_serve_are_named() {
    let certificates = Certificates::new();
    let folder = certificates.folder.path().display();
    for (line, part) in [
        (
            "-ca-cert=/no/such/file".to_owned(),
            "/no/such/file cannot be read as PEM",
        ),
        (
            format!("-ca-cert={folder}/notes.txt"),
            "notes.txt has no CA certificate",
        ),
        (
            format!("-tls-skip-verify -client-cert={folder}/leaf.pem -client-key={folder}/ca.pem"),
            "ca.pem cannot be read as PEM",
        ),
    ] {
        let error = attempt(&settings(&line, "", "")).await.unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn https_towards_a_server_of_http_gives_a_hint() {
    let (listener, address) = listener();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
        // Closing with something unread would reset the connection before the client reads.
        let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
    });
    let settings = settings(&format!("-tls-skip-verify -address=https://{address}"), "", "");
    let error = attempt(&settings).await.unwrap_err();
    assert!(error.contains("does this port speak http"), "{error}");
    server.join().unwrap();
}
