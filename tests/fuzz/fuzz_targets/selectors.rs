//! Values of the caller's identity in policy documents: the document, and the values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault_plugin_alicloud::fuzzing::secrets::fuzzing::identity;
use vault_plugin_alicloud_fuzz::check_text;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // A value, names of groups, and a document, apart by zero bytes.
    let mut parts = text.split('\0');
    let document = parts.next_back().unwrap_or_default();
    let value = parts.next().unwrap_or("alice");
    let groups: Vec<_> = parts.collect();
    if let Err(text) = identity(document, value, &groups) {
        check_text(&text);
    }
});
