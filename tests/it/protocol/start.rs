//! Start and handshake.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use crate::host::{Host, Identity, Kind, Start};

fn start() -> Start {
    Start::new(&Identity::new())
}

/// Runs a start that must fail: exit code 1, nothing on stdout, and `words` in the text on stderr.
async fn refused(start: Start, words: &str) {
    let ended = start.run().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(
        ended.stderr.contains(words),
        "{words:?} is not in {:?}",
        ended.stderr
    );
}

#[tokio::test]
async fn without_the_cookie_it_explains_itself_and_fails() {
    refused(start().without("VAULT_BACKEND_PLUGIN"), "plugin").await;
    refused(start().env("VAULT_BACKEND_PLUGIN", "6669da05"), "plugin").await;
}

#[tokio::test]
async fn the_cookie_of_database_plugins_is_not_enough() {
    let database = start()
        .without("VAULT_BACKEND_PLUGIN")
        .env("VAULT_DATABASE_PLUGIN", "926a0820-aea2-be28-51d6-83cdf00e8edb")
        .env("PLUGIN_PROTOCOL_VERSIONS", "5,6");
    refused(database, "plugin").await;
}

#[tokio::test]
async fn a_host_that_does_not_offer_version_5_is_refused() {
    let starts = ["3,4", "6", "", "55"].map(|offered| start().env("PLUGIN_PROTOCOL_VERSIONS", offered));
    for start in starts
        .into_iter()
        .chain([start().without("PLUGIN_PROTOCOL_VERSIONS")])
    {
        let ended = start.run().await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains("version"), "{ended:?}");
        // The host quotes the first line on stdout to the operator: one line, and none that looks like a handshake.
        assert!(
            ended.stdout.contains("read any existing mount") && !ended.stdout.contains('|'),
            "{ended:?}"
        );
        assert_eq!(ended.stdout.lines().count(), 1, "{ended:?}");
    }
}

#[tokio::test]
async fn version_5_is_found_among_others() {
    start().env("PLUGIN_PROTOCOL_VERSIONS", "4,5,3").start().await;
}

#[tokio::test]
async fn a_bad_or_absent_certificate_of_the_host_is_refused() {
    refused(start().without("PLUGIN_CLIENT_CERT"), "PLUGIN_CLIENT_CERT").await;
    let good = Identity::new().pem();
    let truncated = good.get(..300).unwrap();
    for bad in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        truncated,
    ] {
        refused(start().env("PLUGIN_CLIENT_CERT", bad), "PLUGIN_CLIENT_CERT").await;
    }
}

/// The line's own form is checked by the host at each start, and the rest of stdout at each end.
#[tokio::test]
async fn the_handshake_is_the_only_output_and_has_six_fields() {
    let host = Host::start().await;
    assert_eq!(host.process.line.multiplexing, None);
    host.mount(Kind::Secrets).await;
    host.shutdown().await;
}

#[tokio::test]
async fn a_seventh_field_is_given_when_asked_for() {
    for asked in ["true", "1"] {
        let process = start().env("PLUGIN_MULTIPLEX_GRPC", asked).start().await;
        assert_eq!(process.line.multiplexing, Some(true), "{asked}");
    }
}

#[tokio::test]
async fn the_socket_is_the_owners_alone() {
    let process = start().start().await;
    let address = &process.line.address;
    assert_eq!(address.parent().unwrap(), process.dir.path());
    assert!(
        address
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("plugin")
    );
    assert_eq!(address.metadata().unwrap().permissions().mode() & 0o077, 0);
}

#[tokio::test]
async fn the_socket_goes_to_the_directory_and_group_of_the_host() {
    let dir = tempfile::tempdir().unwrap();
    // Any group will do for root; others can only give to a group of their own.
    let group = if nix::unistd::geteuid().is_root() {
        12_345
    } else {
        nix::unistd::getegid().as_raw()
    };
    let process = start()
        .env("PLUGIN_UNIX_SOCKET_DIR", dir.path().to_str().unwrap())
        .env("PLUGIN_UNIX_SOCKET_GROUP", &group.to_string())
        .start()
        .await;
    let address = &process.line.address;
    assert_eq!(address.parent().unwrap(), dir.path());
    let metadata = address.metadata().unwrap();
    assert_eq!(
        (metadata.gid(), metadata.permissions().mode() & 0o777),
        (group, 0o660)
    );
}

#[tokio::test]
async fn a_socket_that_cannot_be_is_explained() {
    refused(
        start().env("TMPDIR", &format!("/tmp/{}", "deep/".repeat(30))),
        "107",
    )
    .await;
    refused(start().env("TMPDIR", "/no/such/directory"), "/no/such/directory").await;
    refused(
        start().env("TMPDIR", "/no/such/directory"),
        "set TMPDIR (or PLUGIN_UNIX_SOCKET_DIR) to a directory",
    )
    .await;
    refused(
        start().env("PLUGIN_UNIX_SOCKET_GROUP", "no-such-group"),
        "no-such-group",
    )
    .await;
}

#[tokio::test]
async fn two_processes_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let one = start().env("TMPDIR", dir.path().to_str().unwrap()).start().await;
    let two = start().env("TMPDIR", dir.path().to_str().unwrap()).start().await;
    assert_ne!(one.line.address, two.line.address);
    assert_ne!(one.line.certificate, two.line.certificate);
}

#[tokio::test]
async fn flags_of_the_go_plugins_are_tolerated() {
    let mut builder = Host::builder();
    for arg in [
        "-ca-cert=/x",
        "--ca-path",
        "/y",
        "-client-cert",
        "a",
        "-client-key=b",
        "-tls-server-name=c",
    ] {
        builder = builder.arg(arg);
    }
    let host = builder.arg("-tls-skip-verify").arg("-no-such-flag").start().await;
    host.mount(Kind::Secrets).await;
    host.shutdown().await;
}
