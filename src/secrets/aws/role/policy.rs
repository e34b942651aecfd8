//! The rules for an IAM policy that are sure: those of JSON, what every policy must have, and how long it may be. Whatever
//! else IAM demands, IAM says when the policy is used.

use crate::framework::Excerpt;
use crate::framework::json::{self, Content, Member, Node, Place, TextError};

/// What the policies of a user may come to, in characters, without white space: a quota of IAM that is never raised.
const LONGEST: usize = 2048;

const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];
const ROOT: [&str; 3] = ["Id", "Statement", "Version"];
const STATEMENT: [&str; 9] = [
    "Action",
    "Condition",
    "Effect",
    "NotAction",
    "NotPrincipal",
    "NotResource",
    "Principal",
    "Resource",
    "Sid",
];

/// Why IAM would refuse a policy.
#[derive(Debug, thiserror::Error)]
pub(super) enum PolicyError {
    #[error(transparent)]
    Json(#[from] TextError),
    #[error("a policy has at most {LONGEST} characters, white space aside; this one has {0}")]
    TooLong(usize),
    #[error("{text} ({place})")]
    Rule { text: String, place: Place },
}

/// The policy without white space between its parts, as it is stored and sent.
///
/// # Errors
/// A rule that it breaks, and where.
pub(super) fn checked(text: &str) -> Result<String, PolicyError> {
    let root = json::parse_text("policy", text)?;
    let rules = Rules { text };
    rules.root(&root)?;
    let compact = compact(root.text);
    let length = compact.chars().filter(|c| !c.is_whitespace()).count();
    match length <= LONGEST {
        true => Ok(compact),
        false => Err(PolicyError::TooLong(length)),
    }
}

/// JSON without the white space outside of its strings.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|c| {
            match c {
                '"' if !escaped => in_string = !in_string,
                _ => {}
            }
            escaped = in_string && *c == '\\' && !escaped;
            in_string || !c.is_ascii_whitespace()
        })
        .collect()
}

struct Rules<'t> {
    text: &'t str,
}

