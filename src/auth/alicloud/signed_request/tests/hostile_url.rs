//! URLs that must not be followed: each would lead a lenient parser, or two different ones, astray.

use serde_json::json;

use super::*;

fn host(name: &str) -> Refusal {
    Refusal::HostNotListed(name.into())
}

#[test]
fn hosts_that_are_not_in_the_list() {
    for (authority, expected) in [
        // Customers of the cloud own these.
        (
            "sts.oss-cn-hangzhou.aliyuncs.com",
            host("sts.oss-cn-hangzhou.aliyuncs.com"),
        ),
        (
            "sts-vpc.oss-cn-hangzhou.aliyuncs.com",
            host("sts-vpc.oss-cn-hangzhou.aliyuncs.com"),
        ),
        (
            "sts.cn-hangzhou.log.aliyuncs.com",
            host("sts.cn-hangzhou.log.aliyuncs.com"),
        ),
        ("sts.evil.aliyuncs.com", host("sts.evil.aliyuncs.com")),
        // Another service, another domain, another part of the list's names.
        ("ram.aliyuncs.com", host("ram.aliyuncs.com")),
        ("aliyuncs.com", host("aliyuncs.com")),
        ("ts.aliyuncs.com", host("ts.aliyuncs.com")),
        ("xsts.aliyuncs.com", host("xsts.aliyuncs.com")),
        ("sts.aliyuncs.com.cn", host("sts.aliyuncs.com.cn")),
        (
            "sts.aliyuncs.com.evil.example",
            host("sts.aliyuncs.com.evil.example"),
        ),
        (
            "sts.aliyuncs.comevil.example",
            host("sts.aliyuncs.comevil.example"),
        ),
        ("evil.example", host("evil.example")),
        ("localhost", host("localhost")),
        ("metadata.google.internal", host("metadata.google.internal")),
        ("STS.US-GOV-1.ALIYUNCS.COM", host("sts.us-gov-1.aliyuncs.com")),
        (
            "sts-vpc.us-east-1.aliyuncs.com",
            Refusal::VpcHost("sts-vpc.us-east-1.aliyuncs.com".into()),
        ),
        // Not plain names.
        ("", Refusal::Host),
        (".sts.aliyuncs.com", Refusal::Host),
        ("sts.aliyuncs.com.", Refusal::Host),
        ("sts..aliyuncs.com", Refusal::Host),
        ("sts%2ealiyuncs.com", Refusal::Host),
        ("sts.aliyuncs.com%00", Refusal::Host),
        ("sts.aliyuncs.com%2f.evil.example", Refusal::Host),
        ("sts_aliyuncs.com", Refusal::Host),
        ("xn--sts-aliyuncs-gr6h.com", Refusal::Host),
        ("100.100.100.200", Refusal::Host),
        ("127.1", Refusal::Host),
        ("2130706433", Refusal::Host),
        ("0x7f.0.0.1", Refusal::Host),
        ("[::1]", Refusal::Host),
        ("[::ffff:127.0.0.1]", Refusal::Host),
        ("sts.aliyuncs.com;evil.example", Refusal::Host),
        ("sts.aliyuncs.com,evil.example", Refusal::Host),
    ] {
        assert_eq!(
            refusal(&format!("https://{authority}/?{QUERY}"), &no_headers(), &rules()),
            expected,
            "{authority}"
        );
    }
}

