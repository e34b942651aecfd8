//! V3 requests that are not one GetCallerIdentity request, or would carry more than that to STS.

use super::*;
use crate::auth::alicloud::signed_request::refusal::Shown;

/// The good headers with another `Authorization`.
fn authorized(text: &str) -> Value {
    let mut headers = v3_headers();
    headers.last_mut().unwrap().1 = text.into();
    object(&headers)
}

#[test]
fn values_that_are_not_those_of_this_request() {
    let rule = |name, rule| Refusal::HeaderRule { name, rule };
    let host = rule("host", "the url's host, in lower case");
    let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b856";
    for (name, value, expected) in [
        (
            "x-acs-action",
            "AssumeRole",
            rule("x-acs-action", "GetCallerIdentity"),
        ),
        (
            "x-acs-action",
            "getcalleridentity",
            rule("x-acs-action", "GetCallerIdentity"),
        ),
        ("x-acs-version", "2015-05-01", rule("x-acs-version", "2015-04-01")),
        (
            "x-acs-content-sha256",
            hash,
            rule("x-acs-content-sha256", "the hash of an empty body"),
        ),
        (
            "x-acs-content-sha256",
            "UNSIGNED-PAYLOAD",
            rule("x-acs-content-sha256", "the hash of an empty body"),
        ),
        (
            "x-acs-signature-nonce",
            "",
            rule("x-acs-signature-nonce", "1 to 256 characters"),
        ),
        (
            "x-acs-accesskey-id",
            "otherid",
            rule("x-acs-accesskey-id", "the credential of the signature"),
        ),
        ("host", "evil.example", host.clone()),
        ("host", "sts.aliyuncs.com", host.clone()),
        ("host", "STS.us-east-1.aliyuncs.com", host.clone()),
        ("host", "sts.us-east-1.aliyuncs.com:443", host.clone()),
        ("host", "", host),
        ("accept", "application/xml", rule("accept", "application/json")),
        ("accept", "*/*", rule("accept", "application/json")),
        (
            "accept",
            "application/json;q=0, text/xml",
            rule("accept", "application/json"),
        ),
        ("accept-encoding", "gzip", rule("accept-encoding", "identity")),
        (
            "x-acs-date",
            "2024-02-29T23:44:58Z",
            Refusal::TooLate("x-acs-date"),
        ),
        (
            "x-acs-date",
            "2024-03-01T00:05:00Z",
            Refusal::TooEarly("x-acs-date"),
        ),
        ("x-acs-date", "20240229T235959Z", Refusal::TimeForm("x-acs-date")),
        (
            "x-acs-date",
            "Thu, 29 Feb 2024 23:59:59 GMT",
            Refusal::TimeForm("x-acs-date"),
        ),
        (
            "user-agent",
            "a\r\nHost: evil.example",
            Refusal::HeaderCharacter(Shown::new("user-agent")),
        ),
        (
            "user-agent",
            "a\tb",
            Refusal::HeaderCharacter(Shown::new("user-agent")),
        ),
        (
            "user-agent",
            "é",
            Refusal::HeaderCharacter(Shown::new("user-agent")),
        ),
        (
            "user-agent",
            "a\u{0}",
            Refusal::HeaderCharacter(Shown::new("user-agent")),
        ),
    ] {
        assert_eq!(v3(&with(name, value)), expected, "{name}: {value:?}");
    }
}

#[test]
fn headers_that_are_not_sent_on_even_if_signed() {
    for name in [
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "cookie",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "x-forwarded-for",
        "x-forwarded-host",
        "forwarded",
        "via",
        "range",
        "x-http-method-override",
        "content-encoding",
        "x-acs-bearer-token",
        "x-acs-signature-method",
        "x-acs-signature-type",
        "x-acs-content-sm3",
        "x-acs-proxy-source-ip",
        "x-acs-caller-uid",
        "x-acs-parent-id",
        "x-acs-source-ip",
        "x-acs-owner-id",
        "x-acs-resource-owner-account",
        "x-acs-assume-role",
        "x-acs-format",
        "x-acs-region-id",
        "x-sdk-client",
        "accept-language",
    ] {
        assert_eq!(
            v3(&with(name, "1")),
            Refusal::UnforwardableHeader(Shown::new(name))
        );
    }
}

