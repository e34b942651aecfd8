//! The grammar of conditions: operator, key, values.

use std::net::IpAddr;

use ipnet::IpNet;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::finding::{Checked, Findings, Problem};
use super::value::{check_text, object, shown, wrong_type};
use crate::framework::Excerpt;
use crate::framework::json::{Content, Node, meant};

/// What the values of an operator are. RAM's documents write all of them as strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    Address,
    Date,
    Flag,
    Number,
    Text,
}

/// The operators that RAM documents ("Conditional operators").
const OPERATORS: [(&str, Values); 21] = [
    ("StringEquals", Values::Text),
    ("StringNotEquals", Values::Text),
    ("StringEqualsIgnoreCase", Values::Text),
    ("StringNotEqualsIgnoreCase", Values::Text),
    ("StringLike", Values::Text),
    ("StringNotLike", Values::Text),
    ("NumericEquals", Values::Number),
    ("NumericNotEquals", Values::Number),
    ("NumericLessThan", Values::Number),
    ("NumericLessThanEquals", Values::Number),
    ("NumericGreaterThan", Values::Number),
    ("NumericGreaterThanEquals", Values::Number),
    ("DateEquals", Values::Date),
    ("DateNotEquals", Values::Date),
    ("DateLessThan", Values::Date),
    ("DateLessThanEquals", Values::Date),
    ("DateGreaterThan", Values::Date),
    ("DateGreaterThanEquals", Values::Date),
    ("Bool", Values::Flag),
    ("IpAddress", Values::Address),
    ("NotIpAddress", Values::Address),
];

pub(super) fn check(condition: &Node<'_>, findings: &mut Findings) -> Checked {
    if condition.content == Content::Null {
        findings.warn(condition.start, Problem::Null);
        return Ok(());
    }
    for operator in object(condition, "an object of operators", findings)? {
        let name = &*operator.name;
        let known = OPERATORS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, values)| *values);
        let Some(keys) = operator.value.members() else {
            if known.is_none() && name.contains(':') {
                return findings.refuse(operator.start, Problem::NoOperator(name.to_owned()));
            }
            return findings.inside(Excerpt(name), |findings| {
                wrong_type(&operator.value, "an object of keys and values", findings)
            });
        };
        if known.is_none() && !findings.is_full() {
            let names = OPERATORS.map(|(name, _)| name);
            let (name, meant) = (name.to_owned(), meant(name, &names));
            findings.warn(operator.start, Problem::UnknownOperator { name, meant });
        }
        findings.inside(Excerpt(&operator.name), |findings| {
            keys.iter().try_for_each(|key| {
                let usual = key
                    .name
                    .split_once(':')
                    .is_some_and(|(service, key)| !service.is_empty() && !key.is_empty());
                if !usual {
                    findings.warn(key.start, Problem::KeyForm(key.name.clone().into_owned()));
                }
                findings.inside(Excerpt(&key.name), |findings| {
                    check_values(&key.value, known, findings)
                })
            })
        })?;
    }
    Ok(())
}

fn check_values(value: &Node<'_>, known: Option<Values>, findings: &mut Findings) -> Checked {
    match &value.content {
        Content::Array(list) => {
            if list.is_empty() {
                findings.warn(value.start, Problem::EmptyList);
            }
            if known == Some(Values::Flag) && list.len() > 1 {
                findings.warn(value.start, Problem::SeveralFlags);
            }
            list.iter()
                .try_for_each(|value| check_value(value, known, findings))
        }
        _ => check_value(value, known, findings),
    }
}

fn check_value(value: &Node<'_>, known: Option<Values>, findings: &mut Findings) -> Checked {
    let text = match &value.content {
        Content::String(text) => {
            check_text(text, value, findings);
            &**text
        }
        Content::Bool(_) | Content::Number => value.text,
        Content::Null | Content::Array(_) | Content::Object(_) => {
            return wrong_type(
                value,
                "a string, a number, true or false, or a list of such",
                findings,
            );
        }
    };
    let expected = match known {
        Some(Values::Address) if !is_address(text) => "an IP address or a range such as \"192.0.2.0/24\"",
        Some(Values::Date) if OffsetDateTime::parse(text, &Rfc3339).is_err() => {
            "a time such as \"2026-01-31T08:00:00Z\" or \"2026-01-31T16:00:00+08:00\""
        }
        Some(Values::Flag) if !matches!(text, "true" | "false") => "\"true\" or \"false\"",
        Some(Values::Number) if text.parse::<f64>().is_err() => "a number",
        _ => return Ok(()),
    };
    let problem = Problem::Value {
        value: shown(value),
        expected,
    };
    findings.warn(value.start, problem);
    Ok(())
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.parse::<IpNet>().is_ok()
}
