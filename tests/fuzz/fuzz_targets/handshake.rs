//! The environment that the host starts the plugin with: `NAME=value`, each ended by a zero byte.
//!
//! Mutations also go below the base64 of the certificate, where bytes alone seldom get.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use vault_plugin_alicloud::fuzzing::goplugin::fuzzing::Read;
use vault_plugin_alicloud::fuzzing::goplugin::{Cookie, HandshakeError};

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
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    match Some(&data[..size]).filter(|_| seed % 4 != 0).and_then(deeper) {
        Some(changed) if changed.len() <= max_size => {
            data[..changed.len()].copy_from_slice(&changed);
            changed.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
});

/// The environment with another certificate, if there is one whose base64 is whole.
fn deeper(environment: &[u8]) -> Option<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----\n";
    let text = std::str::from_utf8(environment).ok()?;
    let (before, rest) = text.split_once(BEGIN)?;
    let (body, after) = rest.split_at(rest.find("-----END")?);
    let mut der = STANDARD.decode(body.replace('\n', "")).ok()?;
    let size = der.len();
    der.resize(size + 64, 0);
    let longest = der.len();
    let size = fuzzer_mutate(&mut der, size, longest);
    der.truncate(size);
    Some(format!("{before}{BEGIN}{}\n{after}", STANDARD.encode(der)).into_bytes())
}
