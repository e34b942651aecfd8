//! `sign` and `login` as a person or a script runs them: the real program, a cleared environment, and at most a server
//! of this process.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::thread::{self, JoinHandle};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const KEYS: [(&str, &str); 3] = [
    ("ALICLOUD_ACCESS_KEY", "STS.1"),
    ("ALICLOUD_SECRET_KEY", "very-secret"),
    ("ALICLOUD_ACCESS_KEY_STS_TOKEN", "token-value"),
];

const GRANTED: &str = r#"{"request_id":"1","warnings":["old"],"auth":{"client_token":"hvs.granted","accessor":"acc",
"policies":["default"],"token_policies":["default"],"metadata":{"role_name":"dev"},"lease_duration":3600,"renewable":true}}"#;

/// A run without any surroundings but these. The address of the metadata service is never asked.
fn run(line: &str, variables: &[(&str, &str)], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vault-plugin-alicloud"))
        .args(line.split_whitespace())
        .env_clear()
        .env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that needs no input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A server that answers one login, and returns the request.
fn server(status: &'static str, body: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut buffer = [0; 4096];
        // The body is JSON of one line.
        while !asked.ends_with(b"}") {
            let length = stream.read(&mut buffer).unwrap();
            asked.extend_from_slice(&buffer[..length]);
        }
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        String::from_utf8(asked).unwrap()
    });
    (address, thread)
}

