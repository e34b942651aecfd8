//! Variables with the names of other tools, which are not read.

use crate::cloud::credentials::Environment;

/// Beginnings and endings of names that other tools and older versions of them use for credentials.
const BEGINNINGS: [&str; 5] = [
    "ALICLOUD_",
    "ALIYUN_",
    "ALIBABACLOUD_",
    "ALIBABA_CLOUD_",
    "ALIBABA_",
];
const ENDINGS: [&str; 12] = [
    "ACCESS_KEY",
    "ACCESS_KEY_ID",
    "ACCESS_KEY_SECRET",
    "ACCESSKEY_ID",
    "ACCESSKEY_SECRET",
    "SECRET_KEY",
    "SECRET_ACCESS_KEY",
    "SECURITY_TOKEN",
    "CREDENTIALS_URI",
    "CREDENTIALS_FILE",
    "SHARED_CREDENTIALS_FILE",
    "PROFILE",
];

/// Those of them that are read.
const READ: [&str; 6] = [
    "ALICLOUD_ACCESS_KEY",
    "ALICLOUD_SECRET_KEY",
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
    "ALIBABA_CLOUD_CREDENTIALS_URI",
];

/// What to set instead.
pub(super) const INSTEAD: &str = "set ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY, or ALIBABA_CLOUD_ACCESS_KEY_ID and \
                       ALIBABA_CLOUD_ACCESS_KEY_SECRET";

/// A sentence with the names that are set, and not read; never with their values. `None` if there are none.
pub(super) fn unread_variables(environment: &dyn Environment) -> Option<String> {
    let is_set = |name: &String| {
        environment
            .var(name)
            .is_some_and(|value| !value.trim().is_empty())
    };
    let names: Vec<_> = BEGINNINGS
        .into_iter()
        .flat_map(|beginning| ENDINGS.map(|ending| format!("{beginning}{ending}")))
        .filter(|name| !READ.contains(&name.as_str()) && is_set(name))
        .collect();
    (!names.is_empty()).then(|| format!("{} in the environment is not read: {INSTEAD}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_tools_are_told_and_nothing_of_their_values() {
        for (set, told) in [
            (&[][..], None),
            (&["ALICLOUD_ACCESS_KEY", "ALIBABA_CLOUD_ACCESS_KEY_ID"], None),
            (
                &["ALICLOUD_ACCESS_KEY_ID", "ALICLOUD_ACCESS_KEY_SECRET"],
                Some("ALICLOUD_ACCESS_KEY_ID, ALICLOUD_ACCESS_KEY_SECRET in the environment is not read"),
            ),
            (&["ALIYUN_ACCESS_KEY_ID"], Some("ALIYUN_ACCESS_KEY_ID in")),
            (
                &["ALIBABACLOUD_ACCESS_KEY_SECRET"],
                Some("ALIBABACLOUD_ACCESS_KEY_SECRET in"),
            ),
            (&["ALIBABA_CLOUD_ACCESS_KEY"], Some("ALIBABA_CLOUD_ACCESS_KEY in")),
            (&["ALIBABA_CLOUD_PROFILE"], Some("ALIBABA_CLOUD_PROFILE in")),
            (
                &["ALICLOUD_SHARED_CREDENTIALS_FILE"],
                Some("ALICLOUD_SHARED_CREDENTIALS_FILE in"),
            ),
        ] {
            let environment = |name: &str| set.contains(&name).then(|| "very-secret".to_owned());
            let found = unread_variables(&environment);
            match told {
                Some(told) => {
                    let found = found.unwrap();
                    assert!(found.starts_with(told) && found.contains(INSTEAD), "{found}");
                    assert!(!found.contains("very-secret"), "{found}");
                }
                None => assert_eq!(found, None, "{set:?}"),
            }
        }
        assert_eq!(unread_variables(&|_: &str| Some(" ".to_owned())), None);
    }
}