impl Rules<'_> {
    fn broken<T>(&self, at: usize, text: impl Into<String>) -> Result<T, PolicyError> {
        Err(PolicyError::Rule {
            text: text.into(),
            place: Place::in_text(self.text, at),
        })
    }

    fn root(&self, root: &Node<'_>) -> Result<(), PolicyError> {
        self.characters(root)?;
        let Some(members) = root.members() else {
            return self.broken(
                root.start,
                format!("a policy is an object, not {}", root.type_name()),
            );
        };
        self.names(members, &ROOT)?;
        if let Some(version) = root.member("Version")
            && !version
                .value
                .as_str()
                .is_some_and(|version| VERSIONS.contains(&version))
        {
            return self.broken(
                version.value.start,
                "\"Version\" must be \"2012-10-17\" or \"2008-10-17\"",
            );
        }
        let Some(statement) = root.member("Statement") else {
            return self.broken(root.start, "a policy needs a \"Statement\"");
        };
        match &statement.value.content {
            Content::Array(statements) if !statements.is_empty() => statements
                .iter()
                .try_for_each(|statement| self.statement(statement)),
            Content::Object(_) => self.statement(&statement.value),
            _ => self.broken(
                statement.value.start,
                "\"Statement\" must be an object, or a list with at least one",
            ),
        }
    }

    /// IAM takes no other characters in a document; in a string they can be written as `\uXXXX`.
    fn characters(&self, root: &Node<'_>) -> Result<(), PolicyError> {
        let odd = root.text.char_indices().find(|(_, c)| *c > '\u{ff}');
        match odd {
            None => Ok(()),
            Some((at, c)) => self.broken(
                root.start + at,
                format!(
                    "IAM does not take the character {c:?}: write it as \\u{:04x}",
                    u32::from(c)
                ),
            ),
        }
    }

    /// A name that is none but looks like one is a slip. Others may be newer than this version.
    fn names(&self, members: &[Member<'_>], known: &[&str]) -> Result<(), PolicyError> {
        for member in members {
            if let Some(meant) = json::meant(&member.name, known)
                && meant != member.name
            {
                let name = Excerpt(&member.name);
                return self.broken(
                    member.start,
                    format!("unknown member {name:?}; did you mean {meant:?}?"),
                );
            }
        }
        Ok(())
    }

    fn statement(&self, statement: &Node<'_>) -> Result<(), PolicyError> {
        let Some(members) = statement.members() else {
            return self.broken(
                statement.start,
                format!("a statement is an object, not {}", statement.type_name()),
            );
        };
        self.names(members, &STATEMENT)?;
        match statement.member("Effect").map(|effect| &effect.value) {
            None => return self.broken(statement.start, "the statement needs an \"Effect\""),
            Some(effect) if !matches!(effect.as_str(), Some("Allow" | "Deny")) => {
                return self.broken(effect.start, "\"Effect\" must be \"Allow\" or \"Deny\"");
            }
            Some(_) => {}
        }
        for name in ["Principal", "NotPrincipal"] {
            if let Some(member) = statement.member(name) {
                return self.broken(
                    member.start,
                    format!("the policy of a user has no {name:?}: it is the user"),
                );
            }
        }
        for action in self.one_of(statement, "Action", "NotAction")? {
            if !action
                .as_str()
                .is_some_and(|action| action == "*" || action.contains(':'))
            {
                return self.broken(
                    action.start,
                    "an action is \"*\", or a service and an action such as \"s3:GetObject\"",
                );
            }
        }
        self.one_of(statement, "Resource", "NotResource")?;
        match statement.member("Condition").map(|condition| &condition.value) {
            Some(condition) if condition.members().is_none() => {
                self.broken(condition.start, "\"Condition\" must be an object")
            }
            _ => Ok(()),
        }
    }

    /// The values of the one of two members that a statement has: a string, or a list of strings.
    fn one_of<'n, 't>(
        &self,
        statement: &'n Node<'t>,
        name: &str,
        not_name: &str,
    ) -> Result<Vec<&'n Node<'t>>, PolicyError> {
        let member = match (statement.member(name), statement.member(not_name)) {
            (Some(member), None) | (None, Some(member)) => member,
            (None, None) => {
                return self.broken(
                    statement.start,
                    format!("the statement needs {name:?} or {not_name:?}"),
                );
            }
            (Some(_), Some(other)) => {
                return self.broken(
                    other.start,
                    format!("a statement has {name:?} or {not_name:?}, not both"),
                );
            }
        };
        let values: Vec<_> = match &member.value.content {
            Content::String(_) => vec![&member.value],
            Content::Array(values) if !values.is_empty() => values.iter().collect(),
            _ => vec![],
        };
        match !values.is_empty() && values.iter().all(|value| value.as_str().is_some()) {
            true => Ok(values),
            false => self.broken(
                member.value.start,
                format!(
                    "{:?} must be a string, or a list of strings",
                    Excerpt(&member.name)
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(text: &str) -> String {
        checked(text).expect_err(text).to_string()
    }

    #[test]
    fn the_policy_of_the_document_is_taken_and_kept_in_its_order() {
        let shown = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": {\n    \"Effect\": \"Allow\",\n    \"Action\": \
                     \"iam:*\",\n    \"Resource\": \"*\"\n  }\n}\n";
        let stored =
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*"}}"#;
        assert_eq!(checked(shown).unwrap(), stored);
        for policy in [
            r#"{"Statement":[{"Effect":"Deny","NotAction":["a:b","*"],"NotResource":["arn:aws:s3:::x"]}]}"#,
            r#"{"Id":"x","Version":"2008-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*","Condition":{}}]}"#,
            r#"{"Statement":{"Effect":"Allow","Action":"s3:Get Object\\ \" x","Resource":"é \u4e2d"}}"#,
        ] {
            assert_eq!(checked(policy).unwrap(), policy);
        }
    }

    #[test]
    fn what_iam_would_refuse_is_refused_with_its_place() {
        let with = |statement: &str| format!("{{\"Statement\":\n{statement}}}");
        for (policy, text) in [
            (
                "[]".to_owned(),
                "a policy is an object, not a list (line 1 column 1)",
            ),
            ("{}".to_owned(), "a policy needs a \"Statement\""),
            ("{\"statement\":[]}".to_owned(), "did you mean \"Statement\"?"),
            (
                "{\"Version\":\"2012-10-18\",\"Statement\":{}}".to_owned(),
                "\"Version\" must be \"2012-10-17\"",
            ),
            (
                with("[]"),
                "\"Statement\" must be an object, or a list with at least one (line 2 column 1)",
            ),
            (
                with("[1]"),
                "a statement is an object, not a number (line 2 column 2)",
            ),
            (with("{}"), "needs an \"Effect\" (line 2 column 1)"),
            (
                with(r#"{"Effect":"allow"}"#),
                "\"Effect\" must be \"Allow\" or \"Deny\" (line 2 column 11)",
            ),
            (
                with(r#"{"Effect":"Allow","Resource":"*"}"#),
                "needs \"Action\" or \"NotAction\"",
            ),
            (
                with(r#"{"Effect":"Allow","Action":"a:b"}"#),
                "needs \"Resource\" or \"NotResource\"",
            ),
            (
                with(r#"{"Effect":"Allow","Action":"a:b","NotAction":"a:b","Resource":"*"}"#),
                "not both",
            ),
            (
                with(r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#),
                "\"Action\" must be a string",
            ),
            (
                with(r#"{"Effect":"Allow","Action":["a:b",7],"Resource":"*"}"#),
                "\"Action\" must be a string",
            ),
            (
                with(r#"{"Effect":"Allow","Action":"GetObject","Resource":"*"}"#),
                "an action is \"*\"",
            ),
            (
                with(r#"{"Effect":"Allow","Action":"a:b","Resource":"*","Principal":"*"}"#),
                "has no \"Principal\"",
            ),
            (
                with(r#"{"Efect":"Allow"}"#),
                "unknown member \"Efect\"; did you mean \"Effect\"?",
            ),
            (
                with(r#"{"Effect":"Allow","Action":"a:b","Resource":"中"}"#),
                "write it as \\u4e2d",
            ),
            ("{\"Statement\":1,\"Statement\":2}".to_owned(), "not valid JSON"),
            ("policy.json".to_owned(), "policy=@policy.json"),
            (
                "arn:aws:iam::aws:policy/AdministratorAccess".to_owned(),
                "not valid JSON",
            ),
        ] {
            let refusal = refusal(&policy);
            assert!(refusal.contains(text), "{policy}: {refusal}");
        }
    }

    #[test]
    fn white_space_does_not_count() {
        let policy = |length: usize| {
            let resource = format!("arn:aws:s3:::{}", "x".repeat(length));
            json!({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": resource}})
        };
        let overhead = policy(0).to_string().len();
        let longest = policy(LONGEST - overhead);
        let spread = serde_json::to_string_pretty(&longest)
            .unwrap()
            .replace('\n', &"\n".repeat(100));
        assert!(spread.len() > LONGEST + 500);
        assert_eq!(checked(&spread).unwrap(), longest.to_string());
        let longer = policy(LONGEST - overhead + 1).to_string();
        assert!(refusal(&longer).contains("this one has 2049"));
    }
}
