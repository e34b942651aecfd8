//! What an action is made of, and which arguments each function takes.

use crate::secrets::identity::Selector;
use crate::secrets::template::error::TemplateError;
use crate::secrets::template::layout::Layout;
use crate::secrets::template::tokens::{Token, shown};

/// Functions and values of one action.
pub(super) const MOST_EXPRESSIONS: usize = 32;

/// The most random characters of one call.
const MOST_RANDOM: usize = 64;

/// Gives a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Text(String),
    DisplayName,
    RoleName,
    Identity(Selector),
    Random(usize),
    Uuid,
    UnixTime,
    UnixTimeMillis,
    Timestamp(Layout),
    Truncate(usize, Box<Self>),
    TruncateSha256(usize, Box<Self>),
    Uppercase(Box<Self>),
    Lowercase(Box<Self>),
    Replace {
        find: String,
        with: String,
        text: Box<Self>,
    },
    Sha256(Box<Self>),
    Base64(Box<Self>),
    /// One text after the other.
    Printf(Vec<Self>),
}

/// What a word of an action stands for.
#[derive(Debug)]
pub(super) enum Operand {
    Number(usize),
    Value(Expression),
    /// Without its arguments.
    Function(Function),
}

/// Name and usage of a function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    name: &'static str,
    usage: &'static str,
}

const FUNCTIONS: [Function; 13] = [
    of("random", "random 20, with at most 64"),
    of("truncate", "truncate 20 .RoleName, with a length of 1 or more"),
    of(
        "truncate_sha256",
        "truncate_sha256 20 .RoleName, with a length of 9 or more",
    ),
    of("uppercase", "uppercase .RoleName"),
    of("lowercase", "lowercase .RoleName"),
    of(
        "replace",
        "replace \"find\" \"with\" .RoleName, where random and uuid have no letters or digits replaced",
    ),
    of("sha256", "sha256 .RoleName"),
    of("base64", "base64 .RoleName"),
    of("unix_time", "unix_time"),
    of("unix_time_millis", "unix_time_millis"),
    of("timestamp", "timestamp \"2006-01-02\""),
    of("uuid", "uuid"),
    of(
        "printf",
        "printf \"%s-%s\" .RoleName unix_time, with %s or %v for each value, and %% for %",
    ),
];

const fn of(name: &'static str, usage: &'static str) -> Function {
    Function { name, usage }
}

impl Operand {
    /// Of a word that is no parenthesis and no pipe.
    pub(super) fn of(token: &Token) -> Result<Self, TemplateError> {
        Ok(match token {
            Token::Number(number) => Self::Number(*number),
            Token::Text(text) => Self::Value(Expression::Text(text.clone())),
            Token::Word(word) if token.is_selector() => match word.parse()? {
                Selector::GroupNames => return Err(TemplateError::List),
                selector => Self::Value(Expression::Identity(selector)),
            },
            Token::Word(word) => match word.as_str() {
                ".DisplayName" => Self::Value(Expression::DisplayName),
                ".RoleName" => Self::Value(Expression::RoleName),
                word => {
                    let known = FUNCTIONS.iter().find(|function| function.name == word);
                    Self::Function(*known.ok_or_else(|| TemplateError::Unknown(shown(word)))?)
                }
            },
            Token::Open | Token::Close | Token::Pipe => return Err(TemplateError::Expected("a value")),
        })
    }

    /// As what a template prints.
    pub(super) fn into_value(self) -> Result<Expression, TemplateError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Number(number) => Ok(Expression::Text(number.to_string())),
            Self::Function(function) => function.call(Vec::new())?.into_value(),
        }
    }
}

impl Function {
    /// The function with its arguments.
    pub(super) fn call(self, arguments: Vec<Operand>) -> Result<Operand, TemplateError> {
        let usage = || TemplateError::Usage {
            function: self.name,
            usage: self.usage,
        };
        let mut arguments = arguments.into_iter();
        let call = match self.name {
            "random" => Expression::Random(number(&mut arguments, 1..=MOST_RANDOM).ok_or_else(usage)?),
            "truncate" => {
                let length = number(&mut arguments, 1..=usize::MAX).ok_or_else(usage)?;
                Expression::Truncate(length, value(&mut arguments).ok_or_else(usage)?)
            }
            "truncate_sha256" => {
                let length = number(&mut arguments, 9..=usize::MAX).ok_or_else(usage)?;
                Expression::TruncateSha256(length, value(&mut arguments).ok_or_else(usage)?)
            }
            "uppercase" => Expression::Uppercase(value(&mut arguments).ok_or_else(usage)?),
            "lowercase" => Expression::Lowercase(value(&mut arguments).ok_or_else(usage)?),
            "replace" => {
                let find = text(&mut arguments)
                    .filter(|find| !find.is_empty())
                    .ok_or_else(usage)?;
                let with = text(&mut arguments).ok_or_else(usage)?;
                let text = value(&mut arguments).ok_or_else(usage)?;
                // It would find something now and then, and leave less that is random.
                if text.is_random() && find.contains(|c: char| c.is_ascii_alphanumeric()) {
                    return Err(usage());
                }
                Expression::Replace { find, with, text }
            }
            "sha256" => Expression::Sha256(value(&mut arguments).ok_or_else(usage)?),
            "base64" => Expression::Base64(value(&mut arguments).ok_or_else(usage)?),
            "unix_time" => Expression::UnixTime,
            "unix_time_millis" => Expression::UnixTimeMillis,
            "timestamp" => {
                let format = text(&mut arguments).ok_or_else(usage)?;
                Expression::Timestamp(format.parse()?)
            }
            "uuid" => Expression::Uuid,
            _ => {
                let format = text(&mut arguments).ok_or_else(usage)?;
                Expression::Printf(printf(&format, &mut arguments).ok_or_else(usage)?)
            }
        };
        match arguments.next() {
            None => Ok(Operand::Value(call)),
            Some(_) => Err(usage()),
        }
    }
}

impl Expression {
    /// Whether there is something random in it.
    fn is_random(&self) -> bool {
        match self {
            Self::Random(_) | Self::Uuid => true,
            Self::Truncate(_, text)
            | Self::TruncateSha256(_, text)
            | Self::Uppercase(text)
            | Self::Lowercase(text)
            | Self::Sha256(text)
            | Self::Base64(text)
            | Self::Replace { text, .. } => text.is_random(),
            Self::Printf(parts) => parts.iter().any(Self::is_random),
            _ => false,
        }
    }
}

type Arguments = std::vec::IntoIter<Operand>;

fn number(arguments: &mut Arguments, range: std::ops::RangeInclusive<usize>) -> Option<usize> {
    match arguments.next() {
        Some(Operand::Number(number)) if range.contains(&number) => Some(number),
        _ => None,
    }
}

fn text(arguments: &mut Arguments) -> Option<String> {
    match arguments.next() {
        Some(Operand::Value(Expression::Text(text))) => Some(text),
        _ => None,
    }
}

fn value(arguments: &mut Arguments) -> Option<Box<Expression>> {
    match arguments.next() {
        Some(Operand::Value(value)) => Some(Box::new(value)),
        _ => None,
    }
}

/// The parts of a format, with an argument for each of its verbs.
fn printf(format: &str, arguments: &mut Arguments) -> Option<Vec<Expression>> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut characters = format.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match characters.next() {
            Some('%') => text.push('%'),
            Some('s' | 'v') => {
                parts.push(Expression::Text(std::mem::take(&mut text)));
                parts.push(*value(arguments)?);
            }
            _ => return None,
        }
    }
    parts.push(Expression::Text(text));
    Some(parts)
}
