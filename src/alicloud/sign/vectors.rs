//! Walks `tests/data/signing`: one folder per case, one plain file per stage, so that a failure shows where two
//! implementations part. The cases were signed by the official SDKs.
//!
//! `query` and `form` hold one `name=value` a line, decoded, with `\\`, `\n` and `\t` as escapes in values; `headers`
//! holds `name: value` lines. Files end without a newline of their own.

use std::fs;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use super::v1::{sign_v1, string_to_sign};
use super::v3::{self, RequestV3};
use crate::cloud::random::hex;
use crate::cloud::{Method, Parameters};

fn cases(version: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/signing");
    let mut cases: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.retain(|case| case.file_name().unwrap().to_str().unwrap().starts_with(version));
    cases.sort();
    cases
}

fn read(case: &Path, file: &str) -> String {
    fs::read_to_string(case.join(file)).unwrap_or_else(|error| panic!("{}/{file}: {error}", case.display()))
}

fn read_or_empty(case: &Path, file: &str) -> String {
    fs::read_to_string(case.join(file)).unwrap_or_default()
}

fn unescape(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        out.push(match c {
            '\\' => match rest.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('\\') => '\\',
                other => panic!("unknown escape {other:?}"),
            },
            c => c,
        });
    }
    out
}

fn parameters(text: &str) -> Parameters {
    text.lines().fold(Parameters::new(), |parameters, line| {
        let (name, value) = line.split_once('=').unwrap();
        parameters.with(name.to_owned(), unescape(value))
    })
}

fn method(case: &Path) -> Method {
    match read(case, "method").as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => panic!("unknown method {other}"),
    }
}

#[test]
fn every_v1_vector_is_met() {
    let cases = cases("v1-");
    assert!(cases.len() >= 7, "vectors are missing");
    for case in cases {
        let merged = format!("{}\n{}", read(&case, "query"), read_or_empty(&case, "form"));
        let parameters = parameters(merged.trim_end_matches('\n'));
        let secret = SecretString::from(read(&case, "secret"));
        let method = method(&case);
        assert_eq!(
            *parameters.encoded_without("Signature"),
            read(&case, "canonical-query"),
            "{}",
            case.display()
        );
        assert_eq!(
            *string_to_sign(method, &parameters),
            read(&case, "string-to-sign"),
            "{}",
            case.display()
        );
        let signature = sign_v1(method, &parameters, &secret);
        assert_eq!(signature, read(&case, "signature"), "{}", case.display());
        // The signature itself is never part of what is signed.
        assert_eq!(
            sign_v1(method, &parameters.with("Signature", "x"), &secret),
            signature
        );
    }
}

#[test]
fn every_v3_vector_is_met() {
    let cases = cases("v3-");
    assert!(cases.len() >= 7, "vectors are missing");
    for case in cases {
        let query = parameters(&read_or_empty(&case, "query")).encoded();
        let text = read(&case, "headers");
        let mut headers: Vec<_> = text.lines().map(|line| line.split_once(": ").unwrap()).collect();
        headers.sort_unstable();
        let body = read_or_empty(&case, "body");
        let request = RequestV3 {
            method: method(&case),
            query: &query,
            headers: &headers,
            body_sha256: &hex(&Sha256::digest(&body)),
        };
        let mut canonical = String::new();
        request.canonical(|part| canonical.push_str(part));
        let hash = hex(&Sha256::digest(&canonical));
        let authorization = request.authorization(
            &read(&case, "access-key-id"),
            &SecretString::from(read(&case, "secret")),
        );
        for (stage, found) in [
            ("canonical-request", canonical),
            ("string-to-sign", v3::string_to_sign(&hash).collect()),
            ("authorization", authorization),
        ] {
            assert_eq!(found, read(&case, stage), "{}", case.display());
        }
    }
}