#[test]
fn sign_prints_the_payload_that_a_login_takes() {
    let output = run("sign -role=Dev --region cn-hangzhou -server-id=bao", &KEYS, "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty());
    let payload: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(payload["role"], "Dev");
    let decode = |field: &str| STANDARD.decode(payload[field].as_str().unwrap()).unwrap();
    let url = decode("identity_request_url");
    let url = text(&url);
    assert!(
        url.starts_with("https://sts.cn-hangzhou.aliyuncs.com/?AccessKeyId=STS.1&"),
        "{url}"
    );
    for part in [
        "&SecurityToken=token-value&",
        "&VaultServerId=bao&",
        "&RegionId=cn-hangzhou&",
    ] {
        assert!(
            url.contains(part) || url.ends_with(part.trim_end_matches('&')),
            "{url}"
        );
    }
    let headers: Value = serde_json::from_slice(&decode("identity_request_headers")).unwrap();
    assert_eq!(headers["Content-Type"][0], "application/x-www-form-urlencoded");

    let output = run(
        "sign -role=r -region=r-1 -sts-endpoint=sts.example.com -access-key=k -secret-key=-",
        &[],
        "s\n",
    );
    let payload: Value = serde_json::from_slice(&output.stdout).unwrap();
    let url = STANDARD
        .decode(payload["identity_request_url"].as_str().unwrap())
        .unwrap();
    assert!(text(&url).starts_with("https://sts.example.com/?AccessKeyId=k&"));
}

#[test]
fn what_is_missing_or_wrong_is_one_sentence_and_a_code() {
    for (line, variables, code, part) in [
        ("sign", &KEYS[..], 2, "sign: -role is required"),
        (
            "sign -role=r -secret_key=very-secret",
            &KEYS,
            2,
            "there is no flag -secret_key",
        ),
        (
            "login -role=r -token-only -token-helper",
            &KEYS,
            2,
            "cannot be used together",
        ),
        ("sign -role=r", &KEYS, 1, "no region: give -region, or set"),
        (
            "sign -role=r -region=cn-hangzhou",
            &[],
            1,
            "no credentials found: give -access-key",
        ),
        (
            "sign -role=r -region=cn-hangzhou",
            &KEYS[..1],
            1,
            "ALICLOUD_SECRET_KEY is not",
        ),
        (
            "sign -role=r -region=r-1 -sts-endpoint=https://h",
            &KEYS,
            1,
            "-sts-endpoint: ",
        ),
        (
            "login -role=r -region=r-1 -address=h:1",
            &KEYS,
            1,
            "-address must be a URL",
        ),
        (
            "login -role=r -region=r-1 -token-helper",
            &KEYS,
            1,
            "HOME is not set",
        ),
        (
            "login -role=r -region=r-1 -address=http://127.0.0.1:1",
            &KEYS,
            1,
            "http://127.0.0.1:1 cannot be reached",
        ),
    ] {
        let output = run(line, variables, "");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {error}");
        assert!(
            error.starts_with("vault-plugin-alicloud ") && error.contains(part),
            "{line}: {error}"
        );
        assert!(
            !error.contains("very-secret") && !error.contains("token-value"),
            "{error}"
        );
        assert_eq!(error.lines().count(), if code == 2 { 2 } else { 1 }, "{error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn both_commands_explain_themselves_and_the_main_help_names_them() {
    for (line, part) in [
        ("sign --help", "Usage: vault-plugin-alicloud sign"),
        ("login -h", "Usage: vault-plugin-alicloud login"),
        ("--help", "login --help"),
    ] {
        let output = run(line, &[], "");
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains(part), "{line}");
    }
}

#[test]
fn login_shows_the_token_in_the_form_that_is_asked_for() {
    for (flags, whole, part) in [
        ("-token-only", true, "hvs.granted\n"),
        ("", false, "token                   hvs.granted\n"),
        ("", false, "token_meta_role_name    dev\n"),
        ("-format=json", false, r#""client_token":"hvs.granted""#),
    ] {
        let (address, server) = server("200 OK", GRANTED);
        let line = format!("login -role=dev -region=cn-hangzhou -mount=auth/ali -address={address} {flags}");
        let output = run(&line, &[KEYS[0], KEYS[1], ("VAULT_NAMESPACE", "team")], "");
        let asked = server.join().unwrap();
        assert!(
            asked.starts_with("PUT /v1/auth/ali/login HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(asked.contains("x-vault-namespace: team\r\n"), "{asked}");
        let (_, body) = asked.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["role"], "dev");
        assert_eq!(output.status.code(), Some(0));
        let (shown, notes) = (text(&output.stdout), text(&output.stderr));
        assert!(
            if whole {
                shown == part
            } else {
                shown.contains(part)
            },
            "{shown}"
        );
        assert!(
            notes.starts_with("Server warning: old\n") && !notes.contains("hvs."),
            "{notes}"
        );
    }
}

#[test]
fn a_proxy_is_asked_for_the_login_and_never_to_sign() {
    let (proxy, server) = server("200 OK", GRANTED);
    let variables = [KEYS[0], KEYS[1], ("HTTP_PROXY", &proxy), ("http_proxy", &proxy)];
    let line = "login -role=r -region=cn-hangzhou -token-only -address=http://bao.invalid:8200";
    let output = run(line, &variables, "");
    assert_eq!(text(&output.stdout), "hvs.granted\n", "{}", text(&output.stderr));
    assert!(
        server
            .join()
            .unwrap()
            .starts_with("PUT http://bao.invalid:8200/v1/auth/alicloud/login ")
    );

    let nowhere = [
        KEYS[0],
        KEYS[1],
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
    ];
    assert!(
        run("sign -role=r -region=cn-hangzhou", &nowhere, "")
            .status
            .success()
    );
}

#[test]
fn a_proxy_is_asked_for_what_a_server_on_this_machine_redirects_to() {
    let (standby, first) = server(
        "307 T\r\nLocation: http://bao.invalid:8200/v1/auth/alicloud/login",
        "",
    );
    let (proxy, second) = server("200 OK", GRANTED);
    let variables = [KEYS[0], KEYS[1], ("HTTP_PROXY", &proxy)];
    let line = format!("login -role=r -region=cn-hangzhou -token-only -address={standby}");
    let output = run(&line, &variables, "");
    assert_eq!(text(&output.stdout), "hvs.granted\n", "{}", text(&output.stderr));
    assert!(first.join().unwrap().starts_with("PUT /v1/auth/alicloud/login "));
    assert!(
        second
            .join()
            .unwrap()
            .starts_with("PUT http://bao.invalid:8200/v1/auth/alicloud/login ")
    );
}

#[test]
fn a_written_token_is_private_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    for (flags, file) in [
        (format!("-output={home}/token"), "token"),
        ("-token-helper".to_owned(), ".vault-token"),
    ] {
        let (address, server) = server("200 OK", GRANTED);
        let line = format!("login -role=dev -region=cn-hangzhou {flags}");
        let variables = [
            KEYS[0],
            KEYS[1],
            ("HOME", home),
            ("BAO_ADDR", &address),
            ("VAULT_TOKEN", "x"),
        ];
        let output = run(&line, &variables, "");
        server.join().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty() && text(&output.stderr).contains("it is valid for 1h."));
        assert_eq!(
            text(&output.stderr).contains("VAULT_TOKEN is set"),
            file == ".vault-token"
        );
        let path = folder.path().join(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "hvs.granted");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let output = run(
        &format!("sign -role=r -region=r-1 -output={home}/payload"),
        &KEYS,
        "",
    );
    assert!(output.status.success() && output.stdout.is_empty());
    let payload: Value = serde_json::from_slice(&fs::read(folder.path().join("payload")).unwrap()).unwrap();
    assert_eq!(payload["role"], "r");
}

#[test]
fn a_refusal_is_the_servers_words_without_the_signers_secrets() {
    let (address, server) = server(
        "400 Bad Request",
        r#"{"errors":["no such role","SecurityToken=token-value"]}"#,
    );
    let output = run(
        &format!("login -role=r -region=cn-hangzhou -address={address}"),
        &KEYS,
        "",
    );
    server.join().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "vault-plugin-alicloud login: {address} refused the login with HTTP status 400: no such role; SecurityToken=[hidden]\n"
    );
    assert_eq!(text(&output.stderr), expected);
}
