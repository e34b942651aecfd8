//! V1 requests as real clients make them. Each is signed, and what is to be sent must still bear its signature.

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::*;

/// Parses, and signs what came out again.
#[track_caller]
fn accept_v1(what: &str, url: &str, method: Option<&str>, rules: &Rules<'_>) -> Presigned {
    let headers = json!(b64(GO_HEADERS));
    let presigned =
        parse(&b64(url), &headers, method, rules).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
    let signature = sign_v1(presigned.method, &presigned.query, &"testsecret".into());
    assert_eq!(
        presigned.query.get("Signature"),
        Some(signature.as_str()),
        "{what}"
    );
    assert!(presigned.headers.is_empty(), "{what}");
    presigned
}

#[test]
fn v1_requests_of_real_clients() {
    let extra = BTreeSet::from([
        Endpoint::parse("sts.ap-southeast-6.aliyuncs.com").unwrap(),
        Endpoint::parse("sts.private:8443").unwrap(),
    ]);
    let rules = Rules {
        extra_hosts: &extra,
        allow_vpc_endpoints: true,
        ..rules()
    };
    let token = "CAIS/abc+DEF=~*= end==";
    for (what, host, changes, to) in [
        (
            "Go SDK",
            "sts.us-east-1.aliyuncs.com",
            vec![],
            "sts.us-east-1.aliyuncs.com",
        ),
        (
            "with a token",
            "sts.cn-beijing.aliyuncs.com",
            vec![("SecurityToken", token), ("RegionId", "cn-beijing")],
            "sts.cn-beijing.aliyuncs.com",
        ),
        (
            "the aliyun CLI",
            "sts.aliyuncs.com",
            vec![("RegionId", "cn-hangzhou")],
            "sts.aliyuncs.com",
        ),
        (
            "a mapped region",
            "sts.aliyuncs.com",
            vec![("RegionId", "cn-hangzhou-finance")],
            "sts.aliyuncs.com",
        ),
        (
            "lower-case format",
            "sts.aliyuncs.com",
            vec![("Format", "json")],
            "sts.aliyuncs.com",
        ),
        (
            "a VPC host",
            "sts-vpc.cn-shenzhen-finance-1.aliyuncs.com",
            vec![("RegionId", "cn-shenzhen-finance-1")],
            "sts-vpc.cn-shenzhen-finance-1.aliyuncs.com",
        ),
        (
            "an operator's host",
            "sts.ap-southeast-6.aliyuncs.com",
            vec![("RegionId", "ap-southeast-6")],
            "sts.ap-southeast-6.aliyuncs.com",
        ),
        (
            "an operator's port",
            "sts.private:8443",
            vec![],
            "sts.private:8443",
        ),
        (
            "a UUID as nonce",
            "sts.aliyuncs.com",
            vec![("SignatureNonce", "6a6e0ca6-4557-11e5-86a2-b8e8563dc8d2")],
            "sts.aliyuncs.com",
        ),
        (
            "14 minutes old",
            "sts.aliyuncs.com",
            vec![("Timestamp", "2024-02-29T23:45:59Z")],
            "sts.aliyuncs.com",
        ),
        (
            "15 minutes old",
            "sts.aliyuncs.com",
            vec![("Timestamp", "2024-02-29T23:44:59Z")],
            "sts.aliyuncs.com",
        ),
        (
            "5 minutes ahead",
            "sts.aliyuncs.com",
            vec![("Timestamp", "2024-03-01T00:04:59Z")],
            "sts.aliyuncs.com",
        ),
    ] {
        let url = signed_url(Method::Post, host, &changes);
        let presigned = accept_v1(what, &url, None, &rules);
        assert_eq!(presigned.endpoint.to_string(), to, "{what}");
        for (name, value) in changes {
            assert_eq!(presigned.query.get(name), Some(value), "{what}");
        }
    }
    accept_v1(
        "V1 by GET",
        &signed_url(Method::Get, "sts.aliyuncs.com", &[]),
        Some("GET"),
        &rules,
    );
    let bound = Rules {
        server_id: Some("vault.example/é +"),
        ..rules
    };
    let changes = [(SERVER_ID, "vault.example/é +")];
    accept_v1(
        "bound to a server",
        &signed_url(Method::Post, "sts.aliyuncs.com", &changes),
        None,
        &bound,
    );
}

#[test]
fn an_operator_can_narrow_the_list_of_hosts_as_well_as_add_to_it() {
    let allowed = ["sts.cn-hangzhou.aliyuncs.com", "sts-vpc.cn-hangzhou.aliyuncs.com"];
    let allowed = allowed.map(|host| host.parse().unwrap()).into();
    let extra = BTreeSet::from([Endpoint::parse("sts.private:8443").unwrap()]);
    let rules = Rules {
        allowed_hosts: &allowed,
        extra_hosts: &extra,
        ..rules()
    };
    let of = |host| {
        parse(
            &b64(&signed_url(Method::Post, host, &[("RegionId", "")])),
            &no_headers(),
            None,
            &rules,
        )
    };
    assert!(of("sts.cn-hangzhou.aliyuncs.com").is_ok());
    assert!(of("sts.private:8443").is_ok());
    for host in [
        "sts.aliyuncs.com",
        "sts.us-east-1.aliyuncs.com",
        "sts-vpc.us-east-1.aliyuncs.com",
    ] {
        let refusal = of(host).unwrap_err();
        assert_eq!(refusal, Refusal::HostNotAllowed(host.into()));
        assert!(refusal.to_string().contains("allowed_sts_hosts"), "{refusal}");
    }
    // That VPC hosts are in the list does not allow them.
    let vpc = "sts-vpc.cn-hangzhou.aliyuncs.com";
    assert_eq!(of(vpc).unwrap_err(), Refusal::VpcHost(vpc.into()));
}

