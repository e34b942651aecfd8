//! What the check of a policy document finds: where, and what would be right.

use std::fmt;

use super::limits::MAX_DEPTH;
use crate::framework::Excerpt;
use crate::framework::json::{Place, invisible};

/// The most warnings of one document.
const MOST_WARNINGS: usize = 10;

/// A problem and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::secrets::alicloud::role) struct Finding {
    /// From the outside in: a statement, a member, an operator, a key, a value.
    path: Vec<String>,
    /// Bytes of the text before it.
    start: usize,
    pub(super) problem: Problem,
}

impl Finding {
    /// A problem of the document as a whole.
    pub(super) fn of_whole(start: usize, problem: Problem) -> Self {
        let path = Vec::new();
        Self { path, start, problem }
    }

    /// The finding in words, with line and column if the caller wrote this text.
    pub(in crate::secrets::alicloud::role) fn shown(&self, document: usize, text: Option<&str>) -> String {
        let mut shown = format!("document {document}");
        for step in &self.path {
            shown.push_str(", ");
            shown.push_str(step);
        }
        if let Some(text) = text {
            shown.push_str(&format!(" ({})", Place::in_text(text, self.start)));
        }
        format!("{shown}: {}", self.problem)
    }
}

/// Where a check is, and what it has warned of.
#[derive(Debug, Default)]
pub(super) struct Findings {
    path: Vec<String>,
    pub(super) warnings: Vec<Finding>,
}

/// An error ends the check: RAM refuses the document.
pub(super) type Checked<T = ()> = Result<T, Box<Finding>>;

impl Findings {
    /// Checks what is inside something with this name.
    pub(super) fn inside<T>(
        &mut self,
        name: impl fmt::Display,
        check: impl FnOnce(&mut Self) -> Checked<T>,
    ) -> Checked<T> {
        self.path.push(name.to_string());
        let outcome = check(self);
        self.path.pop();
        outcome
    }

    pub(super) fn refuse<T>(&self, start: usize, problem: Problem) -> Checked<T> {
        Err(Box::new(self.found(start, problem)))
    }

    pub(super) fn warn(&mut self, start: usize, problem: Problem) {
        if !self.is_full() {
            self.warnings.push(self.found(start, problem));
        }
    }

    /// Whether further warnings are left out, so that there is no need to look for them.
    pub(super) fn is_full(&self) -> bool {
        self.warnings.len() >= MOST_WARNINGS
    }

    fn found(&self, start: usize, problem: Problem) -> Finding {
        Finding {
            path: self.path.clone(),
            start,
            problem,
        }
    }
}

/// What is wrong, or unusual, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    // What RAM refuses.
    #[error("expected {expected}, got {got}")]
    Type {
        expected: &'static str,
        got: &'static str,
    },
    #[error("\"{name}\" is missing: {right}")]
    Missing { name: &'static str, right: &'static str },
    #[error("{:?} is not known here; did you mean {meant:?}?", Excerpt(.name))]
    Misspelt { name: String, meant: &'static str },
    #[error("has both {0:?} and {1:?}; write one of them")]
    Both(&'static str, &'static str),
    #[error(
        "a statement with \"Principal\" and without \"Resource\" is of a trust policy, which belongs to a RAM role; the \
         policy of a user needs \"Resource\", \"*\" for all"
    )]
    TrustPolicy,
    #[error(
        "this is a statement; a policy document has it in a list: {{\"Version\": \"1\", \"Statement\": [ ... ]}}"
    )]
    StatementAlone,
    #[error("RAM's only version is \"1\", as text; got {0}")]
    Version(String),
    #[error("RAM's only version is \"1\"; {0} is a version of AWS, and so may be the rest")]
    AwsVersion(String),
    #[error("must be exactly \"Allow\" or \"Deny\"; got {0}")]
    Effect(String),
    #[error("{:?} is an ARN of AWS; RAM's are acs:<service>:<region>:<account id>:<resource>", Excerpt(.0))]
    AwsArn(String),
    #[error("needs at least one statement")]
    NoStatement,
    #[error(
        "{:?} stands where an operator is expected: write {{\"<operator>\": {{\"<key>\": \"<value>\"}}}}, such as \
         {{\"IpAddress\": {{\"acs:SourceIp\": \"192.0.2.0/24\"}}}}",
        Excerpt(.0)
    )]
    NoOperator(String),
    #[error("takes up {length} bytes without white space, RAM allows {longest}")]
    TooLong { length: usize, longest: usize },
    #[error("{0}")]
    Selector(String),
    #[error("is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,

    // What RAM may take.
    #[error("{:?} is not among the members that RAM documents{}; it is kept, and RAM may refuse or ignore it", Excerpt(.0), known_elsewhere(.0))]
    UnknownMember(String),
    #[error(
        "RAM documents a list of statements, and this is one statement without a list; it is kept, and RAM may refuse it"
    )]
    OneStatement,
    #[error("is null, which is the same as leaving it out, or refused by RAM")]
    Null,
    #[error("is an empty list, which matches nothing")]
    EmptyList,
    #[error("{:?} is not of the usual form <service>:<action>, such as \"oss:GetObject\" or \"oss:*\"", Excerpt(.0))]
    ActionForm(String),
    #[error("{:?} is not of the usual form acs:<service>:<region>:<account id>:<resource>, such as \"acs:oss:*:*:my-bucket/*\"", Excerpt(.0))]
    ResourceForm(String),
    #[error("{:?} looks like a placeholder; put the value that is meant in its place", Excerpt(.0))]
    Placeholder(String),
    #[error("{:?} looks like a number with hidden digits; in a policy each * matches anything", Excerpt(.0))]
    HiddenDigits(String),
    #[error("has {} (U+{:04X}) in the string {:?}, where nobody sees it", invisible(*.1).unwrap_or("a character"), u32::from(*.1), Excerpt(.0))]
    InvisibleInString(String, char),
    #[error("{:?} begins or ends with white space", Excerpt(.0))]
    Blanks(String),
    #[error("{:?} is not among the operators that RAM documents{}; it is kept, and RAM may refuse it", Excerpt(.name), did_you_mean(*.meant))]
    UnknownOperator {
        name: String,
        meant: Option<&'static str>,
    },
    #[error("{:?} is not of the usual form <service>:<key>, such as \"acs:SourceIp\"", Excerpt(.0))]
    KeyForm(String),
    #[error("{value} is not {expected}")]
    Value { value: String, expected: &'static str },
    #[error("has several values, of which Bool takes one")]
    SeveralFlags,
}

fn did_you_mean(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!(" (did you mean {meant:?}?)"))
}

/// Members of AWS's policies that RAM's have not.
fn known_elsewhere(name: &str) -> &'static str {
    match name {
        "Sid" | "Id" | "NotPrincipal" => " (it is one of AWS's)",
        "Principal" => " for policies of users (it belongs to the trust policy of a role)",
        _ => "",
    }
}
