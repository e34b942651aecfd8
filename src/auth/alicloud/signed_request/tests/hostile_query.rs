//! Queries that are not one GetCallerIdentity request with one meaning.

use serde_json::json;

use super::*;
use crate::auth::alicloud::signed_request::refusal::Shown;

fn shown(name: &str) -> Shown {
    Shown::new(name)
}

/// Refuses the good query after a replacement.
#[track_caller]
fn check(from: &str, to: &str, expected: &Refusal) {
    assert!(QUERY.contains(from), "{from}");
    let url = format!("https://sts.aliyuncs.com/?{}", QUERY.replacen(from, to, 1));
    assert_eq!(refusal(&url, &no_headers(), &rules()), *expected, "{from} → {to}");
}

#[test]
fn values_that_change_the_meaning() {
    let rule = |name, rule| Refusal::ParameterRule { name, rule };
    for (from, to, expected) in [
        (
            "=GetCallerIdentity",
            "=AssumeRole",
            rule("Action", "GetCallerIdentity"),
        ),
        (
            "=GetCallerIdentity",
            "=getcalleridentity",
            rule("Action", "GetCallerIdentity"),
        ),
        (
            "=GetCallerIdentity",
            "=GetCallerIdentity+",
            rule("Action", "GetCallerIdentity"),
        ),
        ("=GetCallerIdentity", "=", rule("Action", "GetCallerIdentity")),
        ("=2015-04-01", "=2015-05-01", rule("Version", "2015-04-01")),
        ("=JSON", "=XML", rule("Format", "JSON")),
        ("=JSON", "=", rule("Format", "JSON")),
        ("=HMAC-SHA1", "=HMAC-SHA256", rule("SignatureMethod", "HMAC-SHA1")),
        (
            "SignatureVersion=1.0",
            "SignatureVersion=2.0",
            rule("SignatureVersion", "1.0"),
        ),
        (
            "SignatureType=",
            "SignatureType=BEARERTOKEN",
            rule("SignatureType", "empty"),
        ),
        ("=testid", "=", rule("AccessKeyId", "an access key id")),
        ("=testid", "=test%26id", rule("AccessKeyId", "an access key id")),
        ("=us-east-1", "=../..", rule("RegionId", "a region")),
        (
            "=0123456789abcdef0123456789abcdef",
            "=",
            rule("SignatureNonce", "1 to 256 printable characters"),
        ),
        (
            "=0123456789abcdef0123456789abcdef",
            "=%C3%A9",
            rule("SignatureNonce", "1 to 256 printable characters"),
        ),
        ("qw%3D", "qw", rule("Signature", "base64 of 20 bytes")),
        (
            "rI9WkDvKqVr1qecaGayJ2iocPqw%3D",
            "",
            rule("Signature", "base64 of 20 bytes"),
        ),
        (
            "rI9WkDvKqVr1qecaGayJ2iocPqw%3D",
            "rI9W",
            rule("Signature", "base64 of 20 bytes"),
        ),
        ("rI9W", "r+9W", rule("Signature", "base64 of 20 bytes")),
    ] {
        check(from, to, &expected);
    }
}

#[test]
fn times_outside_the_window() {
    let form = Refusal::TimeForm("Timestamp");
    for (time, expected) in [
        ("2024-02-29T23%3A44%3A58Z", Refusal::TooLate("Timestamp")),
        ("1970-01-01T00%3A00%3A00Z", Refusal::TooLate("Timestamp")),
        ("0000-01-01T00%3A00%3A00Z", Refusal::TooLate("Timestamp")),
        ("2024-03-01T00%3A05%3A00Z", Refusal::TooEarly("Timestamp")),
        ("2024-03-01T00%3A14%3A59Z", Refusal::TooEarly("Timestamp")),
        ("9999-12-31T23%3A59%3A59Z", Refusal::TooEarly("Timestamp")),
        ("2024-02-30T23%3A59%3A59Z", form.clone()),
        ("2024-02-29T24%3A00%3A00Z", form.clone()),
        ("2024-02-29T23%3A59%3A59%2B00%3A00", form.clone()),
        ("2024-02-29T23%3A59%3A59.0Z", form.clone()),
        ("2024-02-29+23%3A59%3A59Z", form.clone()),
        ("2024-02-29t23%3A59%3A59z", form.clone()),
        ("20240229T235959Z", form.clone()),
        ("1709251199", form.clone()),
        ("", form),
    ] {
        check("2024-02-29T23%3A59%3A59Z", time, &expected);
    }
}