#[test]
fn headers_that_must_be_signed() {
    for name in [
        "host",
        "x-acs-action",
        "x-acs-content-sha256",
        "x-acs-date",
        "x-acs-signature-nonce",
        "x-acs-version",
    ] {
        let mut headers = v3_headers();
        let found = headers.iter().position(|(known, _)| known == name).unwrap();
        let removed = headers.remove(found);
        authorize(&mut headers);
        assert_eq!(v3(&object(&headers)), Refusal::NotSigned(name), "absent");
        headers.push(removed);
        assert_eq!(v3(&object(&headers)), Refusal::NotSigned(name), "not covered");
    }
    let mut headers = v3_headers();
    headers.push(("X-Acs-Security-Token".into(), "CAIS".into()));
    assert_eq!(v3(&object(&headers)), Refusal::NotSigned("x-acs-security-token"));
    let mut headers = v3_headers();
    headers.push(("user-agent".into(), "x".into()));
    authorize(&mut headers);
    headers.retain(|(name, _)| name != "user-agent");
    assert_eq!(
        v3(&object(&headers)),
        Refusal::SignedHeaderMissing(Shown::new("user-agent"))
    );
}

#[test]
fn authorization_headers_of_another_form() {
    let signed = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version";
    let good = authorization(signed);
    assert!(parse(&b64(V3_URL), &authorized(&good), None, &rules()).is_ok());
    let form = Refusal::Authorization;
    for (from, to, expected) in [
        ("ACS3-HMAC-SHA256 ", "ACS3-HMAC-SM3 ", Refusal::Algorithm),
        ("ACS3-HMAC-SHA256 ", "ACS3-RSA-SHA256 ", Refusal::Algorithm),
        ("ACS3-HMAC-SHA256 ", "ACS4-HMAC-SHA256 ", Refusal::Algorithm),
        ("ACS3-HMAC-SHA256 ", "acs3-hmac-sha256 ", Refusal::Algorithm),
        ("ACS3-HMAC-SHA256 ", "ACS3-HMAC-SHA256", Refusal::Algorithm),
        ("ACS3-HMAC-SHA256 ", "Bearer ", Refusal::Algorithm),
        ("Credential=testid,", "", form.clone()),
        ("Credential=testid", "Credential=", form.clone()),
        ("Credential=testid", "Credential=test id", form.clone()),
        (
            "Credential=testid",
            "Credential=testid,Credential=other",
            form.clone(),
        ),
        ("Credential=testid", "credential=testid", form.clone()),
        ("Credential=testid", "Credential=testid,Extra=1", form.clone()),
        ("Credential=testid", "Credential=testid,", form.clone()),
        ("Credential=testid", "Credential =testid", form.clone()),
        ("Credential=testid", "Credential=testid ", form.clone()),
        (",Signature=", ";Signature=", form.clone()),
        (",Signature=0a", ",Signature=0A", form.clone()),
        (",Signature=0a", ",Signature=0", form.clone()),
        (",Signature=0a", ",Signature=0a0", form.clone()),
        (",Signature=0a", ",Signature=0g", form.clone()),
        (",Signature=0a", ",Signature= 0a", form),
        ("host;", "Host;", Refusal::SignedHeaders),
        ("host;", "host;host;", Refusal::SignedHeaders),
        ("host;", ";host;", Refusal::SignedHeaders),
        ("x-acs-version", "x-acs-version;", Refusal::SignedHeaders),
        ("host;", "host; ", Refusal::SignedHeaders),
        ("host;x-acs-action", "x-acs-action;host", Refusal::SignedHeaders),
        (signed, "", Refusal::SignedHeaders),
        (
            "host;",
            "authorization;host;",
            Refusal::UnforwardableHeader(Shown::new("authorization")),
        ),
    ] {
        assert!(good.contains(from), "{from}");
        assert_eq!(
            v3(&authorized(&good.replacen(from, to, 1))),
            expected,
            "{from} → {to}"
        );
    }
}
