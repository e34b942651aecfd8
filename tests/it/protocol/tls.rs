//! AutoMTLS, as server on the main connection and as client on brokered ones.

use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use crate::host::{
    Host, Identity, Kind, Process, Product,
    identity::{TLS_1_2, TLS_1_3, TLS_ALL},
    secure,
};

/// Whether the plugin lets a peer in. With TLS 1.3 a client learns of its refusal when it reads.
async fn lets_in(process: &Process, client: std::sync::Arc<rustls::ClientConfig>) -> bool {
    let socket = UnixStream::connect(&process.line.address).await.unwrap();
    let Ok(mut stream) = secure(socket, client, &process.line.certificate).await else {
        return false;
    };
    // The preface and empty settings of HTTP/2; a server answers with settings of its own.
    let _ = stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await;
    let mut byte = [0];
    matches!(stream.read(&mut byte).await, Ok(1))
}

#[tokio::test]
async fn only_the_hosts_own_certificate_and_key_open_the_door() {
    let (process, identity) = Host::builder().process().await;
    let plugin = &process.line.certificate;
    assert!(
        lets_in(&process, identity.client(plugin, TLS_ALL)).await,
        "the host"
    );
    for versions in [TLS_1_2, TLS_1_3] {
        assert!(
            lets_in(&process, identity.client(plugin, versions)).await,
            "the host with {versions:?}"
        );
        let stranger = Identity::new();
        assert!(
            !lets_in(&process, stranger.client(plugin, versions)).await,
            "another certificate"
        );
        let thief = identity.with_wrong_key();
        assert!(
            !lets_in(&process, thief.client(plugin, versions)).await,
            "another key"
        );
    }
    assert!(
        !lets_in(&process, Identity::anonymous_client(plugin)).await,
        "no certificate"
    );
    assert!(
        lets_in(&process, identity.client(plugin, TLS_ALL)).await,
        "the host again"
    );
}

/// Equality is what counts: a clock that steps must not cut the host off.
#[tokio::test]
async fn the_hosts_certificate_is_accepted_whatever_its_dates() {
    let identity = Identity::expired();
    let process = crate::host::Start::new(&identity).start().await;
    assert!(lets_in(&process, identity.client(&process.line.certificate, TLS_ALL)).await);
}

/// ALPN is checked by the host in both roles, at every connection.
#[tokio::test]
async fn both_tls_versions_work_in_both_roles() {
    for versions in [TLS_1_2, TLS_1_3] {
        let host = Host::builder().tls(versions).start().await;
        let mount = host.mount(Kind::Secrets).await;
        mount
            .write("config", json!({"access_key": "a", "secret_key": "b"}))
            .await
            .ok();
        mount.read("config").await.expect(200);
        assert_eq!(host.broker.refusals(), Vec::<String>::new());
        host.shutdown().await;
    }
}

#[tokio::test]
async fn a_brokered_service_with_another_certificate_is_not_used() {
    let (process, identity) = Host::builder().process().await;
    let plugin = process.line.certificate.clone();
    let mut host = Host::connect(process, identity, TLS_ALL, false, Product::OpenBao).await;
    let impostor = Identity::new().server(&plugin, TLS_ALL);
    let dir = host.process.dir.path().to_owned();
    host.broker = crate::host::Broker::open(host.channel.clone(), impostor, plugin, dir).await;
    let error = host
        .mounting(Kind::Secrets)
        .setup()
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn peers_that_stay_silent_keep_nobody_out() {
    let (process, identity) = Host::builder().process().await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(UnixStream::connect(&process.line.address).await.unwrap());
    }
    let mut babbling = UnixStream::connect(&process.line.address).await.unwrap();
    babbling.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let host = Host::connect(process, identity, TLS_ALL, false, Product::OpenBao).await;
    host.mount(Kind::Secrets).await;

    let (mut first, mut rest) = (silent.remove(0), Vec::new());
    let closed = tokio::time::timeout(Duration::from_secs(15), first.read_to_end(&mut rest));
    closed.await.expect("a silent peer is shown the door").unwrap();
    host.shutdown().await;
}