#[test]
fn parameters_that_are_missing_doubled_or_unknown() {
    for name in [
        "AccessKeyId",
        "Action",
        "Format",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureVersion",
        "Timestamp",
        "Version",
    ] {
        let kept: Vec<_> = QUERY
            .split('&')
            .filter(|pair| !pair.starts_with(&format!("{name}=")))
            .collect();
        let url = format!("https://sts.aliyuncs.com/?{}", kept.join("&"));
        let refusal = refusal(&url, &no_headers(), &rules());
        assert!(
            matches!(refusal, Refusal::MissingParameter { name: missing, .. } if missing == name),
            "{name}: {refusal}"
        );
    }
    let unknown = |name| Refusal::UnknownParameter(shown(name));
    let doubled = |name| Refusal::DuplicateParameter(shown(name));
    for (added, expected) in [
        ("&Action=GetCallerIdentity", doubled("Action")),
        ("&Action=AssumeRole", doubled("Action")),
        ("&action=AssumeRole", doubled("action")),
        ("&%41ction=AssumeRole", doubled("Action")),
        ("&SIGNATURE=x", doubled("SIGNATURE")),
        ("&SignatureType=", doubled("SignatureType")),
        ("&VaultServerId=a&VaultServerId=b", doubled("VaultServerId")),
        ("&VaultServerId=a&vaultserverid=a", doubled("vaultserverid")),
        ("&RoleArn=acs:ram::1:role/r", unknown("RoleArn")),
        ("&securitytoken=x", unknown("securitytoken")),
        ("&ACKClusterId=c", unknown("ACKClusterId")),
        ("&Action%00=x", Refusal::QueryText),
        ("&Action%20=x", unknown("Action ")),
        ("&+Action=x", unknown(" Action")),
        ("&%C4%B0=x", unknown("İ")),
        (
            "&SecurityToken=%C3%A9",
            Refusal::ParameterRule {
                name: "SecurityToken",
                rule: "printable",
            },
        ),
    ] {
        check(
            "Version=2015-04-01",
            &format!("Version=2015-04-01{added}"),
            &expected,
        );
    }
}

#[test]
fn queries_that_parsers_read_differently() {
    let end = "Version=2015-04-01";
    let many: String = (0..COUNT_LIMIT).map(|n| format!("&p{n}=")).collect();
    for (added, expected) in [
        ("&", Refusal::Pair),
        ("&&RegionId=x", Refusal::Pair),
        ("&VaultServerId", Refusal::Pair),
        ("&=x", Refusal::Pair),
        ("&VaultServerId=%", Refusal::Escape),
        ("&VaultServerId=%4", Refusal::Escape),
        ("&VaultServerId=%4g", Refusal::Escape),
        ("&VaultServerId=%+1", Refusal::Escape),
        ("&VaultServerId=%u0041", Refusal::Escape),
        ("&VaultServerId=%FF", Refusal::QueryText),
        ("&VaultServerId=%C0%AF", Refusal::QueryText),
        ("&VaultServerId=%ED%A0%80", Refusal::QueryText),
        ("&VaultServerId=%0D%0AHost:evil", Refusal::QueryText),
        ("&VaultServerId=%00", Refusal::QueryText),
        ("&VaultServerId=%7F", Refusal::QueryText),
        ("&VaultServerId=%C2%85", Refusal::QueryText),
        (";RegionId=x", Refusal::QueryCharacter),
        ("&VaultServerId=<>", Refusal::QueryCharacter),
        ("&VaultServerId=\"", Refusal::QueryCharacter),
        ("&VaultServerId=`{|}^[]", Refusal::QueryCharacter),
        (many.as_str(), Refusal::TooManyParameters),
    ] {
        check(end, &format!("{end}{added}"), &expected);
    }
}

#[test]
fn signatures_of_neither_or_both_versions() {
    let v1 = format!("https://sts.aliyuncs.com/?{QUERY}");
    let unsigned = v1.replace("Signature=", "signature=");
    let v3 = object(&v3_headers());
    let authorization = json!({"authorization": "Basic eDp5"});
    let none = no_headers();
    for (what, url, headers, expected) in [
        ("both", v1.as_str(), &v3, Refusal::TwoSignatures),
        (
            "V1 with another Authorization",
            &v1,
            &authorization,
            Refusal::TwoSignatures,
        ),
        (
            "V1 with an empty Authorization",
            &v1,
            &json!({"AUTHORIZATION": ""}),
            Refusal::TwoSignatures,
        ),
        (
            "V1 with an absent value",
            &v1,
            &json!({"AUTHORIZATION": []}),
            Refusal::TwoSignatures,
        ),
        ("neither", V3_URL, &none, Refusal::NoSignature),
        ("a misspelt one", &unsigned, &none, Refusal::NoSignature),
        (
            "V3 with a misspelt one",
            &unsigned,
            &v3,
            Refusal::UnknownParameter(shown("AccessKeyId")),
        ),
        (
            "V3 with an action",
            "https://sts.us-east-1.aliyuncs.com/?Action=AssumeRole",
            &v3,
            Refusal::UnknownParameter(shown("Action")),
        ),
        (
            "V3 with a token",
            "https://sts.us-east-1.aliyuncs.com/?SecurityToken=x",
            &v3,
            Refusal::UnknownParameter(shown("SecurityToken")),
        ),
        ("another proof", V3_URL, &authorization, Refusal::Algorithm),
    ] {
        assert_eq!(refusal(url, headers, &rules()), expected, "{what}");
    }
}

