//! STS's answer to a login; the first two bytes are the status.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault_plugin_alicloud::fuzzing::alicloud::sts::read_identity;

fuzz_target!(|data: &[u8]| {
    let (status, body) = match data {
        // Mostly successes: they are read furthest.
        [first, second, body @ ..] if *first < 64 => (u16::from_be_bytes([*first, *second]), body),
        body => (200, body),
    };
    match read_identity(status, body) {
        Ok(identity) => {
            assert_eq!(status, 200);
            assert_eq!(identity.account_id, *identity.arn.account());
        }
        Err(error) => assert!(error.to_string().len() < 4096),
    }
});
