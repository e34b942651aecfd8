//! Walks `tests/data/aws/sign`: AWS's published vectors, and calls of IAM that botocore signed. One folder per case, one
//! plain file per stage.

use std::fs;
use std::path::Path;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::aws::sign::{Scope, Unsigned, amz_date, sign};
use crate::cloud::Method;
use crate::cloud::credentials::Credentials;

fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

#[test]
fn every_vector_is_met() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/aws/sign");
    let (mut published, mut botocore) = (0, 0);
    for case in fs::read_dir(root).unwrap() {
        let case = case.unwrap().path();
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let read = |file: &str| fs::read_to_string(case.join(file)).ok();
        let file = |file: &str| read(file).unwrap_or_else(|| panic!("{name}/{file}"));
        let headers = file("headers");
        let headers: Vec<_> = headers
            .lines()
            .map(|line| line.split_once(": ").unwrap())
            .collect();
        let scope = file("scope");
        let (region, service) = scope.split_once(' ').unwrap();
        let scope = Scope {
            region: leaked(region),
            service: leaked(service),
        };
        let mut credentials = Credentials::new(file("access-key-id"), file("secret"));
        if let Some(token) = read("token") {
            credentials = credentials.with_token(token);
        }
        let body = file("body");
        let request = Unsigned {
            method: Method::Post,
            headers: &headers,
            body: body.as_bytes(),
        };
        let at = OffsetDateTime::parse(&file("time"), &Rfc3339).unwrap();
        let signed = sign(&request, scope, &credentials, at);
        assert_eq!(*signed.canonical_request, file("canonical-request"), "{name}");
        assert_eq!(signed.string_to_sign, file("string-to-sign"), "{name}");
        assert_eq!(signed.authorization, file("authorization"), "{name}");
        if name.starts_with("aws-") {
            published += 1;
        } else {
            botocore += 1;
        }
    }
    assert!(published >= 8 && botocore >= 4, "vectors are missing");
}

#[test]
fn a_date_is_in_utc() {
    let at = OffsetDateTime::parse("2024-03-01T07:05:09.987+08:00", &Rfc3339).unwrap();
    assert_eq!(amz_date(at), "20240229T230509Z");
}
