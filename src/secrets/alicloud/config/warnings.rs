//! What may be meant otherwise, although it is valid.

use crate::secrets::alicloud::config::Config;

/// Warnings about settings, and about variables of the server's environment that are not read.
pub(super) fn warnings(config: &Config, unread_variables: Option<String>) -> Vec<String> {
    let region = config.region.as_ref().filter(|_| config.sts_endpoint.is_none());
    let doubt = region
        .and_then(|region| region.doubt())
        .map(|doubt| format!("region: {doubt}"));
    let unread = unread_variables.filter(|_| config.finds_credentials_outside());
    doubt.into_iter().chain(unread).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_may_be_meant_otherwise_is_told() {
        let unread = || Some("X is not read".to_owned());
        for (config, expected) in [
            (
                json!({"access_key": "a", "secret_key": "s", "region": "cn-hangzhou"}),
                &[][..],
            ),
            (json!({"access_key": "", "secret_key": ""}), &["X is not read"]),
            (
                json!({"access_key": "a", "secret_key": "s", "region": "cn-hangzhou-b"}),
                &["region: cn-hangzhou-b is a zone, and not a region: write cn-hangzhou"],
            ),
            (
                json!({"access_key": "a", "secret_key": "s", "region": "mars-1", "sts_endpoint": "sts.example.com"}),
                &[],
            ),
        ] {
            let config: Config = serde_json::from_value(config).unwrap();
            assert_eq!(warnings(&config, unread()), expected);
            assert!(
                warnings(&config, None)
                    .iter()
                    .all(|warning| warning.starts_with("region"))
            );
        }
    }
}
