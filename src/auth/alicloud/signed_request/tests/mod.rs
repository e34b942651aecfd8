//! What is accepted, what is refused, and what holds for every input.

mod accepted_v1;
mod accepted_v3;
mod hostile_headers;
mod hostile_query;
mod hostile_url;
mod hostile_v3;
mod properties;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::rules::{COUNT_LIMIT, FIELD_LIMIT};
use super::*;
use crate::alicloud::sign::sign_v1;
use crate::cloud::{Endpoint, Parameters};

/// `2024-02-29T23:59:59Z`, the time of every vector.
const NOW: i64 = 1_709_251_199;

/// What the Go SDK makes of the vector V1-B.
const QUERY: &str = "AccessKeyId=testid&Action=GetCallerIdentity&Format=JSON&RegionId=us-east-1\
    &Signature=rI9WkDvKqVr1qecaGayJ2iocPqw%3D&SignatureMethod=HMAC-SHA1\
    &SignatureNonce=0123456789abcdef0123456789abcdef&SignatureType=&SignatureVersion=1.0\
    &Timestamp=2024-02-29T23%3A59%3A59Z&Version=2015-04-01";

const GO_HEADERS: &str = r#"{"Accept-Encoding":["identity"],"Content-Type":["application/x-www-form-urlencoded"],
    "User-Agent":["AlibabaCloud (linux; amd64) Golang/1.x Core/1.63.22"],"x-acs-action":["GetCallerIdentity"],
    "x-acs-credentials-provider":["static_ak"],"x-acs-version":["2015-04-01"],"x-sdk-client":["golang/1.0.0"],
    "x-sdk-core-version":["1.63.22"],"x-sdk-invoke-type":["normal"]}"#;

const V3_URL: &str = "https://sts.us-east-1.aliyuncs.com/";

static NO_HOSTS: BTreeSet<Endpoint> = BTreeSet::new();
static ALL_HOSTS: BTreeSet<OfficialHost> = BTreeSet::new();

fn rules() -> Rules<'static> {
    let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    Rules {
        extra_hosts: &NO_HOSTS,
        allowed_hosts: &ALL_HOSTS,
        allow_vpc_endpoints: false,
        server_id: None,
        now,
    }
}

/// What a client gives whose request has no headers.
fn no_headers() -> Value {
    json!({})
}

/// The request that is to be sent.
fn parse(url: &str, headers: &Value, method: Option<&str>, rules: &Rules<'_>) -> Result<Presigned, Refusal> {
    super::parse(url, headers, method, rules).map(|request| request.presigned)
}

fn b64(text: &str) -> String {
    STANDARD.encode(text)
}

/// A whole V1 URL of the Go SDK, signed for the vectors' key.
fn signed_url(method: Method, host: &str, changes: &[(&'static str, &str)]) -> String {
    let all = ::url::Url::parse(&format!("https://h/?{QUERY}")).unwrap();
    let mut parameters = Parameters::new();
    for (name, value) in all.query_pairs() {
        parameters.set(name.into_owned(), value);
    }
    for (name, value) in changes {
        parameters.set(*name, *value);
    }
    let signature = sign_v1(method, &parameters, &"testsecret".into());
    parameters.set("Signature", signature);
    let mut url = ::url::Url::parse(&format!("https://{host}/")).unwrap();
    // Writes a space as `+`, as Go does.
    url.query_pairs_mut().extend_pairs(parameters.iter());
    url.into()
}

/// The headers of a V3 request of the Go SDK; the signature is only of the right form.
fn v3_headers() -> Vec<(String, String)> {
    let lines = include_str!("../../../../../tests/data/signing/v3-b-caller-identity/headers").lines();
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let mut headers: Vec<_> = pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    authorize(&mut headers);
    headers
}

/// Puts every header but `Authorization` into `SignedHeaders`.
fn authorize(headers: &mut Vec<(String, String)>) {
    headers.retain(|(name, _)| name != "Authorization");
    let mut names: Vec<_> = headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    names.sort();
    names.dedup();
    headers.push(("Authorization".into(), authorization(&names.join(";"))));
}

fn authorization(signed: &str) -> String {
    format!(
        "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={signed},Signature={}",
        "0a".repeat(32)
    )
}

/// As an object; of two equal names the later is kept.
fn object(headers: &[(String, String)]) -> Value {
    Value::Object(
        headers
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect::<Map<_, _>>(),
    )
}

fn refusal(url: &str, headers: &Value, rules: &Rules<'_>) -> Refusal {
    parse(&b64(url), headers, None, rules).expect_err(url)
}

/// The refusal of these headers with a URL that needs them.
fn v3(headers: &Value) -> Refusal {
    refusal(V3_URL, headers, &rules())
}

/// The good headers with one set to a value, and all of them signed.
fn with(name: &str, value: &str) -> Value {
    let mut headers = v3_headers();
    headers.retain(|(known, _)| known != name);
    headers.push((name.into(), value.into()));
    authorize(&mut headers);
    object(&headers)
}

#[test]
fn no_refusal_quotes_a_secret() {
    let secret = "CAISsecret0123456789abcdefghijklmnopqrstuvwxyz";
    let url = |query: &str| format!("https://sts.aliyuncs.com/?{query}");
    let mut signed = v3_headers();
    signed.push((secret.into(), secret.into()));
    authorize(&mut signed);
    for (url, headers) in [
        (url(&format!("{secret}=1")), no_headers()),
        (url(&format!("{QUERY}&{secret}=1&{secret}=2")), no_headers()),
        (
            url(&QUERY.replace("testid", &format!("{secret}%20"))),
            no_headers(),
        ),
        (url(&QUERY.replace("rI9WkDvK", secret)), no_headers()),
        (V3_URL.to_owned(), object(&signed)),
        (format!("https://user:{secret}@sts.aliyuncs.com/"), no_headers()),
        (format!("https://sts.aliyuncs.com/{secret}"), no_headers()),
    ] {
        let refusal = parse(&b64(&url), &headers, None, &rules()).unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains("secret"), "{refusal}");
    }
}

#[test]
fn only_what_another_server_might_take_is_forbidden() {
    for (refusal, forbidden) in [
        (Refusal::HostNotListed("h".into()), true),
        (Refusal::HostNotAllowed("h".into()), true),
        (Refusal::OtherRegion("h".into()), true),
        (Refusal::ServerIdNotConfigured, true),
        (Refusal::VpcHost("h".into()), true),
        (Refusal::ServerIdMissing, true),
        (Refusal::ServerIdMismatch, true),
        (Refusal::Host, false),
        (Refusal::TooLate("Timestamp"), false),
    ] {
        assert_eq!(refusal.is_forbidden(), forbidden, "{refusal}");
    }
}

#[test]
fn the_method_is_post_unless_it_is_said_to_be_get() {
    let url = b64(&format!("https://sts.aliyuncs.com/?{QUERY}"));
    let method = |method| parse(&url, &no_headers(), method, &rules()).map(|presigned| presigned.method);
    assert_eq!(method(None), Ok(Method::Post));
    assert_eq!(method(Some("POST")), Ok(Method::Post));
    assert_eq!(method(Some("GET")), Ok(Method::Get));
    for other in ["", "get", "PUT", "POST\r\nHost: evil.example", "GET "] {
        assert_eq!(method(Some(other)), Err(Refusal::Method), "{other}");
    }
}
