//! The grammar of a document and of its statements.

use super::condition;
use super::finding::{Checked, Finding, Findings, Problem};
use super::value::{check_text, object, shown, wrong_type};
use crate::framework::json::{Content, Member, Node, meant};

const DOCUMENT: [&str; 2] = ["Version", "Statement"];
const STATEMENT: [&str; 6] = [
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// Checks a document.
///
/// # Errors
/// The first thing for which RAM refuses it. Otherwise, what is unusual.
pub(super) fn check(document: &Node<'_>) -> Result<Vec<Finding>, Box<Finding>> {
    let mut findings = Findings::default();
    check_document(document, &mut findings)?;
    Ok(findings.warnings)
}

fn check_document(document: &Node<'_>, findings: &mut Findings) -> Checked {
    let members = object(document, "a policy document, which is an object", findings)?;
    check_names(members, &DOCUMENT, findings)?;
    if document.member("Statement").is_none() && document.member("Effect").is_some() {
        return findings.refuse(document.start, Problem::StatementAlone);
    }
    match document.member("Version") {
        Some(version) => findings.inside("Version", |findings| check_version(&version.value, findings))?,
        None => {
            let right = "write \"Version\": \"1\"";
            return missing(document, "Version", right, findings);
        }
    }
    let Some(statements) = document.member("Statement") else {
        let right = "a policy document has a list of statements";
        return missing(document, "Statement", right, findings);
    };
    let statements = &statements.value;
    match &statements.content {
        Content::Array(list) if list.is_empty() => findings.inside("Statement", |findings| {
            findings.refuse(statements.start, Problem::NoStatement)
        }),
        Content::Array(list) => (1..).zip(list).try_for_each(|(number, statement)| {
            findings.inside(format_args!("statement {number}"), |findings| {
                check_statement(statement, findings)
            })
        }),
        Content::Object(_) => findings.inside("Statement", |findings| {
            findings.warn(statements.start, Problem::OneStatement);
            check_statement(statements, findings)
        }),
        _ => findings.inside("Statement", |findings| {
            wrong_type(statements, "a list of statements", findings)
        }),
    }
}

fn check_version(version: &Node<'_>, findings: &Findings) -> Checked {
    match version.as_str() {
        Some("1") => Ok(()),
        Some("2012-10-17" | "2008-10-17") => {
            findings.refuse(version.start, Problem::AwsVersion(shown(version)))
        }
        _ => findings.refuse(version.start, Problem::Version(shown(version))),
    }
}

fn check_statement(statement: &Node<'_>, findings: &mut Findings) -> Checked {
    let members = object(statement, "a statement, which is an object", findings)?;
    check_names(members, &STATEMENT, findings)?;
    let Some(effect) = statement.member("Effect") else {
        return missing(
            statement,
            "Effect",
            "write \"Effect\": \"Allow\" or \"Effect\": \"Deny\"",
            findings,
        );
    };
    let effect = &effect.value;
    if !matches!(effect.as_str(), Some("Allow" | "Deny")) {
        return findings.inside("Effect", |findings| {
            findings.refuse(effect.start, Problem::Effect(shown(effect)))
        });
    }
    let right = "a statement needs Action or NotAction, \"*\" for all";
    let actions = one_of(statement, ["Action", "NotAction"], right, findings)?;
    findings.inside(&actions.name, |findings| {
        strings(&actions.value, check_action, findings)
    })?;
    let has = |name| statement.member(name).is_some();
    if has("Principal") && !has("Resource") && !has("NotResource") {
        return findings.refuse(statement.start, Problem::TrustPolicy);
    }
    let right = "a statement needs Resource or NotResource, \"*\" for all";
    let resources = one_of(statement, ["Resource", "NotResource"], right, findings)?;
    findings.inside(&resources.name, |findings| {
        strings(&resources.value, check_resource, findings)
    })?;
    match statement.member("Condition") {
        Some(condition) => findings.inside("Condition", |findings| {
            condition::check(&condition.value, findings)
        }),
        None => Ok(()),
    }
}

/// Members that are not known: a misspelt one is refused, for it would be lost.
fn check_names(members: &[Member<'_>], known: &[&'static str], findings: &mut Findings) -> Checked {
    for Member { name, start, .. } in members {
        if known.contains(&&**name) {
            continue;
        }
        let name = name.clone().into_owned();
        match meant(&name, known) {
            Some(meant) => return findings.refuse(*start, Problem::Misspelt { name, meant }),
            None => findings.warn(*start, Problem::UnknownMember(name)),
        }
    }
    Ok(())
}

/// The one of two members that is there.
fn one_of<'d, 't>(
    statement: &'d Node<'t>,
    [name, not]: [&'static str; 2],
    right: &'static str,
    findings: &Findings,
) -> Checked<&'d Member<'t>> {
    match (statement.member(name), statement.member(not)) {
        (Some(member), None) | (None, Some(member)) => Ok(member),
        (Some(_), Some(second)) => findings.refuse(second.start, Problem::Both(name, not)),
        (None, None) => missing(statement, name, right, findings),
    }
}

/// A string, or a list of strings.
fn strings(
    value: &Node<'_>,
    check: fn(&str, &Node<'_>, &mut Findings) -> Checked,
    findings: &mut Findings,
) -> Checked {
    let one = |node: &Node<'_>, findings: &mut Findings| match &node.content {
        Content::String(text) => {
            check_text(text, node, findings);
            check(text, node, findings)
        }
        _ => wrong_type(node, "a string", findings),
    };
    match &value.content {
        Content::Array(list) if list.is_empty() => {
            findings.warn(value.start, Problem::EmptyList);
            Ok(())
        }
        Content::Array(list) => (1..).zip(list).try_for_each(|(number, node)| {
            findings.inside(format_args!("value {number}"), |findings| one(node, findings))
        }),
        Content::String(_) => one(value, findings),
        _ => wrong_type(value, "a string or a list of strings", findings),
    }
}

fn check_action(text: &str, node: &Node<'_>, findings: &mut Findings) -> Checked {
    let text = text.trim();
    let usual = match text.split_once(':') {
        Some((service, action)) => {
            !service.is_empty() && !action.is_empty() && !text.contains([' ', ',', ';'])
        }
        None => text == "*",
    };
    if !usual {
        findings.warn(node.start, Problem::ActionForm(text.to_owned()));
    }
    Ok(())
}

fn check_resource(text: &str, node: &Node<'_>, findings: &mut Findings) -> Checked {
    let text = text.trim();
    if text.starts_with("arn:") {
        return findings.refuse(node.start, Problem::AwsArn(text.to_owned()));
    }
    let usual = text == "*" || (text.starts_with("acs:") && text.splitn(5, ':').count() == 5);
    if !usual {
        findings.warn(node.start, Problem::ResourceForm(text.to_owned()));
    }
    Ok(())
}

fn missing<T>(node: &Node<'_>, name: &'static str, right: &'static str, findings: &Findings) -> Checked<T> {
    findings.refuse(node.start, Problem::Missing { name, right })
}

#[cfg(test)]
mod tests;
