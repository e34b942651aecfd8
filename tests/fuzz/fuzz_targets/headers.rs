//! The headers of a login: `identity_request_headers`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault_plugin_alicloud::fuzzing::auth::fuzzing;

fuzz_target!(|data: &[u8]| fuzzing::headers(data));
