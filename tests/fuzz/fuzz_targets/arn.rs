//! ARNs, of roles that operators write and of answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault_plugin_alicloud::fuzzing::alicloud::Arn;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(arn) = Arn::parse(text) {
        assert_eq!(arn.to_string(), text);
        assert!(
            arn.to_role()
                .is_none_or(|role| arn.role_name() == role.role_name())
        );
    }
});
