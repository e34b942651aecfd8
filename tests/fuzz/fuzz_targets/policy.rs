//! The policies of a role of the secrets engine: `inline_policies` and `remote_policies`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use vault_plugin_alicloud::fuzzing::secrets::fuzzing::policies;
use vault_plugin_alicloud_fuzz::check_text;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let json = serde_json::from_str(text).ok();
    for value in [Some(Value::from(text)), json].into_iter().flatten() {
        // An object with both fields, or the value of either.
        let both = |name: &str| value.get(name).cloned();
        for (inline, remote) in [
            (both("inline_policies"), both("remote_policies")),
            (Some(value.clone()), None),
            (None, Some(value.clone())),
        ] {
            if let Err(text) = policies(inline, remote) {
                check_text(&text);
            }
        }
    }
});
