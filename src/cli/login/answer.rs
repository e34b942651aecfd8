//! What the server answers to a login, and how it is shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::cli::text::printable;
use crate::framework::human_duration;

/// A granted login.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Answer {
    pub(in crate::cli) auth: Auth,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

/// The token and what is said of it. Lists and maps may be null.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Auth {
    pub(in crate::cli) client_token: SecretString,
    #[serde(default)]
    accessor: String,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    token_policies: Option<Vec<String>>,
    #[serde(default)]
    identity_policies: Option<Vec<String>>,
    #[serde(default)]
    policies: Option<Vec<String>>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}

impl Answer {
    /// Reads the body of an answer.
    pub(in crate::cli) fn parse(body: &[u8]) -> Result<Self, &'static str> {
        if let Ok(answer) = serde_json::from_slice::<Self>(body)
            && !answer.auth.client_token.expose_secret().is_empty()
        {
            return Ok(answer);
        }
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        match answer.pointer("/auth/mfa_requirement") {
            None | Some(Value::Null) => Err("it has no token"),
            Some(_) => Err("MFA is required, which this command does not support"),
        }
    }

    /// What the server warns of, fit for a terminal.
    pub(in crate::cli) fn warnings(&self) -> impl Iterator<Item = String> {
        self.warnings.iter().flatten().map(|warning| printable(warning))
    }

    /// The table of the CLIs.
    pub(in crate::cli) fn table(&self) -> Zeroizing<String> {
        let auth = &self.auth;
        let mut rows = vec![
            ("token".to_owned(), auth.client_token.expose_secret().to_owned()),
            ("token_accessor".to_owned(), auth.accessor.clone()),
            ("token_duration".to_owned(), auth.duration()),
            ("token_renewable".to_owned(), auth.renewable.to_string()),
            ("token_policies".to_owned(), list(&auth.token_policies)),
            ("identity_policies".to_owned(), list(&auth.identity_policies)),
            ("policies".to_owned(), list(&auth.policies)),
        ];
        for (key, value) in auth.metadata.iter().flatten() {
            rows.push((format!("token_meta_{key}"), value.clone()));
        }
        let width = rows.iter().map(|(key, _)| key.chars().count()).max().unwrap_or(0) + 4;
        let size = rows
            .iter()
            .map(|(_, value)| width + value.len() + 8)
            .sum::<usize>()
            + 64;
        let mut text = Zeroizing::new(String::with_capacity(size));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:width$}Value\n{:width$}-----", "Key", "---");
        for (key, value) in &rows {
            let _ = writeln!(text, "{:width$}{}", printable(key), printable(value));
        }
        text
    }
}

impl Auth {
    /// For how long the token is good, as the CLIs write it.
    pub(in crate::cli) fn duration(&self) -> String {
        match self.lease_duration {
            0 => "∞".to_owned(),
            seconds => human_duration(Duration::from_secs(seconds)),
        }
    }
}

/// A list as Go prints one: `["default" "dev"]`.
fn list(names: &Option<Vec<String>>) -> String {
    let names: Vec<_> = names.iter().flatten().map(|name| format!("{name:?}")).collect();
    format!("[{}]", names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"request_id":"1","lease_duration":0,"data":null,"warnings":["a\nb"],"auth":{
        "client_token":"hvs.very-secret","accessor":"acc","policies":["default","dev"],"token_policies":["default","dev"],
        "identity_policies":null,"metadata":{"role_name":"dev","account_id":"1\u001b[2J"},"lease_duration":2764800,
        "renewable":true,"entity_id":"e","token_type":"service","orphan":true,"mfa_requirement":null,"num_uses":0}}"#;

    #[test]
    fn the_table_is_that_of_the_clis() {
        let answer = Answer::parse(ANSWER.as_bytes()).unwrap();
        let expected = "\
Key                      Value
---                      -----
token                    hvs.very-secret
token_accessor           acc
token_duration           768h
token_renewable          true
token_policies           [\"default\" \"dev\"]
identity_policies        []
policies                 [\"default\" \"dev\"]
token_meta_account_id    1 [2J
token_meta_role_name     dev
";
        assert_eq!(*answer.table(), expected);
        assert_eq!(answer.warnings().collect::<Vec<_>>(), ["a b"]);
        assert!(!format!("{answer:?}").contains("very-secret"));
    }

    #[test]
    fn a_token_without_an_end_is_shown_so() {
        let answer = Answer::parse(br#"{"auth":{"client_token":"t"}}"#).unwrap();
        assert!(
            answer.table().contains("token_duration       ∞\n"),
            "{}",
            *answer.table()
        );
    }

    #[test]
    fn an_answer_without_a_token_says_why() {
        for (body, reason) in [
            ("", "it has no token"),
            ("<html>", "it has no token"),
            (r#"{"data":{"a":1}}"#, "it has no token"),
            (r#"{"auth":{"client_token":""}}"#, "it has no token"),
            (
                r#"{"auth":{"client_token":"","mfa_requirement":{"mfa_request_id":"1"}}}"#,
                "MFA is required, which this command does not support",
            ),
        ] {
            assert_eq!(Answer::parse(body.as_bytes()).unwrap_err(), reason, "{body}");
        }
    }
}