#[test]
fn v1_urls_in_other_spellings() {
    let signed = signed_url(Method::Post, "sts.aliyuncs.com", &[]);
    let (_, query) = signed.split_once('?').unwrap();
    let mut shuffled: Vec<_> = query.split('&').collect();
    shuffled.reverse();
    for (what, url) in [
        ("no path", format!("https://sts.aliyuncs.com?{query}")),
        (
            "the default port",
            format!("https://sts.aliyuncs.com:443/?{query}"),
        ),
        (
            "capitals in the host",
            format!("https://STS.Aliyuncs.COM/?{query}"),
        ),
        (
            "another order",
            format!("https://sts.aliyuncs.com/?{}", shuffled.join("&")),
        ),
        ("bare colons", signed.replace("%3A", ":")),
        (
            "small hexadecimal digits",
            signed.replace("%3A", "%3a").replace("%3D", "%3d"),
        ),
        (
            "letters escaped for no reason",
            signed.replace("Action=Get", "%41ction=%47et"),
        ),
    ] {
        let presigned = accept_v1(what, &url, None, &rules());
        assert_eq!(presigned.endpoint.to_string(), "sts.aliyuncs.com", "{what}");
    }
}

#[test]
fn the_tea_v2_mode() {
    let mut parameters = Parameters::new();
    for (name, value) in [
        ("Action", "GetCallerIdentity"),
        ("Version", "2015-04-01"),
        ("Timestamp", "2024-02-29T23:59:59Z"),
        ("SignatureNonce", "0123456789abcdef0123456789abcdef"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("AccessKeyId", "testid"),
    ] {
        parameters.set(name, value);
    }
    let parameters = parameters.with("Format", "json");
    let signature = sign_v1(Method::Post, &parameters, &"testsecret".into());
    let parameters = parameters.with("Signature", signature);
    accept_v1(
        "Tea",
        &format!("https://sts.cn-hangzhou.aliyuncs.com/?{}", *parameters.encoded()),
        None,
        &rules(),
    );
}

#[test]
fn every_spelling_of_base64() {
    // The escapes give characters that differ between the alphabets: `>` and `?` at the right places.
    let url = signed_url(Method::Post, "sts.aliyuncs.com", &[(SERVER_ID, "~~~???>>>")])
        .replace("%7E", "~")
        .replace("%3F", "?");
    let wrapped = b64(&url)
        .as_bytes()
        .chunks(76)
        .map(|l| String::from_utf8_lossy(l).into_owned())
        .collect::<Vec<_>>();
    let encodings = [
        b64(&url),
        STANDARD_NO_PAD.encode(&url),
        URL_SAFE.encode(&url),
        URL_SAFE_NO_PAD.encode(&url),
        wrapped.join("\r\n"),
    ];
    assert_ne!(encodings[0], encodings[2], "the alphabets must differ");
    let rules = Rules {
        server_id: Some("~~~???>>>"),
        ..rules()
    };
    for encoded in encodings {
        let presigned = parse(&encoded, &no_headers(), None, &rules).unwrap();
        assert_eq!(presigned.query.get(SERVER_ID), Some("~~~???>>>"));
    }
}

#[test]
fn a_request_says_that_it_has_no_headers_unless_it_is_only_a_url() {
    let url = b64(&signed_url(Method::Post, "sts.aliyuncs.com", &[]));
    for headers in [
        json!({}),
        json!([]),
        json!("{}"),
        json!(b64("{}")),
        json!({"Content-Length": 0}),
    ] {
        assert!(parse(&url, &headers, None, &rules()).is_ok(), "{headers}");
    }
    let by_get = b64(&signed_url(Method::Get, "sts.aliyuncs.com", &[]));
    for left_out in [json!(null), json!(""), json!(" ")] {
        let refusal = parse(&url, &left_out, None, &rules()).unwrap_err();
        assert_eq!(refusal, Refusal::MissingHeaders, "{left_out}");
        assert!(
            parse(&by_get, &left_out, Some("GET"), &rules()).is_ok(),
            "{left_out}"
        );
    }
}

#[test]
fn a_signature_is_told_from_others_as_long_as_its_date_is_good() {
    let signed = |changes: &[(&'static str, &str)]| {
        let url = b64(&signed_url(Method::Post, "sts.aliyuncs.com", changes));
        super::super::parse(&url, &no_headers(), None, &rules())
            .unwrap()
            .signature
    };
    let (one, two) = (signed(&[]), signed(&[("SignatureNonce", "other")]));
    assert_ne!(one.value(), two.value());
    assert_eq!(one.value(), signed(&[]).value());
    assert_eq!(one.good_until().unix_timestamp(), NOW + 15 * 60);
}
