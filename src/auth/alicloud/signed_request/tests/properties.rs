//! What holds for every input.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::*;
use crate::alicloud::hosts::sts_hosts;

/// Parts of URLs, good and bad, so that many combinations come far.
fn pieces() -> impl Strategy<Value = String> {
    let piece = select(
        &[
            "https://",
            "http://",
            "sts.aliyuncs.com",
            "sts.us-east-1.aliyuncs.com",
            "evil.example",
            "/",
            "?",
            "&",
            "=",
            "#",
            "@",
            ":443",
            ":8443",
            ".",
            "..",
            "\\",
            "%",
            "%2F",
            "%41",
            "%C3%A9",
            "+",
            " ",
            "\t",
            "é",
            ";",
            "[::1]",
            "127.0.0.1",
            QUERY,
            "Action=GetCallerIdentity",
            "VaultServerId=x",
            "Signature=",
            "sts%2ealiyuncs.com",
            "。",
            "//",
            "STS",
        ][..],
    );
    prop_oneof![
        prop::collection::vec(piece.clone(), 0..12).prop_map(|parts| parts.concat()),
        (select(sts_hosts()), prop::collection::vec(piece, 0..4))
            .prop_map(|(h, parts)| format!("https://{h}{}", parts.concat())),
        (select(sts_hosts()), "[/?]{0,2}[ -~]{0,30}")
            .prop_map(|(host, rest)| format!("https://{host}{rest}")),
    ]
}

fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        select(
            &[
                "authorization",
                "host",
                "x-acs-action:GetCallerIdentity",
                "a:b",
                GO_HEADERS
            ][..]
        )
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map("[A-Za-z -]{0,12}", inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_accepted_url_has_a_listed_host_and_means_the_same_to_a_general_parser(url in pieces()) {
        if let Ok((endpoint, query)) = url::parse_text(&url, &rules()) {
            prop_assert!(sts_hosts().contains(&endpoint.to_string().as_str()));
            let other = ::url::Url::parse(&url).unwrap();
            prop_assert_eq!(other.host_str(), Some(endpoint.host()));
            prop_assert_eq!((other.scheme(), other.port(), other.path()), ("https", None, "/"));
            prop_assert_eq!((other.username(), other.password(), other.fragment()), ("", None, None));
            let pairs: Vec<_> = other.query_pairs().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
            prop_assert_eq!(pairs, query.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_fields_make_it_panic(url in ".{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..200), headers in json_values()) {
        let encoded = STANDARD.encode(&bytes);
        let _ = parse(&url, &headers, Some(&url), &rules());
        let _ = parse(&encoded, &headers, None, &rules());
        for url in [V3_URL.to_owned(), format!("{V3_URL}?{QUERY}")] {
            for field in [&headers, &json!(headers.to_string()), &json!(b64(&headers.to_string())), &json!(encoded)] {
                let _ = parse(&b64(&url), field, None, &rules());
            }
        }
    }

    #[test]
    fn what_is_sent_is_never_longer_than_what_came(names in prop::collection::btree_map("x-acs-[a-z]{1,9}", "[ -~]{0,99}", 0..50)) {
        let mut headers = v3_headers();
        headers.extend(names);
        authorize(&mut headers);
        let came: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if let Ok(presigned) = parse(&b64(V3_URL), &object(&headers), None, &rules()) {
            prop_assert!(presigned.headers.len() <= headers.len());
            let sent: usize = presigned.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
            prop_assert!(sent <= came + "acceptapplication/json".len());
            for (name, value) in &presigned.headers {
                let came = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_str()));
                prop_assert!(name == "accept" || came.is_some_and(|(_, came)| came.trim_matches(' ') == value));
            }
        }
    }

    #[test]
    fn one_changed_byte_is_refused_or_changes_what_is_signed(position in 0..QUERY.len(), byte in 0x20_u8..0x7f) {
        let good = parse(&b64(&format!("{V3_URL}?{QUERY}")), &no_headers(), None, &rules()).unwrap();
        let mut query = QUERY.as_bytes().to_vec();
        query[position] = byte;
        let url = format!("{V3_URL}?{}", String::from_utf8(query).unwrap());
        if let Ok(presigned) = parse(&b64(&url), &no_headers(), None, &rules()) {
            let read: Vec<_> = ::url::Url::parse(&url).unwrap().query_pairs().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
            let same = presigned.query == good.query;
            let original: Vec<_> = ::url::Url::parse(&format!("{V3_URL}?{QUERY}")).unwrap().query_pairs().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
            prop_assert_eq!(same, read == original);
        }
    }
}
