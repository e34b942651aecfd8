//! The environment that the host starts the plugin with: `NAME=value`, each ended by a zero byte.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use libfuzzer_sys::fuzz_target;
use vault_plugin_alicloud::goplugin::fuzzing::Read;
use vault_plugin_alicloud::goplugin::{Cookie, HandshakeError};

const COOKIE: Cookie = Cookie {
    key: "COOKIE",
    value: "biscuit",
};

fuzz_target!(|data: &[u8]| {
    let variables: Vec<(&[u8], &[u8])> = data
        .split(|byte| *byte == 0)
        .filter_map(|pair| {
            let (name, value) = pair.split_at(pair.iter().position(|byte| *byte == b'=')?);
            Some((name, &value[1..]))
        })
        .collect();
    let env = |name: &str| -> Option<OsString> {
        let found = variables.iter().find(|(known, _)| *known == name.as_bytes());
        found.map(|(_, value)| OsString::from_vec(value.to_vec()))
    };
    let versions = env("PLUGIN_PROTOCOL_VERSIONS");
    let offered = versions.as_ref().is_some_and(|list| {
        let mut numbers = list
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii);
        numbers.any(|number| number == b"5")
    });
    match Read::from_env(COOKIE, 5, env) {
        Ok(read) => check(
            &read,
            env("PLUGIN_MULTIPLEX_GRPC").is_some_and(|value| !value.is_empty()),
        ),
        Err(HandshakeError::UnsupportedVersion { ours, .. }) => assert!(ours == 5 && !offered),
        Err(HandshakeError::NotAPlugin { key }) => {
            assert!(env(key).is_none_or(|value| value != COOKIE.value));
        }
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.len() < 256 && !text.contains(|c: char| c.is_control()),
                "{text:?}"
            );
        }
    }
});

fn check(read: &Read, multiplexed: bool) {
    let (line, rest) = read.line.split_once('\n').expect("a line");
    assert!(rest.is_empty());
    let fields: Vec<_> = line.split('|').collect();
    assert_eq!(fields.len(), if multiplexed { 7 } else { 6 });
    assert_eq!(fields[..2], ["1", "5"]);

    // Where a full parser reads the certificate too, it reads the same dates.
    if let Ok((rest, certificate)) = x509_parser::parse_x509_certificate(&read.certificate) {
        let period = certificate.validity();
        let period = (period.not_before.timestamp(), period.not_after.timestamp());
        assert!(rest.is_empty());
        assert_eq!(read.period, period);
    }
}
