//! The URL of a login: `identity_request_url`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault_plugin_alicloud::fuzzing::auth::fuzzing;

fuzz_target!(|data: &[u8]| fuzzing::url(data));