#[test]
fn ports_users_paths_and_fragments() {
    for (url, expected) in [
        ("https://sts.aliyuncs.com:8443/?Q", Refusal::Port),
        ("https://sts.aliyuncs.com:80/?Q", Refusal::Port),
        ("https://sts.aliyuncs.com:/?Q", Refusal::Port),
        ("https://sts.aliyuncs.com:0443/?Q", Refusal::Port),
        ("https://sts.aliyuncs.com:+443/?Q", Refusal::Port),
        ("https://sts.aliyuncs.com:443:443/?Q", Refusal::Port),
        ("https://sts.aliyuncs.com:65979/?Q", Refusal::Port), // 443 modulo 2^16
        ("https://user@sts.aliyuncs.com/?Q", Refusal::UserInfo),
        ("https://user:password@sts.aliyuncs.com/?Q", Refusal::UserInfo),
        ("https://@sts.aliyuncs.com/?Q", Refusal::UserInfo),
        ("https://sts.aliyuncs.com@evil.example/?Q", Refusal::UserInfo),
        ("https://sts.aliyuncs.com:443@evil.example/?Q", Refusal::UserInfo),
        (
            "https://evil.example@sts.aliyuncs.com@evil.example/?Q",
            Refusal::UserInfo,
        ),
        ("https://sts.aliyuncs.com/evil?Q", Refusal::Path),
        ("https://sts.aliyuncs.com//?Q", Refusal::Path),
        ("https://sts.aliyuncs.com/./?Q", Refusal::Path),
        ("https://sts.aliyuncs.com/%2e%2e/?Q", Refusal::Path),
        ("https://sts.aliyuncs.com/@evil.example?Q", Refusal::Path),
        ("https:///sts.aliyuncs.com/?Q", Refusal::Path),
        ("https://sts.aliyuncs.com/?Q#", Refusal::Fragment),
        ("https://sts.aliyuncs.com/#?Q", Refusal::Fragment),
        ("https://sts.aliyuncs.com#@evil.example/?Q", Refusal::Fragment),
        ("https://evil.example#@sts.aliyuncs.com/?Q", Refusal::Fragment),
        ("http://sts.aliyuncs.com/?Q", Refusal::Scheme),
        ("HTTPS://sts.aliyuncs.com/?Q", Refusal::Scheme),
        ("https:sts.aliyuncs.com/?Q", Refusal::Scheme),
        ("https:/sts.aliyuncs.com/?Q", Refusal::Scheme),
        ("//sts.aliyuncs.com/?Q", Refusal::Scheme),
        ("sts.aliyuncs.com/?Q", Refusal::Scheme),
        ("file:///etc/passwd", Refusal::Scheme),
        ("?Q", Refusal::Scheme),
        (" https://sts.aliyuncs.com/?Q", Refusal::UrlCharacter),
        ("https://sts.aliyuncs.com/?Q\n", Refusal::UrlCharacter),
        ("ht\ttps://sts.aliyuncs.com/?Q", Refusal::UrlCharacter),
        (
            "https://sts.aliyuncs.com\r\nHost: evil.example/?Q",
            Refusal::UrlCharacter,
        ),
        (
            "https://evil.example\\@sts.aliyuncs.com/?Q",
            Refusal::UrlCharacter,
        ),
        ("https:\\\\sts.aliyuncs.com/?Q", Refusal::UrlCharacter),
        ("https://sts。aliyuncs.com/?Q", Refusal::UrlCharacter),
        ("https://ſts.aliyuncs.com/?Q", Refusal::UrlCharacter), // folds to `s`
        ("https://sts.aliyuncs.com/?Q\u{0}", Refusal::UrlCharacter),
        ("https://sts.aliyuncs.com?@evil.example/&Q", Refusal::Pair),
    ] {
        let url = url.replace('Q', QUERY);
        assert_eq!(refusal(&url, &no_headers(), &rules()), expected, "{url}");
    }
}

#[test]
fn encodings_and_sizes_of_the_url() {
    let field = "identity_request_url";
    let long = format!(
        "https://sts.aliyuncs.com/?{QUERY}&SecurityToken={}",
        "a".repeat(FIELD_LIMIT)
    );
    let bytes = STANDARD.encode(b"https://sts.aliyuncs.com/\xff");
    let plain = format!("https://sts.aliyuncs.com/?{QUERY}");
    for (what, encoded, expected) in [
        ("nothing", "", Refusal::MissingField(field)),
        ("only a line break", "\n", Refusal::Scheme),
        ("not encoded at all", plain.as_str(), Refusal::Base64 { field }),
        ("both alphabets", "aHR0-HM6/y8=", Refusal::Base64 { field }),
        ("a space inside", "aHR0 cHM6", Refusal::Base64 { field }),
        ("padding inside", "aHR0cHM=6Ly8", Refusal::Base64 { field }),
        ("bits left over", "aHR0cHN=", Refusal::Base64 { field }),
        ("too much padding", "aHR0cHM===", Refusal::Base64 { field }),
        ("not UTF-8", &bytes, Refusal::Base64 { field }),
        ("encoded twice", &b64(&b64(&plain)), Refusal::Scheme),
        ("too long", &b64(&long), Refusal::FieldTooLong(field)),
        ("far too long", &"A".repeat(1 << 20), Refusal::FieldTooLong(field)),
        (
            "endless line breaks",
            &"\n".repeat(1 << 20),
            Refusal::FieldTooLong(field),
        ),
    ] {
        assert_eq!(
            parse(encoded, &json!({}), None, &rules()).unwrap_err(),
            expected,
            "{what}"
        );
    }
}

#[test]
fn an_operators_port_is_taken_letter_by_letter() {
    let extra = BTreeSet::from([Endpoint::parse("sts.private:8443").unwrap()]);
    let rules = Rules {
        extra_hosts: &extra,
        ..rules()
    };
    for (authority, expected) in [
        ("sts.private", host("sts.private")),
        ("sts.private:443", host("sts.private")),
        ("sts.private:08443", Refusal::Port),
        ("sts.private:8444", Refusal::Port),
        ("sts.aliyuncs.com:8443", Refusal::Port),
        ("sts.private:8443:", Refusal::Port),
    ] {
        assert_eq!(
            refusal(&format!("https://{authority}/?{QUERY}"), &no_headers(), &rules),
            expected,
            "{authority}"
        );
    }
}
