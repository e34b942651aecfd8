//! The policies of a role of the secrets engine, `inline_policies` and `remote_policies`, and the JSON in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use vault_plugin_alicloud::fuzzing::framework::json::{Mistake, parse};
use vault_plugin_alicloud::fuzzing::secrets::fuzzing::policies;
use vault_plugin_alicloud_fuzz::check_text;

/// Our reader and serde_json take the same texts, but for what ours refuses on purpose.
fn compare(text: &str) {
    let theirs = serde_json::from_str::<Value>(text.strip_prefix('\u{feff}').unwrap_or(text));
    match parse(text) {
        Ok(_) => assert!(theirs.is_ok(), "{text:?}"),
        Err(error) => {
            check_text(&error.to_string());
            assert!(error.place.line <= 1 + text.matches('\n').count());
            let on_purpose = matches!(error.mistake, Mistake::Duplicate(..) | Mistake::TooDeep(_));
            assert!(on_purpose || theirs.is_err(), "{text:?}: {error}");
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    compare(text);
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
