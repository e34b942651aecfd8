//! V3 requests as real clients make them, and every spelling of headers. What is to be sent must still bear the
//! signature.

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::SecretString;

use super::*;
use crate::alicloud::sign::{EMPTY_BODY_SHA256, RequestV3};

/// A folder of `tests/data/signing`: headers, authorization, secret.
const V3_VECTORS: [(&str, &str, &str, &str); 3] = [
    (
        "Go and Node",
        include_str!("../../../../../tests/data/signing/v3-b-caller-identity/headers"),
        include_str!("../../../../../tests/data/signing/v3-b-caller-identity/authorization"),
        "testsecret",
    ),
    (
        "Go and Node with a token",
        include_str!("../../../../../tests/data/signing/v3-c-token-with-reserved/headers"),
        include_str!("../../../../../tests/data/signing/v3-c-token-with-reserved/authorization"),
        "TestSecret/+=~*0001",
    ),
    (
        "Python",
        include_str!("../../../../../tests/data/signing/v3-g-python-all-headers/headers"),
        include_str!("../../../../../tests/data/signing/v3-g-python-all-headers/authorization"),
        "TestSecret/+=~*0001",
    ),
];

fn lines(headers: &str) -> Vec<(String, String)> {
    headers
        .lines()
        .filter_map(|l| l.split_once(": "))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}

/// Signs what is to be sent, as STS would check it: by the names in `SignedHeaders`, with the host of the connection.
fn signature_of(presigned: &Presigned, secret: &str) -> String {
    let sent = presigned.headers["authorization"].to_str().unwrap();
    let signed = sent
        .split_once("SignedHeaders=")
        .unwrap()
        .1
        .split_once(',')
        .unwrap()
        .0;
    let key_id = sent
        .split_once("Credential=")
        .unwrap()
        .1
        .split_once(',')
        .unwrap()
        .0;
    let host = presigned.endpoint.to_string();
    let value = |name: &str| match name {
        "host" => host.as_str(),
        name => presigned.headers[name].to_str().unwrap(),
    };
    let headers: Vec<_> = signed.split(';').map(|name| (name, value(name))).collect();
    let request = RequestV3 {
        method: presigned.method,
        query: &presigned.query.encoded(),
        headers: &headers,
        body_sha256: EMPTY_BODY_SHA256,
    };
    request.authorization(key_id, &SecretString::from(secret))
}

#[test]
fn v3_requests_of_real_clients() {
    for (what, headers, authorization, secret) in V3_VECTORS {
        let mut pairs = lines(headers);
        let url = format!(
            "https://{}/",
            pairs.iter().find(|(name, _)| name == "host").unwrap().1
        );
        pairs.push(("Authorization".into(), authorization.into()));
        // The client that captured it may have seen more than was signed.
        let accepts = pairs.iter().any(|(name, _)| name == "accept");
        for name in [
            "Content-Length",
            "Connection",
            "X-Forwarded-For",
            "Accept-Encoding",
            "Cookie",
        ] {
            pairs.push((name.into(), "0".into()));
        }
        let presigned =
            parse(&b64(&url), &object(&pairs), None, &rules()).unwrap_or_else(|r| panic!("{what}: {r}"));
        assert_eq!(signature_of(&presigned, secret), authorization, "{what}");
        assert_eq!(presigned.headers["authorization"], authorization, "{what}");
        // What was signed, except the host, and with `accept`, which is ours unless it was signed.
        let signed = headers.lines().count();
        assert_eq!(
            presigned.headers.len(),
            signed - 1 + 1 + usize::from(!accepts),
            "{what}: {:?}",
            presigned.headers
        );
        assert_eq!(presigned.headers["accept"], "application/json");
        assert!(!format!("{:?}", presigned.headers).contains("CAIS"), "{what}");
    }
}

#[test]
fn a_v3_request_bound_to_a_server() {
    let query = Parameters::new().with(SERVER_ID, "vault.example é");
    let mut headers = lines(V3_VECTORS[0].1);
    let mut pairs: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    pairs.sort_unstable();
    let request = RequestV3 {
        method: Method::Get,
        query: &query.encoded(),
        headers: &pairs,
        body_sha256: EMPTY_BODY_SHA256,
    };
    let signed = request.authorization("testid", &"testsecret".into());
    headers.push(("Authorization".into(), signed.clone()));
    let rules = Rules {
        server_id: Some("vault.example é"),
        ..rules()
    };
    let url = format!("{V3_URL}?{}", *query.encoded());
    let presigned = parse(&b64(&url), &object(&headers), Some("GET"), &rules).unwrap();
    assert_eq!(signature_of(&presigned, "testsecret"), signed);
}

#[test]
fn a_signed_host_that_is_not_among_the_headers_is_that_of_the_url() {
    let mut headers = lines(V3_VECTORS[0].1);
    headers.push(("Authorization".into(), V3_VECTORS[0].2.into()));
    headers.retain(|(name, _)| name != "host");
    let presigned = parse(&b64(V3_URL), &object(&headers), None, &rules()).unwrap();
    assert_eq!(signature_of(&presigned, "testsecret"), V3_VECTORS[0].2);
}

#[test]
fn every_spelling_of_headers() {
    let headers = v3_headers();
    let as_object = object(&headers);
    let listed: Map<_, _> = headers
        .iter()
        .map(|(name, value)| (name.clone(), json!([value])))
        .collect();
    let listed = Value::Object(listed);
    let text = as_object.to_string();
    let lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let upper: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_uppercase(), value.clone()))
        .collect();
    for (what, field) in [
        ("an object", as_object),
        ("an object of lists", listed.clone()),
        ("text", json!(text)),
        ("text with space around", json!(format!("\n {text} \n"))),
        ("text with lists", json!(listed.to_string())),
        ("base64", json!(b64(&text))),
        ("base64 without padding", json!(STANDARD_NO_PAD.encode(&text))),
        ("URL-safe base64", json!(URL_SAFE.encode(&text))),
        (
            "URL-safe base64 without padding",
            json!(URL_SAFE_NO_PAD.encode(listed.to_string())),
        ),
        ("lines", json!(lines)),
        ("capitals", object(&upper)),
    ] {
        let presigned =
            parse(&b64(V3_URL), &field, None, &rules()).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
        assert_eq!(presigned.headers["x-acs-action"], "GetCallerIdentity", "{what}");
    }
}

#[test]
fn an_authorization_header_in_other_spellings_is_rebuilt() {
    let headers = v3_headers();
    let plain = headers.last().unwrap().1.clone();
    let (_, fields) = plain.split_once(' ').unwrap();
    let [credential, signed, signature] = fields.split(',').collect::<Vec<_>>().try_into().unwrap();
    for text in [
        format!("ACS3-HMAC-SHA256 {credential},{signature},{signed}"),
        format!("ACS3-HMAC-SHA256 {credential}, {signed},  {signature}"),
    ] {
        let mut headers = headers.clone();
        headers.last_mut().unwrap().1 = text;
        let presigned = parse(&b64(V3_URL), &object(&headers), None, &rules()).unwrap();
        assert_eq!(presigned.headers["authorization"], plain);
    }
}
