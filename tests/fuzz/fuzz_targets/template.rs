//! Templates for the names of users and sessions: the template, and the names that it is filled with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault_plugin_alicloud::fuzzing::secrets::fuzzing::template;
use vault_plugin_alicloud_fuzz::check_text;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // A display name, a role name and a template, apart by zero bytes.
    let mut parts = text.splitn(3, '\0');
    let [first, second, third] = std::array::from_fn(|_| parts.next());
    let (display_name, role, source) = match (first, second, third) {
        (Some(display_name), Some(role), Some(source)) => (display_name, role, source),
        _ => ("token", "deploy", text),
    };
    if let Err(text) = template(source, display_name, role) {
        check_text(&text);
    }
});