#[test]
fn requests_that_were_signed_for_another_server() {
    let rules = Rules {
        server_id: Some("vault.example"),
        ..rules()
    };
    let v1 = |id: &str| format!("https://sts.aliyuncs.com/?{QUERY}{id}");
    let v3 = |id: &str| format!("{V3_URL}{id}");
    let headers = object(&v3_headers());
    let none = no_headers();
    for (url, headers, expected) in [
        (v1(""), &none, Refusal::ServerIdMissing),
        (v1("&VaultServerId="), &none, Refusal::ServerIdMismatch),
        (
            v1("&VaultServerId=other.example"),
            &none,
            Refusal::ServerIdMismatch,
        ),
        (
            v1("&VaultServerId=Vault.example"),
            &none,
            Refusal::ServerIdMismatch,
        ),
        (
            v1("&VaultServerId=vault.example+"),
            &none,
            Refusal::ServerIdMismatch,
        ),
        (
            v1("&vaultserverid=vault.example"),
            &none,
            Refusal::UnknownParameter(shown("vaultserverid")),
        ),
        (v3(""), &headers, Refusal::ServerIdMissing),
        (
            v3("?VaultServerId=other.example"),
            &headers,
            Refusal::ServerIdMismatch,
        ),
    ] {
        assert_eq!(refusal(&url, headers, &rules), expected, "{url}");
    }
}

#[test]
fn a_mount_without_an_id_takes_nothing_that_was_signed_for_a_server() {
    let headers = object(&v3_headers());
    let v1 = format!("https://sts.aliyuncs.com/?{QUERY}&VaultServerId=vault.example");
    let v3 = format!("{V3_URL}?VaultServerId=vault.example");
    for (url, headers) in [
        (v1.as_str(), &no_headers()),
        (&v3, &headers),
        (&v3.replace("=vault.example", "="), &headers),
    ] {
        let refusal = refusal(url, headers, &rules());
        assert_eq!(refusal, Refusal::ServerIdNotConfigured, "{url}");
        assert!(
            refusal.to_string().contains("set server_id in the configuration"),
            "{refusal}"
        );
    }
}

#[test]
fn a_signed_region_allows_its_own_hosts_and_the_central_one() {
    let extra = ["sts.ap-southeast-6.aliyuncs.com", "sts.private.example"];
    let extra = extra.map(|host| Endpoint::parse(host).unwrap()).into();
    let rules = Rules {
        extra_hosts: &extra,
        allow_vpc_endpoints: true,
        ..rules()
    };
    for (region, host, allowed) in [
        ("cn-hangzhou", "sts.cn-hangzhou.aliyuncs.com", true),
        ("CN-Hangzhou", "sts.cn-hangzhou.aliyuncs.com", true),
        ("cn-hangzhou", "sts-vpc.cn-hangzhou.aliyuncs.com", true),
        ("cn-hangzhou", "sts.aliyuncs.com", true),
        ("cn-hangzhou", "sts.private.example", true),
        ("ap-southeast-6", "sts.ap-southeast-6.aliyuncs.com", true),
        ("", "sts.us-east-1.aliyuncs.com", true),
        ("cn-hangzhou", "sts.us-east-1.aliyuncs.com", false),
        ("cn-hangzhou", "sts-vpc.us-east-1.aliyuncs.com", false),
        ("cn-hangzhou", "sts.ap-southeast-6.aliyuncs.com", false),
        ("us-east", "sts.us-east-1.aliyuncs.com", false),
    ] {
        let url = b64(&signed_url(Method::Post, host, &[("RegionId", region)]));
        let parsed = parse(&url, &no_headers(), None, &rules);
        if allowed {
            assert!(parsed.is_ok(), "{region} {host}");
        } else {
            assert_eq!(parsed.unwrap_err(), Refusal::OtherRegion(host.into()), "{region}");
        }
    }
}
