//! Entry points of `tests/fuzz`, compiled only with `--cfg fuzzing`.
//!
//! Each also checks what must hold for whatever is accepted.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::Value;
use time::OffsetDateTime;

use super::headers::Headers;
use super::official_host::OfficialHost;
use super::rules::{FIELD_LIMIT, Rules};
use super::url;
use crate::alicloud::Presigned;
use crate::alicloud::hosts::sts_hosts;
use crate::cloud::Endpoint;

/// `2024-02-29T23:59:59Z`, the time of the corpus.
const NOW: i64 = 1_709_251_199;

static NO_HOSTS: BTreeSet<Endpoint> = BTreeSet::new();
static ALL_HOSTS: BTreeSet<OfficialHost> = BTreeSet::new();

fn rules() -> Rules<'static> {
    Rules {
        extra_hosts: &NO_HOSTS,
        allowed_hosts: &ALL_HOSTS,
        allow_vpc_endpoints: false,
        server_id: None,
        now: OffsetDateTime::from_unix_timestamp(NOW).unwrap_or(OffsetDateTime::UNIX_EPOCH),
    }
}

fn check(presigned: &Presigned) {
    assert!(sts_hosts().contains(&presigned.endpoint.host()));
    assert!(presigned.query.encoded().len() <= 3 * FIELD_LIMIT);
    let length = |headers: &HeaderMap| {
        headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum::<usize>()
    };
    assert!(length(&presigned.headers) <= 2 * FIELD_LIMIT);
    for name in [
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "cookie",
        "te",
        "upgrade",
        "expect",
    ] {
        assert!(!presigned.headers.contains_key(name));
    }
}

/// The URL, plain and as base64. What is accepted must be what a general parser sees.
pub fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // The input as the field itself.
    let _ = super::parse(text, &Value::Null, None, &rules());
    if let Ok((endpoint, query)) = url::parse_text(text, &rules()) {
        let other = ::url::Url::parse(text);
        assert_eq!(
            other.as_ref().ok().and_then(::url::Url::host_str),
            Some(endpoint.host())
        );
        if let Ok(other) = other {
            assert!(
                other
                    .query_pairs()
                    .eq(query.iter().map(|(name, value)| (name.into(), value.into())))
            );
        }
    }
    let encoded = STANDARD.encode(text);
    if let Ok(request) = super::parse(&encoded, &Value::Null, Some("GET"), &rules()) {
        check(&request.presigned);
        assert!(request.presigned.headers.is_empty());
    }
}

/// The headers: the input as a string and, if it is JSON, as a value; alone and with a URL that needs them.
pub fn headers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let url = STANDARD.encode("https://sts.us-east-1.aliyuncs.com/");
    let encoded = Value::from(STANDARD.encode(text));
    let lines = Value::from(text.lines().map(Value::from).collect::<Vec<_>>());
    for field in [Value::from(text), encoded, lines]
        .into_iter()
        .chain(serde_json::from_str(text))
    {
        let _ = Headers::parse(&field).map(|headers| headers.map(|headers| headers.single().is_ok()));
        if let Ok(request) = super::parse(&url, &field, None, &rules()) {
            check(&request.presigned);
            assert_eq!(
                request
                    .presigned
                    .headers
                    .get("x-acs-action")
                    .map(|v| v.as_bytes()),
                Some(&b"GetCallerIdentity"[..])
            );
        }
    }
}
